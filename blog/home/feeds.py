"""Atom feeds with whole posts, the feed of a post's comments, the sitemap, and robots.txt."""

import re
import uuid
from datetime import UTC, datetime
from urllib.parse import unquote

from sanic import HTTPResponse, Request
from sanic.response import raw, redirect, text

from blog import web
from blog.cache.page_cache import add_cache_tags, cached
from blog.home import bp
from blog.models.comments import submission
from blog.models.public import archives, page_queries
from blog.models.public.archives import SitemapEntry
from blog.models.public.cards import Name, PostPage
from blog.models.settings import blogroll

PRIVATE = ("/admin/", "/comments/", "/control-panel/", "/preview/")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Characters that XML 1.0 cannot represent at all, not even escaped.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# The parts of a post's sanitized HTML that hold addresses relative to the site: links and pictures,
# `srcset` attributes, the addresses inside these, and links to headings of the same post. They are
# made absolute, because many feed readers ignore xml:base.
LOCAL_ADDRESS = re.compile(r'(<[a-z][^<>]*? (?:href|src)=")/(?![/\\])', re.IGNORECASE)
SRCSET = re.compile(r' srcset="[^"]*"')
SRCSET_ADDRESS = re.compile(r'((?:"|, ))/(?![/\\])')
LOCAL_ANCHOR = re.compile(r'(<a\b[^<>]*? href=")#', re.IGNORECASE)


@bp.get("/feed.atom")
@cached()
async def feed(request: Request) -> HTTPResponse:
    """Serve the feed of all posts."""
    _, posts = await web.read(request, page_queries.feed)
    return _atom(request, posts, None, "/")


@bp.get("/tags/<slug:str>/feed.atom")
@cached()
async def tag_feed(request: Request, slug: str) -> HTTPResponse:
    """Serve the feed of a tag, or redirect from the tag's name or its former slug to its slug."""
    try:
        name, posts = await web.read(request, page_queries.tag_feed, slug)
    except LookupError as error:
        current_slug = await web.read(request, page_queries.canonical_tag_slug, unquote(slug))
        if current_slug is None:
            raise web.PageNotFound from error
        return redirect(web.url(request, "home.tag_feed", slug=current_slug), status=301)
    return _atom(request, posts, name, name.href)


@bp.get("/authors/<slug:str>/feed.atom")
@cached()
async def author_feed(request: Request, slug: str) -> HTTPResponse:
    """Serve the feed of an author."""
    name, posts = await web.get_or_404(request, page_queries.author_feed, slug)
    return _atom(request, posts, name, name.href)


@bp.get("/comments/<id:int>/feed.atom")
@cached()
async def comment_feed(request: Request, id: int) -> HTTPResponse:
    """Serve the feed of a post's approved comments, newest first."""
    add_cache_tags(request, f"post:{id}")
    about, comments = await web.get_or_404(request, submission.feed, id)
    body = _xml(
        request,
        "home/comments_feed.xml",
        about=about,
        comments=comments,
        id=lambda name: _feed_id(request.ctx.site.uid, f"/comments/{name}"),
        updated=max((comment.said_at for comment in comments), default=NEVER),
        outward=lambda html, path: absolute_links(html, web.absolute_url(request, ""), path),
    )
    return _response(body, "application/atom+xml")


async def to_feed(request: Request) -> HTTPResponse:
    """Redirect to the feed from an address where other blogging software has it."""
    return redirect(web.url(request, "home.feed"), status=301)


for feed_path in ("feed", "rss", "atom.xml", "feed.xml", "index.xml"):
    bp.add_route(to_feed, f"/{feed_path}", name=f"old_{feed_path.replace('.', '_')}")


@bp.get("/sitemap.xml")
@cached()
async def sitemap(request: Request) -> HTTPResponse:
    """Serve the sitemap; for a large blog, an index of its parts."""
    content = await web.read(request, archives.for_sitemap)
    if not content.parts:
        return _first_sitemap(request, content.places)
    parts = range(content.parts + 1)
    return _response(_xml(request, "home/sitemaps.xml", parts=parts), "application/xml")


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
    body = _xml(request, "home/sitemap.xml", ours=undated, places=places)
    return _response(body, "application/xml")


@bp.get("/robots.txt")
@cached()
async def robots(request: Request) -> HTTPResponse:
    """Serve robots.txt, which keeps crawlers out of private pages and names the sitemap."""
    hidden = "\n".join(f"Disallow: {path}" for path in PRIVATE)
    sitemap_url = web.absolute_url(request, web.url(request, "home.sitemap"))
    return text(f"User-agent: *\n{hidden}\n\nSitemap: {sitemap_url}\n")


def _atom(request: Request, posts: list[PostPage], name: Name | None, page: str) -> HTTPResponse:
    """Render an Atom feed with whole posts, newest first.

    `name` is the tag or author of the feed, and `page` the path of the page that lists the same
    posts. Entries keep their ids when the address of a post changes.
    """
    body = _xml(
        request,
        "home/feed.xml",
        posts=posts,
        name=name,
        page=page,
        id=_feed_id(request.ctx.site.uid, page),
        updated=max((post.card.updated_at for post in posts), default=NEVER),
        outward=lambda html, path: absolute_links(html, web.absolute_url(request, ""), path),
    )
    return _response(body, "application/atom+xml")


def _feed_id(site: str, page: str) -> str:
    """Return the id of a feed, which stays the same when the blog moves to another domain."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{site}{page}").urn)


def absolute_links(html: str, origin: str, path: str) -> str:
    """Make the links and pictures in a post's HTML absolute.

    `origin` is such as `https://example.org`; `path` is the post's own, for links to its headings.
    """
    html = SRCSET.sub(lambda match: SRCSET_ADDRESS.sub(rf"\1{origin}/", match[0]), html)
    return LOCAL_ANCHOR.sub(rf"\1{origin}{path}#", LOCAL_ADDRESS.sub(rf"\1{origin}/", html))


def _xml(request: Request, template: str, **context: object) -> bytes:
    return NOT_XML.sub("", web.render_to_string(request, template, **context)).encode()


def _response(body: bytes, content_type: str) -> HTTPResponse:
    return raw(body, content_type=f"{content_type}; charset=utf-8")
