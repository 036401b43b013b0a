"""What programs read: Atom feeds with whole posts, the sitemap, robots.txt."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from sanic import HTTPResponse, Request
from sanic.response import raw, redirect, text

from blog import web
from blog.cache.page_cache import cached, shows
from blog.home import bp
from blog.models.comments import submission
from blog.models.public import archives, page_queries
from blog.models.public.archives import Place
from blog.models.public.cards import Name, PostPage
from blog.models.settings import blogroll

PRIVATE = ("/admin/", "/comments/", "/control-panel/", "/preview/")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Characters that XML 1.0 cannot hold at all, not even escaped.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Links of ours in the cleaned HTML of a post; many feed readers know nothing of xml:base.
OURS = re.compile(r'(<[a-z][^<>]*? (?:href|src)=")/(?![/\\])', re.IGNORECASE)
SIZES = re.compile(r' srcset="[^"]*"')
EACH = re.compile(r'((?:"|, ))/(?![/\\])')
HERE = re.compile(r'(<a\b[^<>]*? href=")#', re.IGNORECASE)


@bp.get("/feed.atom")
@cached()
async def feed(request: Request) -> HTTPResponse:
    _, posts = await web.read(request, page_queries.feed)
    return _atom(request, posts, None, "/")


@bp.get("/tags/<slug:str>/feed.atom")
@cached()
async def tag_feed(request: Request, slug: str) -> HTTPResponse:
    try:
        name, posts = await web.read(request, page_queries.tag_feed, slug)
    except LookupError as error:
        meant = await web.read(request, page_queries.tag_called, unquote(slug))
        if meant is None:
            raise web.NotHere from error
        return redirect(web.url(request, "home.tag_feed", slug=meant), status=301)
    return _atom(request, posts, name, name.href)


@bp.get("/authors/<slug:str>/feed.atom")
@cached()
async def author_feed(request: Request, slug: str) -> HTTPResponse:
    who, posts = await web.get_or_404(request, page_queries.author_feed, slug)
    return _atom(request, posts, who, who.href)


@bp.get("/comments/<id:int>/feed.atom")
@cached()
async def comment_feed(request: Request, id: int) -> HTTPResponse:
    """What readers say of one post, newest first."""
    shows(request, f"post:{id}")
    about, comments = await web.get_or_404(request, submission.feed, id)
    body = _xml(
        request,
        "home/comments_feed.xml",
        about=about,
        comments=comments,
        id=lambda of: _feed_id(request.ctx.site.uid, f"/comments/{of}"),
        updated=max((said.said_at for said in comments), default=NEVER),
        outward=lambda html, path: outward(html, web.absolute(request, ""), path),
    )
    return _answer(body, "application/atom+xml")


async def to_feed(request: Request) -> HTTPResponse:
    """Where other blogs have their feed."""
    return redirect(web.url(request, "home.feed"), status=301)


for old in ("feed", "rss", "atom.xml", "feed.xml", "index.xml"):
    bp.add_route(to_feed, f"/{old}", name=f"old_{old.replace('.', '_')}")


@bp.get("/sitemap.xml")
@cached()
async def sitemap(request: Request) -> HTTPResponse:
    """Of a large blog only where its parts are."""
    found = await web.read(request, archives.for_sitemap)
    if not found.parts:
        return _with_ours(request, found.places)
    parts = range(found.parts + 1)
    return _answer(_xml(request, "home/sitemaps.xml", parts=parts), "application/xml")


@bp.get("/sitemap.xml/<number:int>")
@cached()
async def sitemap_part(request: Request, number: int) -> HTTPResponse:
    places = await web.get_or_404(request, archives.sitemap_part, number)
    return _places(request, [], places) if number else _with_ours(request, places)


def _with_ours(request: Request, places: list[Place]) -> HTTPResponse:
    """Beside these places, the front page and the blogroll."""
    has_friends = request.ctx.site.settings.friends and blogroll.PATH not in dict(places)
    return _places(request, ["/", *([blogroll.PATH] if has_friends else [])], places)


def _places(request: Request, ours: list[str], places: list[Place]) -> HTTPResponse:
    body = _xml(request, "home/sitemap.xml", ours=ours, places=places)
    return _answer(body, "application/xml")


@bp.get("/robots.txt")
@cached()
async def robots(request: Request) -> HTTPResponse:
    hidden = "\n".join(f"Disallow: {path}" for path in PRIVATE)
    place = web.absolute(request, web.url(request, "home.sitemap"))
    return text(f"User-agent: *\n{hidden}\n\nSitemap: {place}\n")


def _atom(request: Request, posts: list[PostPage], name: Name | None, page: str) -> HTTPResponse:
    """Whole posts, newest first. Entries keep their id whatever becomes of their address."""
    body = _xml(
        request,
        "home/feed.xml",
        posts=posts,
        name=name,
        page=page,
        id=_feed_id(request.ctx.site.uid, page),
        updated=max((post.card.updated_at for post in posts), default=NEVER),
        outward=lambda html, path: outward(html, web.absolute(request, ""), path),
    )
    return _answer(body, "application/atom+xml")


def _feed_id(site: str, page: str) -> str:
    """The same for as long as the blog lives, on whatever address."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{site}{page}").urn)


def outward(html: str, origin: str, path: str) -> str:
    """The text of a post with links that work anywhere."""
    html = SIZES.sub(lambda found: EACH.sub(rf"\1{origin}/", found[0]), html)
    return HERE.sub(rf"\1{origin}{path}#", OURS.sub(rf"\1{origin}/", html))


def _xml(request: Request, template: str, **context: Any) -> bytes:
    return NOT_XML.sub("", web.page_text(request, template, **context)).encode()


def _answer(body: bytes, content_type: str) -> HTTPResponse:
    return raw(body, content_type=f"{content_type}; charset=utf-8")
