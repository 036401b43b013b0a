"""HEAD requests, for which sanic-ext adds a route to each GET route that has none."""

from collections.abc import Iterator

from tests.support.app_client import AppClient

FEEDS = [
    f"{place}/{file}"
    for place in ("/tags/marmalade", "/authors/ann", "/comments/{post}")
    for file in ("feed.atom", "rss.xml", "feed.json")
]


def plain_paths(client: AppClient) -> Iterator[str]:
    """Return the paths of all routes without parameters that are for readers or monitoring."""
    for route in client.app.router.routes:
        blueprint = route.name.split(".")[1]
        if "GET" in route.methods and blueprint in ("home", "health") and not route.params:
            yield f"/{route.path}"


def test_head_gets_the_status_and_type_that_get_does_before_the_page_is_cached(
    client: AppClient,
) -> None:
    feeds = [feed.format(post=client.cast.ann_live.id) for feed in FEEDS]
    paths = {*plain_paths(client), *feeds, *(f"{feed}/page/1" for feed in feeds)}
    assert {"/", "/rss.xml", "/feed", "/site.webmanifest", "/health/metrics"} <= paths
    for path in sorted(paths):
        head = client.ask("HEAD", path)
        answer = client.get(path)
        assert head.status == answer.status < 500, path
        assert head.header("content-type") == answer.header("content-type"), path
        assert head.body == b"", path


def test_a_head_route_declares_what_its_get_route_does(client: AppClient) -> None:
    """Sanic-ext does not copy a route's `ctx` to the HEAD route that it adds; the blog does."""

    def declared(method: str) -> dict[str, dict[str, object]]:
        routes = [route for route in client.app.router.routes if method in route.methods]
        return {route.path: vars(route.ctx) for route in routes if vars(route.ctx)}

    assert declared("GET")
    assert declared("GET") == declared("HEAD")
