"""The front page, and posts and pages at their addresses, with redirects and the 404 page."""

import re
from dataclasses import replace

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.cache.page_cache import add_cache_tags, cached
from blog.config import N_
from blog.home import bp, comments, guest_cookie, structured_data
from blog.home.appearance import card_covers, show_blogroll
from blog.markup.heading_links import link_headings
from blog.models.addresses import address
from blog.models.posts import editing
from blog.models.public import cards, page_queries
from blog.models.public.cards import PostPage
from blog.models.public.page_queries import RedirectsTo, UnknownAddress
from blog.models.settings import blogroll
from blog.web import pagination
from blog.web.i18n import translate


@bp.get("/")
@cached("uploads")
async def index(request: Request) -> HTTPResponse:
    """Show the front page."""
    return await _front_page(request, 1)


@bp.get("/page/<number:str>")
@cached("uploads")
async def front_page(request: Request, number: str) -> HTTPResponse:
    """Show an older page of the front page's list; page 1 redirects to the front page."""
    page = pagination.page_number(number)
    return redirect("/", status=301) if page == 1 else await _front_page(request, page)


async def _front_page(request: Request, number: int) -> HTTPResponse:
    site = request.ctx.site
    posts = await web.get_or_404(
        request, cards.post_list, page=number, per_page=site.posts_per_page
    )
    if not posts.total and not site.set_up:
        return web.render(request, "home/welcome.html")
    page = pagination.paginate(posts, lambda n: f"/page/{n}" if n > 1 else "/")
    covers = await card_covers(request, posts.cards)
    return web.render(
        request,
        "home/front.html",
        posts=posts.cards,
        page=page,
        covers=covers,
        structured_data=structured_data.web_site(request) if number == 1 else None,
    )


@bp.get("/<path:path>", name="post")
@cached()
async def post(request: Request, path: str) -> HTTPResponse:
    """Show the post or page at any other path, or the blogroll, or redirect, or answer 404."""
    decoded = address.decode(request.path)
    if decoded is None:
        return not_found(request, UnknownAddress())
    without_slash = decoded.rstrip("/")
    is_of_route = address.is_reserved(decoded) and without_slash not in ("", decoded)
    if is_of_route and not address.was_free(decoded):
        return redirect(address.href(without_slash), status=301)
    target = await web.read(request, page_queries.at, decoded, guest_cookie.reader(request))
    if isinstance(target, PostPage):
        return await show_post(request, target)
    if isinstance(target, RedirectsTo):
        return redirect(target.location, status=301)
    if is_of_route:
        return redirect(address.href(without_slash), status=301)
    if decoded == blogroll.PATH and request.ctx.site.settings.friends:
        return show_blogroll(request)
    return not_found(request, target)


async def show_post(request: Request, post: PostPage) -> HTTPResponse:
    """Show a post with its comments, and a link to its edit page to people who may edit it.

    A request with a session cookie is answered past every cache, so no cached page has that link.
    """
    add_cache_tags(request, f"post:{post.card.id}")
    user = request.ctx.user
    return web.render(
        request,
        "home/post.html",
        post=replace(post, body_html=with_heading_links(post.body_html, post.card.language)),
        comment_form=comments.form_below(request, post),
        structured_data=structured_data.blog_posting(request, post),
        may_edit=bool(user) and await web.read(request, editing.may_edit, post.card.id, user),
    )


def with_heading_links(html: str, language: str) -> str:
    """Return a rendered text with headings that link to themselves; `language` is the text's."""
    return link_headings(html, translate(language, N_("Link to this section")))


def not_found(request: Request, nothing: UnknownAddress) -> HTTPResponse:
    """Answer 404 with posts at similar addresses and a search field filled from the address."""
    last = (address.decode(request.path) or "").rstrip("/").rpartition("/")[2]
    words = " ".join(re.split(r"[-_]+", re.sub(r"\.\w{2,4}$", "", last)))[:100]
    return web.render(request, "home/not_found.html", status=404, near=nothing.near, query=words)


@bp.exception(web.PageNotFound)  # type: ignore[untyped-decorator]  # Sanic's own gap
async def nothing_here(request: Request, error: Exception) -> HTTPResponse:
    """Answer 404 for a tag, author, month or page number that does not exist."""
    path = address.decode(request.path)
    nothing = (
        await web.read(request, page_queries.unknown_address, path) if path else UnknownAddress()
    )
    return not_found(request, nothing)
