"""Each room, asked through Sanic's own test client."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sanic_testing.reusable import ReusableClient

from blog.app import create_app
from blog.config import Config
from blog.db import Database
from tests.support import cast
from tests.support.app_client import Furnished, compiled
from tests.support.live_server import free_port

Ask = Callable[..., Any]
PLACES = {
    "/": {"visitor": 200, "ann": 200, "eve": 200, "kim": 200},
    "/archive": {"visitor": 200, "ann": 200, "eve": 200, "kim": 200},
    "/control-panel": {"visitor": 303, "ann": 200, "eve": 200, "kim": 200},
    "/control-panel/profile": {"visitor": 303, "ann": 200, "eve": 200, "kim": 200},
    "/admin": {"visitor": 303, "ann": 403, "eve": 200, "kim": 200},
    "/admin/people": {"visitor": 303, "ann": 403, "eve": 403, "kim": 200},
}


@pytest.fixture(scope="module")
def ask(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """`ask("get", path, who)`: the answer to a visitor or to one of the cast."""
    config = Config(data_dir=tmp_path_factory.mktemp("rooms"))
    people = furnished.settle(config)
    database = Database(config)
    app = create_app(config, name="rooms")
    app.ctx.templates.bytecode_cache = compiled
    loop = asyncio.new_event_loop()

    def question(method: str, path: str, who: str = "visitor", **how: Any) -> Any:
        known = who != "visitor"
        cookies = cast.sign_in(database, getattr(people, who)) if known else {}
        headers = {"cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())} if known else {}
        headers |= how.pop("headers", {})
        how |= {"headers": headers, "follow_redirects": False, "gather_request": False}
        return getattr(client, method)(path, **how)[1]

    with ReusableClient(app, port=free_port(), loop=loop) as client:
        yield question
    loop.close()
    database.close()


@pytest.mark.parametrize("who", ["visitor", "ann", "eve", "kim"])
@pytest.mark.parametrize("path", PLACES)
def test_a_room_opens_for_whom_it_is_meant_for(ask: Ask, path: str, who: str) -> None:
    answer = ask("get", path, who)
    assert answer.status == PLACES[path][who]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_writer_starts_a_post_by_a_form_of_our_own(ask: Ask) -> None:
    form = {"data": {"kind": "post"}}
    started = ask("post", "/control-panel/posts/new", "ann", headers=cast.OURS, **form)
    assert started.status == 303
    assert ask("get", started.headers["location"], "ann").status == 200


def test_a_form_of_another_site_changes_nothing(ask: Ask) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    form = {"data": {"kind": "post"}}
    assert ask("post", "/control-panel/posts/new", "ann", headers=headers, **form).status == 403
