"""The link to the edit page on a post: shown to those who may edit it, and never in a cache."""

import shutil
from collections.abc import Iterator

import pytest

from blog.cache.encoded_response import PLAIN
from blog.config import Config
from tests.support import cast
from tests.support.app_client import AppClient, Furnished
from tests.support.live_server import wait_for
from tests.support.nginx_server import Nginx
from tests.support.raw_connection import RawConnection, plain


def edit_link(id: int) -> str:
    return f'href="/control-panel/posts/{id}"'


@pytest.mark.parametrize(
    ("name", "post", "may_edit"),
    [
        ("ann", "ann_live", True),
        ("ann", "bob_live", False),
        ("eve", "bob_live", True),
        ("kim", "bob_live", True),
        ("ann", "about", False),
        ("eve", "about", True),
    ],
)
def test_a_post_has_an_edit_link_for_those_who_may_edit_it(
    open_client: AppClient, name: str, post: str, may_edit: bool
) -> None:
    planted = getattr(open_client.cast, post)
    page = open_client.get(planted.path, cookies=open_client.let_in(name))
    assert (edit_link(planted.id) in page.text) is may_edit
    assert page.header("cache-control") == "private, no-store"
    if may_edit:
        target = f"/control-panel/posts/{planted.id}"
        assert open_client.get(target, cookies=open_client.let_in(name)).status == 200


def test_a_visitor_sees_no_edit_link(open_client: AppClient) -> None:
    planted = open_client.cast.ann_live
    for cookies in ({}, {"session": "ended"}):
        page = open_client.get(planted.path, cookies=cookies)
        assert page.status == 200
        assert "/control-panel/posts/" not in page.text


# --- caches ---


@pytest.fixture(params=[True, False], ids=["fast path", "without the fast path"])
def caching(
    request: pytest.FixtureRequest, furnished: Furnished, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppClient]:
    config = Config(data_dir=tmp_path_factory.mktemp("edit"), lane=request.param)
    shutil.copy(furnished.file, config.data_dir)
    with AppClient(config) as client:
        client.cast = furnished.cast
        yield client


def test_the_page_cache_never_holds_an_edit_link(caching: AppClient) -> None:
    planted = caching.cast.ann_live
    cookies = caching.let_in("ann")
    first = caching.get(planted.path, cookies=cookies)  # nothing is cached yet
    assert edit_link(planted.id) in first.text
    for_readers = [caching.get(planted.path).body for _ in range(2)]
    assert edit_link(planted.id) in caching.get(planted.path, cookies=cookies).text
    with RawConnection(caching.port) as line:
        path = planted.path
        wait_for(lambda: "content-encoding" in line.ask(plain(path, "Accept-Encoding: br")).headers)
        for_readers.append(line.ask(plain(path)).body)
    assert len(set(for_readers)) == 1
    pages = caching.app.ctx.page_cache._pages.values()
    bodies = [page.variants[PLAIN].body for page in pages]
    assert bodies and not any(b"/control-panel/posts/" in body for body in bodies)


@pytest.mark.server
@pytest.mark.nginx
def test_nginx_never_caches_an_edit_link(front: Nginx) -> None:
    planted = front.site.cast.bob_live
    cookies = cast.sign_in(front.site.database, front.site.cast.bob)
    signed_in = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    for _ in range(3):
        mine, theirs = front.get(planted.path, **signed_in), front.get(planted.path)
        assert edit_link(planted.id) in mine.text
        assert mine.headers["cache-control"] == "private, no-store"
        assert "/control-panel/posts/" not in theirs.text
    kept = [path for path in (front.folder / "kept").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"/control-panel/posts/" in path.read_bytes() for path in kept)
