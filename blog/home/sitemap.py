"""The sitemap, and robots.txt, which names it."""

from sanic import HTTPResponse, Request
from sanic.response import raw, text

from blog import web
from blog.cache.page_cache import cached
from blog.home import bp
from blog.models.public import archives
from blog.models.public.archives import SitemapEntry
from blog.models.settings import blogroll

PRIVATE = ("/admin/", "/comments/", "/control-panel/", "/preview/")


@bp.get("/sitemap.xml")
@cached()
async def sitemap(request: Request) -> HTTPResponse:
    """Serve the sitemap; for a large blog, an index of its parts."""
    content = await web.read(request, archives.for_sitemap)
    if not content.parts:
        return _first_sitemap(request, content.places)
    return _xml(request, "home/sitemaps.xml", parts=range(content.parts + 1))


@bp.get("/sitemap.xml/<number:int>")
@cached()
async def sitemap_part(request: Request, number: int) -> HTTPResponse:
    """Serve one part of a large blog's sitemap; part 0 also holds the front page."""
    places = await web.get_or_404(request, archives.sitemap_part, number)
    return _sitemap(request, [], places) if number else _first_sitemap(request, places)


def _first_sitemap(request: Request, places: list[SitemapEntry]) -> HTTPResponse:
    """Add the front page, and the blogroll unless a page of the site has its address."""
    has_blogroll = request.ctx.site.settings.friends and blogroll.PATH not in dict(places)
    return _sitemap(request, ["/", *([blogroll.PATH] if has_blogroll else [])], places)


def _sitemap(request: Request, undated: list[str], places: list[SitemapEntry]) -> HTTPResponse:
    return _xml(request, "home/sitemap.xml", ours=undated, places=places)


def _xml(request: Request, template: str, **context: object) -> HTTPResponse:
    body = web.render_to_string(request, template, **context).encode()
    return raw(body, content_type="application/xml; charset=utf-8")


@bp.get("/robots.txt")
@cached()
async def robots(request: Request) -> HTTPResponse:
    """Serve robots.txt, which keeps crawlers out of private pages and names the sitemap."""
    hidden = "\n".join(f"Disallow: {path}" for path in PRIVATE)
    sitemap_url = web.absolute_url(request, web.url(request, "home.sitemap"))
    return text(f"User-agent: *\n{hidden}\n\nSitemap: {sitemap_url}\n")
