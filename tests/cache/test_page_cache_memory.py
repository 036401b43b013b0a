"""The page cache counts the memory that its pages really take, and stays within its limit."""

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
MANY = 1500  # pages: several times as many as fit
GENERAL = ("connection", "content-length", "content-type", "date", "etag")


@pytest.fixture
def pages(client: AppClient) -> Iterator[PageCache]:
    cache: PageCache = client.app.ctx.page_cache
    limit, cache.limit = cache.limit, LIMIT
    yield cache
    cache.drop(None)
    cache.limit = limit


def similar_page(response: Heard, number: int) -> CachedPage:
    """A page as large as a real one, of another post."""
    headers = {name: value for name, value in response.headers.items() if name not in GENERAL}
    type = response.headers["content-type"]
    body = response.body + f"<!-- {number} -->".encode()
    page = CachedPage(
        HTTPResponse(body, headers=headers, content_type=type), COMMON_TAGS | {f"post:{number}"}
    )
    if number % 10 == 0:  # as if it had been requested twice
        page.add(page.compress())
    return page


@pytest.mark.slow  # each allocation is traced
def test_the_cache_takes_no_more_memory_than_its_limit(client: AppClient, pages: PageCache) -> None:
    with RawConnection(client.port) as connection:
        response = connection.ask(plain(POST))
    pages.drop(None)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(MANY):
            pages._store(f"/posts/a-post-of-many-{number}".encode(), similar_page(response, number))
        gc.collect()
        measured, _ = tracemalloc.get_traced_memory()
        counted = pages.size
    finally:
        tracemalloc.stop()
    assert 0.9 * LIMIT < counted <= LIMIT
    assert 0.9 * counted < measured < 1.1 * counted, (
        f"{measured:,} bytes measured, {counted:,} counted"
    )
