"""The search page: a form that works without a script, and results with marked words."""

from functools import partial
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.home import bp
from blog.models.search import search as post_search
from blog.web import pagination

LONGEST_QUERY = 200  # characters; the rest is ignored


@bp.get("/search")
async def search(request: Request) -> HTTPResponse:
    """Show the search form and a page of results.

    Searches take turns, so that many of them at once do not slow down other pages.
    """
    query = " ".join((request.args.get("q") or "")[:LONGEST_QUERY].split())
    if not query:
        return web.render(request, "home/search.html", query="", found=None, page=None)
    number = pagination.page_number(request.args.get("page"))
    find = partial(web.read, request, post_search.find, query, page=number)
    results = await request.app.ctx.search_limiter.take(find)
    if number > results.pages:
        raise web.PageNotFound
    page = pagination.paginate(
        results, lambda n: f"{request.path}?{urlencode({'q': query, 'page': n})}"
    )
    return web.render(request, "home/search.html", query=query, found=results, page=page)
