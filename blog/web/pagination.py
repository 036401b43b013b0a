"""Lists that come in pages: which one is asked for, and the way to its neighbours."""

from collections.abc import Callable
from dataclasses import dataclass

from blog import web
from blog.models.listing import NumberedPage


@dataclass(frozen=True)
class Pagination:
    """A page of a list among the others: `total` counts rows, `previous` and `next` are links."""

    number: int
    pages: int
    total: int
    previous: str | None
    next: str | None


def paginate(found: NumberedPage, address: Callable[[int], str]) -> Pagination:
    """`address(number)` is the link to a page."""
    here, last = found.page, found.pages
    return Pagination(
        here,
        last,
        found.total,
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
