"""Search: a form that works without a script, and its hits in their context."""

from functools import partial
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.home import bp
from blog.models.search import search as searching
from blog.web import pagination

LONGEST = 200


@bp.get("/search")
async def search(request: Request) -> HTTPResponse:
    query = " ".join((request.args.get("q") or "")[:LONGEST].split())
    if not query:
        return web.render(request, "home/search.html", query="", found=None, page=None)
    number = pagination.page_number(request.args.get("page"))
    find = partial(web.read, request, searching.find, query, page=number)
    found = await request.app.ctx.searches.take(find)
    if number > found.pages:
        raise web.NotHere
    page = pagination.paginate(
        found, lambda n: f"{request.path}?{urlencode({'q': query, 'page': n})}"
    )
    return web.render(request, "home/search.html", query=query, found=found, page=page)
