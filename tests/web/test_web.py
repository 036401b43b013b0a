"""The helpers that all views share: URLs of routes."""

from types import SimpleNamespace

import pytest

from blog import web
from tests.support.app_client import AppClient


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("home.index", {}, "/"),
        ("home.search", {}, "/search"),
        ("home.comment", {"id": 7}, "/comments/7"),
        ("home.comment_feed_atom", {"id": 7}, "/comments/7/feed.atom"),
        ("home.comment_feed_rss_page", {"id": 7, "number": 2}, "/comments/7/rss.xml/page/2"),
        ("home.month", {"year": 2026, "month": 11}, "/archive/2026/11"),
        ("home.tag", {"slug": "墨"}, "/tags/墨"),
        ("admin.audit", {"by": 3}, "/admin/audit?by=3"),
        ("admin.posts", {"author": "ann"}, "/admin/posts?author=ann"),
    ],
)
def test_url_returns_the_same_path_as_sanic(
    client: AppClient, name: str, params: dict[str, object], path: str
) -> None:
    request = SimpleNamespace(app=client.app)
    assert web.url(request, name, **params) == path == client.app.url_for(name, **params)
    assert web.url(request, name, **params) == path  # from the cached pattern


def test_url_returns_the_same_path_as_sanic_for_every_route(client: AppClient) -> None:
    request = SimpleNamespace(app=client.app)
    for route in client.app.router.routes:
        name = route.name.removeprefix(f"{client.app.name}.")
        params = {parameter.name: 7 for parameter in route.params.values() if parameter.cast is int}
        if len(params) == len(route.params) and not name.startswith("_"):
            assert web.url(request, name, **params) == client.app.url_for(name, **params), name
