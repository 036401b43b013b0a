"""Pagination: the number of the page that is requested, and links to the pages next to it."""

from collections.abc import Callable
from dataclasses import dataclass

from blog import web
from blog.models.listing import NumberedPage


@dataclass(frozen=True)
class Pagination:
    """One page of a list among the others.

    `pages` counts pages, `total` counts rows; `previous` and `next` are links.
    """

    number: int
    pages: int
    total: int
    previous: str | None
    next: str | None


def paginate(page: NumberedPage, address: Callable[[int], str]) -> Pagination:
    """Return the links around a page; `address(number)` is the link to one."""
    number, last = page.page, page.pages
    return Pagination(
        number,
        last,
        page.total,
        address(number - 1) if number > 1 else None,
        address(number + 1) if number < last else None,
    )


def page_number(text: str | None) -> int:
    """Read a page number from a URL; None is page 1.

    Raises `PageNotFound` for anything but a positive decimal number without leading zeros, so that
    each page has only one address.
    """
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 6) or text.startswith("0"):
        raise web.PageNotFound
    return int(text)
