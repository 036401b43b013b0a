"""What lists of posts share: where a page of one stands, and how it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sanic import HTTPResponse, Request

from blog import web
from blog.models.reading import Shelf


class Countable(Protocol):
    """Anything shown page by page: posts on a shelf, hits of a search."""

    @property
    def total(self) -> int: ...
    @property
    def page(self) -> int: ...
    @property
    def pages(self) -> int: ...


@dataclass(frozen=True)
class ListedPages:
    """A page of a list among the others; `previous` and `next` are links."""

    number: int
    pages: int
    total: int
    previous: str | None
    next: str | None


def listed_pages(found: Countable, address: Callable[[int], str]) -> ListedPages:
    here, last = found.page, found.pages
    return ListedPages(
        here,
        last,
        found.total,
        address(here - 1) if here > 1 else None,
        address(here + 1) if here < last else None,
    )


def query_pages(path: str) -> Callable[[int], str]:
    """The addresses of the pages of a list whose number stands in the query."""
    return lambda number: f"{path}?page={number}" if number > 1 else path


def show_listing(
    request: Request,
    shelf: Shelf,
    *,
    kicker: str,
    heading: str,
    about: str = "",
    feed: str = "",
) -> HTTPResponse:
    """A page of posts that have something in common."""
    page = listed_pages(shelf, query_pages(request.path))
    return web.render(
        request,
        "home/listing.html",
        posts=shelf.cards,
        page=page,
        kicker=web.say(request, kicker),
        heading=heading,
        about=about,
        feed=feed,
    )
