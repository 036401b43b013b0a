"""Lists of posts by tag, author, year and month, and the archive page that links to them."""

from datetime import datetime, tzinfo
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
from blog.models.public import archives, page_queries
from blog.models.public.archives import Month
from blog.web import pagination
from blog.web.i18n import BABEL_LOCALES
from blog.web.templating import format_moment, zone_of


@bp.get("/tags")
@cached()
async def all_tags(request: Request) -> HTTPResponse:
    """List all tags with their numbers of posts, the most used first."""
    names = await web.read(request, archives.all_tags)
    return web.render(request, "home/all_tags.html", names=names)


@bp.get("/authors")
@cached()
async def all_authors(request: Request) -> HTTPResponse:
    """List all authors with their numbers of posts, those with the most first."""
    names = await web.read(request, archives.all_authors)
    return web.render(request, "home/all_authors.html", names=names)


@bp.get("/tags/<slug:str>")
@cached(by_page=True)
async def tag(request: Request, slug: str) -> HTTPResponse:
    """List the posts of a tag, or redirect from the tag's name or its former slug to its slug."""
    try:
        name, posts = await web.read(request, page_queries.tagged, slug, *_page_and_size(request))
    except LookupError as error:
        current_slug = await web.read(request, page_queries.canonical_tag_slug, unquote(slug))
        if current_slug is None:
            raise web.PageNotFound from error
        return redirect(web.url(request, "home.tag", slug=current_slug), status=301)
    return show_listing(
        request, posts, kicker=N_("Tag"), heading=name.name, has_feeds=True, up="home.all_tags"
    )


@bp.get("/authors/<slug:str>")
@cached(by_page=True)
async def author(request: Request, slug: str) -> HTTPResponse:
    """List the posts of an author below their biography."""
    name, posts = await web.get_or_404(
        request, page_queries.written_by, slug, *_page_and_size(request)
    )
    return show_listing(
        request,
        posts,
        kicker=N_("Author"),
        heading=name.name,
        about=name.bio,
        has_feeds=True,
        up="home.all_authors",
    )


@bp.get("/archive")
@cached()
async def archive(request: Request) -> HTTPResponse:
    """Show how many posts there are per month, per tag and per author."""
    overview = await web.read(request, page_queries.overview, _zone(request))
    months = overview.archive.months
    return web.render(
        request,
        "home/archive.html",
        total=sum(month.posts for month in months),
        years=_by_year(months),
        month_names=get_month_names(
            "abbreviated", "stand-alone", BABEL_LOCALES[request.ctx.language]
        ),
        tags=overview.tags,
        authors=overview.authors,
    )


@bp.get("/archive/<year:int>")
@cached(by_page=True)
async def year(request: Request, year: int) -> HTTPResponse:
    """List the posts of a year in the site's time zone."""
    posts = await web.get_or_404(
        request, page_queries.from_span, year, None, _zone(request), *_page_and_size(request)
    )
    heading = web.translate_for(request, N_("The year %(year)s"), year=year)
    return show_listing(request, posts, kicker=N_("Archive"), heading=heading, up="home.archive")


@bp.get("/archive/<year:int>/<month:int>")
@cached(by_page=True)
async def month(request: Request, year: int, month: int) -> HTTPResponse:
    """List the posts of a month in the site's time zone."""
    posts = await web.get_or_404(
        request, page_queries.from_span, year, month, _zone(request), *_page_and_size(request)
    )
    heading = format_moment(datetime(year, month, 1), request.ctx.language, "month")
    return show_listing(request, posts, kicker=N_("Archive"), heading=heading, up="home.archive")


def _page_and_size(request: Request) -> tuple[int, int]:
    """Return the number of the requested page and the number of posts on a page."""
    return pagination.page_number(request.args.get("page")), request.ctx.site.posts_per_page


def _zone(request: Request) -> tzinfo:
    return zone_of(request.ctx.site.timezone)


def _by_year(months: tuple[Month, ...]) -> list[tuple[int, dict[int, int]]]:
    """Group months by year, newest first: pairs of a year and its number of posts by month."""
    years = groupby(months, key=lambda month: month.year)
    return [(year, {month.month: month.posts for month in group}) for year, group in years]
