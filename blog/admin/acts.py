"""Acts on the rows of a section's list: on one, on those that were ticked, after a question."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.lists import LONGEST_BACK, PLACES, View, link, show
from blog.admin.section import Act, Section
from blog.config import N_
from blog.forms import Check, Form, Numbers, Text
from blog.languages import catalogue
from blog.models.base import Refusal
from blog.models.listing import RowRefusal, Tried, trial

MOST_AT_ONCE = 200
AS_IT_IS = "%(said)s"  # with its number it has been translated already
GONE = N_("What you chose is not there any more.")


class ActForm(Form):
    """Which rows, whether that was asked already, and the list that the button stood in."""

    ids = Numbers()
    only = Numbers()  # the row of the button itself, whatever is ticked
    sure = Check()
    back = Text(most=LONGEST_BACK)


class UndoForm(Form):
    id = Numbers()
    back = Text(most=LONGEST_BACK)


async def act(section: Section, act: Act, request: Request) -> HTTPResponse:
    """One act on the rows that were ticked, or on the one whose button was pressed."""
    form = ActForm.read(request)
    view = View.back(section, form.values["back"])
    ids = form["only"][:1] or form["ids"]
    if not 0 < len(ids) <= MOST_AT_ONCE:
        return await _refused(section, request, view, ids, _how_many(ids))
    try:
        if act.confirm and not form["sure"]:
            return await _ask(section, act, request, view, ids)
        done = await web.transact(request, act.verb, ids)
        if act.then:
            await act.then(request, done)
    except Refusal as refusal:
        return await _refused(section, request, view, ids, refusal)
    return await _done(section, act, request, view, done)


def _how_many(ids: Sequence[int]) -> Refusal:
    if ids:
        return Refusal(N_("Choose at most %(number)s rows at once."), number=MOST_AT_ONCE)
    return Refusal(N_("Tick the rows first that this is about."))


async def _done(
    section: Section, act: Act, request: Request, view: View, done: Any
) -> HTTPResponse:
    number = done if isinstance(done, int) else done.number
    if not number:
        return await _refused(section, request, view, (), Refusal(GONE))
    said = catalogue(request.ctx.language).ngettext(*act.done, number) % {"num": number}
    web.flash(request, AS_IT_IS, said=said)
    undo = {"undo": done.id} if section.undo and not isinstance(done, int) else {}
    query = urlencode({**view.given, **undo})
    return _back(request, section, query)


def _back(request: Request, section: Section, query: str) -> HTTPResponse:
    """To the list as it stood; the fragment gives it the focus, for the next key."""
    path = web.url(request, section.route) + (f"?{query}" if query else "")
    return web.redirect_path(request, f"{path}#list")


async def _ask(
    section: Section, act: Act, request: Request, view: View, ids: Sequence[int]
) -> HTTPResponse:
    """A page that asks before what cannot be undone, and names what it is about."""
    assert section.listing  # noqa: S101 -- acts hang on lists
    rows = await web.read(request, section.listing.only, ids)
    if not rows:
        return await _refused(section, request, view, (), Refusal(GONE))
    with suppress(Tried):  # nobody is asked about what is refused anyway
        await web.transact(request, trial(act.verb), ids)
    place = {name: text for name, text in view.given.items() if name in PLACES}
    return section.show(
        request,
        "confirm",
        act=act,
        rows=rows,
        ids=ids,
        back=link(request, section, view, **place),
        here_=view.query(**place),
    )


async def _refused(
    section: Section, request: Request, view: View, ids: Sequence[int], refusal: Refusal
) -> HTTPResponse:
    """The list again; of several rows the one that refused is named."""
    sentence = web.say(request, refusal.message, **refusal.params)
    if isinstance(refusal, RowRefusal) and section.listing:
        rows = await web.read(request, section.listing.only, [refusal.id])
        named = str(getattr(rows[0], section.columns[0].name)) if rows else ""
        if named:
            said = N_("“%(name)s”: %(why)s Nothing was changed.")
            sentence = web.say(request, said, name=named, why=sentence)
    return await show(section, request, 422, view=view, fault=sentence, ticked=ids)


async def undo(section: Section, request: Request) -> HTTPResponse:
    """Take the last act back, as long as its sentence stands there."""
    form = UndoForm.read(request)
    view = View.back(section, form.values["back"])
    try:
        if section.undo is None or len(form["id"]) != 1:
            raise LookupError
        await web.transact(request, section.undo, form["id"][0])
    except LookupError:
        return await _refused(section, request, view, (), Refusal(GONE))
    except Refusal as refusal:
        return await _refused(section, request, view, (), refusal)
    web.flash(request, N_("Taken back."))
    return _back(request, section, urlencode(view.given))
