"""The theme stylesheet and its preview, the covers of posts shown as cards, and the blogroll."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sanic import HTTPResponse, Request
from sanic.response import text

from blog import web
from blog.home import bp
from blog.markup import NARROW, narrow
from blog.models.base import Refusal
from blog.models.public import cards as post_cards
from blog.models.public.cards import Card
from blog.models.settings import blogroll
from blog.models.settings.group_appearance import AppearanceSettings
from blog.models.settings.setting import declared
from blog.models.settings.theme_css import Theme
from blog.models.uploads import upload
from blog.web import pagination

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class CardCover:
    """The cover of a post's card, or the first letter of its title where there is no cover.

    `width` and `height` are in pixels, and 0 for a picture that is not one of the blog's uploads.
    """

    letter: str
    address: str = ""
    srcset: str = ""
    width: int = 0
    height: int = 0


@bp.get("/look/<name:str>")
async def look(request: Request, name: str) -> HTTPResponse:
    """Serve the stylesheet of a theme.

    Its name holds every setting of the theme and a hash of the stylesheet, so a page that was
    cached before the theme changed still gets the old colours. A name with another hash, which an
    earlier version of the blog made, is answered too but not cached for ever.
    """
    settings, _, digest = name.removesuffix(".css").partition(".")
    try:
        theme = Theme.named(settings)
    except LookupError as error:
        raise web.PageNotFound from error
    caching = FOREVER if digest == theme.hash else "no-cache"
    return text(theme.sheet, content_type="text/css", headers={"cache-control": caching})


@bp.get("/look/preview")
async def preview_look(request: Request) -> HTTPResponse:
    """Show the front page in a theme that has not been saved yet, to signed-in people only."""
    request.ctx.private = True
    if not request.ctx.user:
        raise web.PageNotFound
    site = request.ctx.site
    settings = replace(site.settings, **dict(_valid_settings(request)))
    request.ctx.site = replace(site, settings=settings)
    posts = await web.read(request, post_cards.post_list, page=1, per_page=site.posts_per_page)
    covers = await card_covers(request, posts.cards)
    page = pagination.paginate(posts, lambda number: "/")
    response = web.render(
        request, "home/front.html", posts=posts.cards, page=page, covers=covers, path="/"
    )
    response.headers["x-robots-tag"] = "noindex"
    return response


def _valid_settings(request: Request) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each appearance setting in the query that has a valid value."""
    for setting in declared(AppearanceSettings):
        value = request.args.get(setting.name)
        if value and setting.kind != "hidden":
            with suppress(Refusal):
                setting.refuse(value)
                yield setting.name, value


async def card_covers(request: Request, cards: Sequence[Card]) -> dict[int, CardCover]:
    """Return the covers by post id; empty where the front page is a list rather than cards."""
    if request.ctx.site.settings.front != "cards":
        return {}
    covers = " ".join(card.cover for card in cards)
    sizes = await web.read(request, upload.picture_sizes, covers, {}) if covers.strip() else {}
    return {card.id: _card_cover(card, *sizes.get(card.cover, (0, 0))) for card in cards}


def _card_cover(card: Card, width: int, height: int) -> CardCover:
    cover = card.cover
    srcset = f"{narrow(cover)} {NARROW}w, {cover} {width}w" if width > NARROW else ""
    return CardCover(blogroll.initial(card.title), cover, srcset, width, height)


def show_blogroll(request: Request) -> HTTPResponse:
    """Render the page of links to other blogs."""
    friends = request.ctx.site.settings.friends
    return web.render(request, "home/blogroll.html", friends=friends)
