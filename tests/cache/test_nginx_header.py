"""How long a proxy in front may keep what it gets, and who is told so."""

import time
from collections.abc import Iterator

import pytest

from tests.support.app_client import AppClient
from tests.support.raw_connection import Heard, RawConnection, plain

POST = "/posts/a-marmalade-morning"
UNTIL = "x-accel-expires"


@pytest.fixture
def wire(client: AppClient) -> Iterator[RawConnection]:
    client.app.ctx.pages.drop(None)
    with RawConnection(client.port) as wire:
        yield wire


def this_second() -> int:
    return int(time.time())


def asked(wire: RawConnection, path: str, until: str, *lines: str) -> Heard:
    return wire.ask(plain(path, f"X-Accel-Expires: {until}", *lines))


def test_who_does_not_ask_is_told_nothing(wire: RawConnection) -> None:
    for _ in range(3):  # as it is made, as it is kept, by the lane
        assert UNTIL not in wire.ask(plain(POST)).headers


@pytest.mark.parametrize("path", ["/", POST, "/archive", "/feed.atom"])
def test_a_page_for_all_may_be_kept_for_the_second_in_which_it_is_asked_for(
    wire: RawConnection, path: str
) -> None:
    for _ in range(3):
        second = this_second()
        assert asked(wire, path, f"@{second}").headers[UNTIL] == f"@{second}"


def test_not_beyond_our_own_second_whatever_is_asked(wire: RawConnection) -> None:
    said = asked(wire, POST, "@99999999999").headers[UNTIL]
    assert this_second() - 2 <= int(said[1:]) <= this_second()
    past = this_second() - 30  # its clock is slow: by that clock, then
    assert asked(wire, POST, f"@{past}").headers[UNTIL] == f"@{past}"


@pytest.mark.parametrize(
    "until", ["60", "@", "@-1", "@1", "@x", "@1763717690.5", "off", "@１７６３７１７６９"]
)
def test_what_is_no_second_is_not_answered(wire: RawConnection, until: str) -> None:
    assert UNTIL not in asked(wire, POST, until).headers


def test_it_is_given_the_smallest_form_the_first_time(wire: RawConnection) -> None:
    heard = asked(wire, POST, f"@{this_second()}", "Accept-Encoding: br")
    assert heard.headers["content-encoding"] == "br"
    etag = heard.headers["etag"]
    again = asked(wire, POST, f"@{this_second()}", f"If-None-Match: {etag}")
    assert (again.status, UNTIL in again.headers) == (304, True)


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
def test_what_is_not_for_all_or_spelled_otherwise_is_not_kept(
    wire: RawConnection, path: str, lines: tuple[str, ...]
) -> None:
    for _ in range(2):
        assert UNTIL not in asked(wire, path, f"@{this_second()}", *lines).headers


def test_what_has_gone_takes_the_place_of_the_page(wire: RawConnection) -> None:
    gone = asked(wire, "/nothing/here", f"@{this_second()}", 'If-None-Match: "x"')
    assert (gone.status, UNTIL in gone.headers) == (404, True)
    unknown = wire.ask(plain("/nothing/here", 'If-None-Match: "x"'))
    assert UNTIL not in unknown.headers
