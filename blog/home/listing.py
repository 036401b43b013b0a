"""The page shared by all lists of posts (tag, author, year, month), with its pagination."""

from collections.abc import Callable

from sanic import HTTPResponse, Request

from blog import web
from blog.models.public.cards import PostList
from blog.web import pagination


def query_pages(path: str) -> Callable[[int], str]:
    """Return a function from a page number to its address, with the number in the query."""
    return lambda number: f"{path}?page={number}" if number > 1 else path


def show_listing(
    request: Request,
    posts: PostList,
    *,
    kicker: str,
    up: str,
    heading: str,
    about: str = "",
    has_feeds: bool = False,
) -> HTTPResponse:
    """Render a page of posts under a heading.

    `kicker` is the untranslated word above the heading, and links to the route `up`; `about` is a
    paragraph below the heading, and `has_feeds` whether the list has feeds, whose addresses begin
    with the list's own.
    """
    page = pagination.paginate(posts, query_pages(request.path))
    return web.render(
        request,
        "home/listing.html",
        posts=posts.cards,
        page=page,
        kicker=web.translate_for(request, kicker),
        up=web.url(request, up),
        heading=heading,
        about=about,
        feeds=request.path if has_feeds else "",
    )
