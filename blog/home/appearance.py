"""The stylesheet of the keeper's choice, the covers on the front page, and the blogroll."""

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
from blog.models.settings.group_appearance import LookChoices
from blog.models.settings.setting import declared
from blog.models.settings.theme_css import Look
from blog.models.uploads import upload
from blog.web import pagination

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Plate:
    """What stands on a post's card: its cover, or the first letter of its title where it has none.

    No sizes are known of a picture that is not ours.
    """

    letter: str
    address: str = ""
    srcset: str = ""
    width: int = 0
    height: int = 0


@bp.get("/look/<name:str>")
async def look(request: Request, name: str) -> HTTPResponse:
    """The name says the whole look, so that a page of yesterday finds the colours of yesterday.

    One that an older version of ours gave out is answered too, but not for ever.
    """
    words, _, hash = name.removesuffix(".css").partition(".")
    try:
        wanted = Look.named(words)
    except LookupError as error:
        raise web.NotHere from error
    lasting = FOREVER if hash == wanted.hash else "no-cache"
    return text(wanted.sheet, content_type="text/css", headers={"cache-control": lasting})


@bp.get("/look/preview")
async def preview_look(request: Request) -> HTTPResponse:
    """The front page in a look that is not chosen yet, for whoever is about to choose it."""
    request.ctx.private = True
    if not request.ctx.user:
        raise web.NotHere
    facts = request.ctx.site
    settings = replace(facts.settings, **dict(_asked(request)))
    request.ctx.site = replace(facts, settings=settings)
    shelf = await web.read(request, post_cards.post_list, page=1, per_page=facts.posts_per_page)
    covers = await plates(request, shelf.cards)
    page = pagination.paginate(shelf, lambda number: "/")
    response = web.render(
        request, "home/front.html", posts=shelf.cards, page=page, covers=covers, path="/"
    )
    response.headers["x-robots-tag"] = "noindex"
    return response


def _asked(request: Request) -> Iterator[tuple[str, str]]:
    """Of the choices in the address those that could be kept."""
    for one in declared(LookChoices):
        value = request.args.get(one.name)
        if value and one.kind != "hidden":
            with suppress(Refusal):
                one.refuse(value)
                yield one.name, value


async def plates(request: Request, cards: Sequence[Card]) -> dict[int, Plate]:
    """By the id of their post; none where the front page is a list."""
    if request.ctx.site.settings.front != "cards":
        return {}
    covers = " ".join(card.cover for card in cards)
    known = await web.read(request, upload.sizes, covers, {}) if covers.strip() else {}
    return {card.id: _plate(card, *known.get(card.cover, (0, 0))) for card in cards}


def _plate(card: Card, width: int, height: int) -> Plate:
    cover = card.cover
    both = f"{narrow(cover)} {NARROW}w, {cover} {width}w" if width > NARROW else ""
    return Plate(blogroll.initial(card.title), cover, both, width, height)


def show_blogroll(request: Request) -> HTTPResponse:
    friends = request.ctx.site.settings.friends
    return web.render(request, "home/blogroll.html", friends=friends)
