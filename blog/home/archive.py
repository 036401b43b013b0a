"""Posts by tag, by author, by year and month, and the page that leads to all of these."""

from datetime import datetime
from itertools import groupby
from urllib.parse import unquote

from babel.dates import get_month_names
from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.cache.page_cache import cached
from blog.config import N_
from blog.home import bp
from blog.home.listing import show_listing
from blog.models.public import page_queries
from blog.models.public.archives import Month
from blog.web import pagination
from blog.web.i18n import BABEL
from blog.web.templating import written, zone_of


@bp.get("/tags/<slug:str>")
@cached(by_page=True)
async def tag(request: Request, slug: str) -> HTTPResponse:
    try:
        name, shelf = await web.read(request, page_queries.tagged, slug, *_page(request))
    except LookupError as error:
        meant = await web.read(request, page_queries.tag_called, unquote(slug))
        if meant is None:
            raise web.NotHere from error
        return redirect(web.url(request, "home.tag", slug=meant), status=301)
    feed = web.url(request, "home.tag_feed", slug=slug)
    return show_listing(request, shelf, kicker=N_("Tag"), heading=name.name, feed=feed)


@bp.get("/authors/<slug:str>")
@cached(by_page=True)
async def author(request: Request, slug: str) -> HTTPResponse:
    who, shelf = await web.get_or_404(request, page_queries.written_by, slug, *_page(request))
    feed = web.url(request, "home.author_feed", slug=slug)
    return show_listing(
        request, shelf, kicker=N_("Author"), heading=who.name, about=who.bio, feed=feed
    )


@bp.get("/archive")
@cached()
async def archive(request: Request) -> HTTPResponse:
    found = await web.read(request, page_queries.overview, _zone(request))
    months = found.archive.months
    return web.render(
        request,
        "home/archive.html",
        total=sum(month.posts for month in months),
        years=_by_year(months),
        month_names=get_month_names("abbreviated", "stand-alone", BABEL[request.ctx.language]),
        tags=found.tags,
        authors=found.authors,
    )


@bp.get("/archive/<year:int>")
@cached(by_page=True)
async def year(request: Request, year: int) -> HTTPResponse:
    shelf = await web.get_or_404(
        request, page_queries.from_span, year, None, _zone(request), *_page(request)
    )
    heading = web.say(request, N_("The year %(year)s"), year=year)
    return show_listing(request, shelf, kicker=N_("Archive"), heading=heading)


@bp.get("/archive/<year:int>/<month:int>")
@cached(by_page=True)
async def month(request: Request, year: int, month: int) -> HTTPResponse:
    shelf = await web.get_or_404(
        request, page_queries.from_span, year, month, _zone(request), *_page(request)
    )
    heading = written(datetime(year, month, 1), request.ctx.language, "month")
    return show_listing(request, shelf, kicker=N_("Archive"), heading=heading)


def _page(request: Request) -> tuple[int, int]:
    """The page asked for, and how many posts it holds."""
    return pagination.page_number(request.args.get("page")), request.ctx.site.posts_per_page


def _zone(request: Request) -> object:
    return zone_of(request.ctx.site.timezone)


def _by_year(months: tuple[Month, ...]) -> list[tuple[int, dict[int, int]]]:
    """Years, newest first, each with its months' numbers of posts."""
    years = groupby(months, key=lambda month: month.year)
    return [(year, {month.month: month.posts for month in those}) for year, those in years]
