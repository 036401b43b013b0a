"""What the lists of posts share: the addresses of their pages, and how a page is shown."""

from collections.abc import Callable

from sanic import HTTPResponse, Request

from blog import web
from blog.models.public.cards import PostList
from blog.web import pagination


def query_pages(path: str) -> Callable[[int], str]:
    """The addresses of the pages of a list whose number stands in the query."""
    return lambda number: f"{path}?page={number}" if number > 1 else path


def show_listing(
    request: Request,
    shelf: PostList,
    *,
    kicker: str,
    heading: str,
    about: str = "",
    feed: str = "",
) -> HTTPResponse:
    """A page of posts that have something in common."""
    page = pagination.paginate(shelf, query_pages(request.path))
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
