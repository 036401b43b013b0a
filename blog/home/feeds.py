"""The feeds of the site, of tags, of authors and of a post's comments, in every format.

Each feed has an address in each format, such as `/tags/x/rss.xml`. Older entries are on further
pages, such as `/tags/x/rss.xml/page/2`, which link to each other (RFC 5005, section 3).
"""

import uuid
from functools import partial, wraps
from urllib.parse import unquote

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.cache.page_cache import Handler, add_cache_tags, cached
from blog.config import N_
from blog.home import bp
from blog.home.feed_formats import (
    ATOM,
    FORMATS,
    RSS,
    Entry,
    Feed,
    FeedFormat,
    Person,
    page_suffix,
)
from blog.home.older_addresses import unless_taken
from blog.markup.absolute import absolute_address, absolute_links
from blog.models.comments import submission
from blog.models.comments.comment import ShownComment
from blog.models.comments.submission import CommentedPost
from blog.models.public import page_queries
from blog.models.public.cards import Name, PostPage
from blog.models.public.page_queries import FeedPosts
from blog.web import pagination

# Where other software has its feed, each in the format that its readers expect there. These answer
# with the feed, not with a redirect, which some readers follow only for a while or not at all.
FOREIGN_PATHS = {
    "atom.xml": ATOM,
    "feed": RSS,  # WordPress
    "feed.xml": ATOM,  # Jekyll
    "index.xml": RSS,  # Hugo
    "rss": RSS,  # Ghost
}


def paged(view: Handler) -> Handler:
    """Decorate a view to get the number of the page as `page`; page 1 redirects to the feed."""

    @wraps(view)
    async def answer(request: Request, number: str = "", **place: object) -> HTTPResponse:
        if number == "1":
            return redirect(request.path.removesuffix("/page/1"), status=301)
        return await view(request, page=pagination.page_number(number or None), **place)

    return answer


@cached()
@unless_taken
@paged
async def site_feed(request: Request, format: FeedFormat, page: int) -> HTTPResponse:
    """Serve the feed of all posts."""
    posts = await web.get_or_404(request, page_queries.feed, page)
    return _respond_with_posts(request, format, posts)


@cached()
@paged
async def tag_feed(request: Request, format: FeedFormat, page: int, slug: str) -> HTTPResponse:
    """Serve the feed of a tag, or redirect from the tag's name or its former slug to its slug."""
    try:
        posts = await web.read(request, page_queries.tag_feed, slug, page)
    except LookupError as error:
        current_slug = await web.read(request, page_queries.canonical_tag_slug, unquote(slug))
        if current_slug is None:
            raise web.PageNotFound from error
        base = web.url(request, "home.tag", slug=current_slug)
        return redirect(f"{base}/{format.file}{page_suffix(page)}", status=301)
    return _respond_with_posts(request, format, posts)


@cached()
@paged
async def author_feed(request: Request, format: FeedFormat, page: int, slug: str) -> HTTPResponse:
    """Serve the feed of an author."""
    posts = await web.get_or_404(request, page_queries.author_feed, slug, page)
    return _respond_with_posts(request, format, posts)


@cached()
@paged
async def comment_feed(request: Request, format: FeedFormat, page: int, id: int) -> HTTPResponse:
    """Serve the feed of a post's approved comments, newest first."""
    add_cache_tags(request, f"post:{id}")
    comments = await web.get_or_404(request, submission.feed, id, page)
    post = comments.post
    post_url = web.absolute_url(request, post.path)
    feed = Feed(
        id=_urn(request, f"/comments/{id}"),
        title=web.translate_for(request, N_("Comments on “%(title)s”"), title=post.title),
        description="",
        language=post.language,
        page_url=f"{post_url}#comments",
        base_url=web.absolute_url(request, f"/comments/{id}"),
        author=_site_as_person(request),
        entries=tuple(_comment_entry(request, post, comment) for comment in comments.shown),
        number=page,
        pages=comments.pages,
    )
    return format.respond(request, feed)


def _add_routes() -> None:
    """Give each feed an address in each format, and one for each of its further pages."""
    places: dict[str, Handler] = {
        "": site_feed,
        "/tags/<slug:str>": tag_feed,
        "/authors/<slug:str>": author_feed,
        "/comments/<id:int>": comment_feed,
    }
    for place, view in places.items():
        for format in FORMATS:
            name = f"{view.__name__}_{format.name.lower()}"
            path = f"{place}/{format.file}"
            _add_route(view, path, name, format)
            _add_route(view, f"{path}/page/<number:str>", f"{name}_page", format)
    for name, format in FOREIGN_PATHS.items():
        _add_route(site_feed, f"/{name}", f"old_{name.replace('.', '_')}", format)


def _add_route(view: Handler, path: str, name: str, format: FeedFormat) -> None:
    """Add a route to a view in this format; like `bp.get`, it ignores a request's body."""
    handler = partial(view, format=format)
    bp.route(path, methods=["GET"], name=name, ignore_body=True)(handler)


_add_routes()


def _respond_with_posts(request: Request, format: FeedFormat, posts: FeedPosts) -> HTTPResponse:
    """Return the feed of the site, or of the tag or author that `posts.name` names."""
    site, name = request.ctx.site, posts.name
    page_path = name.href if name else "/"
    feed = Feed(
        id=_urn(request, page_path),
        title=f"{name.name} · {site.title}" if name else site.title,
        description=name.bio if name else site.tagline,
        language=request.ctx.language,
        page_url=web.absolute_url(request, page_path),
        base_url=web.absolute_url(request, name.href if name else ""),
        author=_site_as_person(request),
        entries=tuple(_post_entry(request, post) for post in posts.shown),
        number=posts.page,
        pages=posts.pages,
    )
    return format.respond(request, feed)


def _post_entry(request: Request, post: PostPage) -> Entry:
    """Return the entry of a post; it keeps its id when the address of the post changes."""
    card = post.card
    url = web.absolute_url(request, card.path)
    return Entry(
        id=card.uid,
        url=url,
        title=card.title,
        html=_post_html(request, post, url),
        language=card.language,
        published=card.published_at,
        updated=card.updated_at,
        authors=tuple(_author(request, author) for author in card.authors),
        tags=card.tags,
        summary=card.summary,
        image=absolute_address(card.cover, url) if card.cover else "",
    )


def _post_html(request: Request, post: PostPage, url: str) -> str:
    """Return the subtitle, if any, and the text of the post at this URL, with absolute links."""
    html = absolute_links(post.body_html, url)
    if not post.card.subtitle:
        return html
    return web.render_to_string(request, "home/feed_subtitle.html", card=post.card) + html


def _comment_entry(request: Request, post: CommentedPost, comment: ShownComment) -> Entry:
    post_url = web.absolute_url(request, post.path)
    return Entry(
        id=_urn(request, f"/comments/{comment.uid}"),
        url=f"{post_url}#comment-{comment.uid}",
        title=comment.name,
        html=absolute_links(comment.body_html, post_url),
        language=comment.language,
        published=comment.said_at,
        updated=comment.said_at,
        authors=(Person(comment.name),),
    )


def _author(request: Request, author: Name) -> Person:
    return Person(author.name, web.absolute_url(request, author.href))


def _site_as_person(request: Request) -> Person:
    return Person(request.ctx.site.title, web.absolute_url(request, "/"))


def _urn(request: Request, path: str) -> str:
    """Return an id made from a path, which stays the same when the blog moves to another domain."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{request.ctx.site.uid}{path}").urn)
