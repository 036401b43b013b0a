"""What is counted of kept pages is what they take, however many are asked for."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from sanic import HTTPResponse

from blog.cache.encoded_response import CachedPage
from blog.cache.page_cache import COMMON_TAGS, PageCache
from tests.support.app_client import AppClient
from tests.support.raw_connection import Heard, RawConnection, plain

POST = "/posts/a-marmalade-morning"
LIMIT = 4_000_000  # bytes
MANY = 1500  # several times as many as fit
GENERAL = ("connection", "content-length", "content-type", "date", "etag")


@pytest.fixture
def pages(client: AppClient) -> Iterator[PageCache]:
    found: PageCache = client.app.ctx.pages
    limit, found.limit = found.limit, LIMIT
    yield found
    found.drop(None)
    found.limit = limit


def alike(heard: Heard, number: int) -> CachedPage:
    """As large as a real page, of another post."""
    given = {name: value for name, value in heard.headers.items() if name not in GENERAL}
    type = heard.headers["content-type"]
    body = heard.body + f"<!-- {number} -->".encode()
    page = CachedPage(
        HTTPResponse(body, headers=given, content_type=type), COMMON_TAGS | {f"post:{number}"}
    )
    if number % 10 == 0:  # one that was asked for twice
        page.add(page.compress())
    return page


@pytest.mark.slow  # each allocation is traced
def test_a_hundred_thousand_posts_take_no_more_than_the_bound(
    client: AppClient, pages: PageCache
) -> None:
    with RawConnection(client.port) as wire:
        heard = wire.ask(plain(POST))
    pages.drop(None)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(MANY):
            pages._store(f"/posts/a-post-of-many-{number}".encode(), alike(heard, number))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        kept = pages.size
    finally:
        tracemalloc.stop()
    assert 0.9 * LIMIT < kept <= LIMIT
    assert 0.9 * kept < taken < 1.1 * kept, f"{taken:,} bytes for {kept:,} counted"
