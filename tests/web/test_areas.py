"""Access to the public site, the dashboard and the admin area, through Sanic's test client."""

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
STATUSES = {
    "/": {"visitor": 200, "ann": 200, "eve": 200, "kim": 200},
    "/archive": {"visitor": 200, "ann": 200, "eve": 200, "kim": 200},
    "/control-panel": {"visitor": 303, "ann": 200, "eve": 200, "kim": 200},
    "/control-panel/profile": {"visitor": 303, "ann": 200, "eve": 200, "kim": 200},
    "/admin": {"visitor": 303, "ann": 403, "eve": 200, "kim": 200},
    "/admin/people": {"visitor": 303, "ann": 403, "eve": 403, "kim": 200},
}


@pytest.fixture(scope="module")
def ask(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A function `ask("get", path, who)` that returns the response for a visitor or a user."""
    config = Config(data_dir=tmp_path_factory.mktemp("areas"))
    people = furnished.settle(config)
    database = Database(config)
    app = create_app(config, name="areas")
    app.ctx.templates.bytecode_cache = compiled
    loop = asyncio.new_event_loop()

    def send(method: str, path: str, who: str = "visitor", **options: Any) -> Any:
        has_session = who != "visitor"
        cookies = cast.sign_in(database, getattr(people, who)) if has_session else {}
        headers = (
            {"cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())} if has_session else {}
        )
        headers |= options.pop("headers", {})
        options |= {"headers": headers, "follow_redirects": False, "gather_request": False}
        return getattr(client, method)(path, **options)[1]

    with ReusableClient(app, port=free_port(), loop=loop) as client:
        yield send
    loop.close()
    database.close()


@pytest.mark.parametrize("who", ["visitor", "ann", "eve", "kim"])
@pytest.mark.parametrize("path", STATUSES)
def test_each_area_admits_the_right_roles(ask: Ask, path: str, who: str) -> None:
    answer = ask("get", path, who)
    assert answer.status == STATUSES[path][who]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_an_author_creates_a_post_with_our_own_form(ask: Ask) -> None:
    form = {"data": {"kind": "post"}}
    started = ask("post", "/control-panel/posts/new", "ann", headers=cast.OURS, **form)
    assert started.status == 303
    assert ask("get", started.headers["location"], "ann").status == 200


def test_a_form_of_another_site_is_rejected(ask: Ask) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    form = {"data": {"kind": "post"}}
    assert ask("post", "/control-panel/posts/new", "ann", headers=headers, **form).status == 403
