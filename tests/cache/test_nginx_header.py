"""The X-Accel-Expires header: when nginx may cache a response, and for how long."""

import time
from collections.abc import Iterator

import pytest

from tests.support.app_client import AppClient
from tests.support.raw_connection import Heard, RawConnection, plain

POST = "/posts/a-marmalade-morning"
EXPIRES = "x-accel-expires"


@pytest.fixture
def connection(client: AppClient) -> Iterator[RawConnection]:
    client.app.ctx.page_cache.drop(None)
    with RawConnection(client.port) as connection:
        yield connection


def this_second() -> int:
    return int(time.time())


def ask_as_nginx(connection: RawConnection, path: str, until: str, *lines: str) -> Heard:
    return connection.ask(plain(path, f"X-Accel-Expires: {until}", *lines))


def test_a_request_without_the_header_gets_no_expiry(connection: RawConnection) -> None:
    for _ in range(3):  # as it is rendered, from the cache, by the fast path
        assert EXPIRES not in connection.ask(plain(POST)).headers


@pytest.mark.parametrize("path", ["/", POST, "/archive", "/feed.atom"])
def test_nginx_may_cache_a_public_page_until_the_end_of_the_current_second(
    connection: RawConnection, path: str
) -> None:
    for _ in range(3):
        second = this_second()
        assert ask_as_nginx(connection, path, f"@{second}").headers[EXPIRES] == f"@{second}"


def test_the_expiry_is_not_later_than_our_own_clock(connection: RawConnection) -> None:
    expiry = ask_as_nginx(connection, POST, "@99999999999").headers[EXPIRES]
    assert this_second() - 2 <= int(expiry[1:]) <= this_second()
    past = this_second() - 30  # the clock of nginx is behind ours
    assert ask_as_nginx(connection, POST, f"@{past}").headers[EXPIRES] == f"@{past}"


@pytest.mark.parametrize(
    "until", ["60", "@", "@-1", "@1", "@x", "@1763717690.5", "off", "@１７６３７１７６９"]
)
def test_an_invalid_header_gets_no_expiry(connection: RawConnection, until: str) -> None:
    assert EXPIRES not in ask_as_nginx(connection, POST, until).headers


def test_nginx_gets_the_compressed_page_at_the_first_request(connection: RawConnection) -> None:
    response = ask_as_nginx(connection, POST, f"@{this_second()}", "Accept-Encoding: br")
    assert response.headers["content-encoding"] == "br"
    etag = response.headers["etag"]
    revalidated = ask_as_nginx(connection, POST, f"@{this_second()}", f"If-None-Match: {etag}")
    assert (revalidated.status, EXPIRES in revalidated.headers) == (304, True)


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (f"{POST}?utm_source=x", ()),
        ("/?page=1", ()),
        (POST, ("Cookie: session=x",)),
        (POST, ("Cookie: __Host-waiting=x",)),
        ("/sign-in", ()),
        ("/search?q=morning", ()),
        ("/nothing/here", ()),
        ("/control-panel/", ()),
    ],
)
def test_nginx_may_not_cache_a_personal_page_or_another_spelling(
    connection: RawConnection, path: str, lines: tuple[str, ...]
) -> None:
    for _ in range(2):
        assert EXPIRES not in ask_as_nginx(connection, path, f"@{this_second()}", *lines).headers


def test_nginx_may_cache_that_a_page_is_gone_when_it_revalidates(connection: RawConnection) -> None:
    gone = ask_as_nginx(connection, "/nothing/here", f"@{this_second()}", 'If-None-Match: "x"')
    assert (gone.status, EXPIRES in gone.headers) == (404, True)
    unknown = connection.ask(plain("/nothing/here", 'If-None-Match: "x"'))
    assert EXPIRES not in unknown.headers
