"""The front page, and whatever an address in the table shows: posts and pages."""

import re

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.cache.page_cache import cached, shows
from blog.home import bp, comments, guest_cookie
from blog.home.appearance import plates, show_blogroll
from blog.models.addresses import address
from blog.models.public import cards, page_queries
from blog.models.public.cards import PostPage
from blog.models.public.page_queries import Leads, Nothing
from blog.models.settings import blogroll
from blog.web import pagination


@bp.get("/")
@cached("uploads")
async def index(request: Request) -> HTTPResponse:
    return await _front(request, 1)


@bp.get("/page/<number:str>")
@cached("uploads")
async def front_page(request: Request, number: str) -> HTTPResponse:
    page = pagination.page_number(number)
    return redirect("/", status=301) if page == 1 else await _front(request, page)


async def _front(request: Request, number: int) -> HTTPResponse:
    site = request.ctx.site
    shelf = await web.get_or_404(
        request, cards.post_list, page=number, per_page=site.posts_per_page
    )
    if not shelf.total and not site.set_up:
        return web.render(request, "home/welcome.html")
    page = pagination.paginate(shelf, lambda n: f"/page/{n}" if n > 1 else "/")
    covers = await plates(request, shelf.cards)
    return web.render(request, "home/front.html", posts=shelf.cards, page=page, covers=covers)


@bp.get("/favicon.ico")
async def favicon(request: Request) -> HTTPResponse:
    """Pages name their icon; this is for whoever asks without having read one."""
    return redirect(request.app.ctx.statics.url("img/mark.svg"))


@bp.get("/<path:path>", name="post")
@cached()
async def post(request: Request, path: str) -> HTTPResponse:
    """Every address that no other page has claimed: the table says what it shows or leads to."""
    wanted = address.decode(request.path)
    if wanted is None:
        return not_found(request, Nothing())
    if address.is_reserved(wanted) and wanted.rstrip("/") not in ("", wanted):
        return redirect(address.href(wanted.rstrip("/")), status=301)
    shown = await web.read(request, page_queries.at, wanted, guest_cookie.reader(request))
    if isinstance(shown, PostPage):
        shows(request, f"post:{shown.card.id}")
        form = comments.under(request, shown)
        return web.render(request, "home/post.html", post=shown, comment_form=form)
    if isinstance(shown, Leads):
        return redirect(shown.location, status=301)
    if wanted == blogroll.PATH and request.ctx.site.settings.friends:
        return show_blogroll(request)
    return not_found(request, shown)


def not_found(request: Request, nothing: Nothing) -> HTTPResponse:
    """404 with a search field, filled with the words of the address, and what is near."""
    last = (address.decode(request.path) or "").rstrip("/").rpartition("/")[2]
    words = " ".join(re.split(r"[-_]+", re.sub(r"\.\w{2,4}$", "", last)))[:100]
    return web.render(request, "home/not_found.html", status=404, near=nothing.near, query=words)


@bp.exception(web.NotHere)  # type: ignore[untyped-decorator]  # Sanic's own gap
async def nothing_here(request: Request, error: Exception) -> HTTPResponse:
    """A tag, author, month or page of a list that does not exist."""
    wanted = address.decode(request.path)
    near = await web.read(request, page_queries.nothing, wanted) if wanted else Nothing()
    return not_found(request, near)
