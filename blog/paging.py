"""Lists that come in pages: which one is asked for, and the way to its neighbours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from blog import web


@dataclass(frozen=True)
class Pages:
    """Where a page of a list stands among the others."""

    number: int
    pages: int
    previous: str | None
    next: str | None


class Paged(Protocol):
    """A list that comes in pages: the shelf of the front room, the listings of the others."""

    @property
    def page(self) -> int: ...
    @property
    def pages(self) -> int: ...


def paginate(shelf: Paged, address: Callable[[int], str]) -> Pages:
    """`address(number)` is the link to a page."""
    here, last = shelf.page, shelf.pages
    return Pages(
        here,
        last,
        address(here - 1) if here > 1 else None,
        address(here + 1) if here < last else None,
    )


def page_number(text: str | None) -> int:
    """A page number from an address, in its one spelling; what is none is a page that does not
    exist."""
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 6) or text.startswith("0"):
        raise web.NotHere
    return int(text)
