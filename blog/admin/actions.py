"""Actions on the rows of a section's list, run on one row or on the ticked rows."""

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.list_view import LONGEST_BACK, PLACES, View, link, show
from blog.admin.section import Action, BulkResult, Section, UndoableResult
from blog.config import N_
from blog.models.base import Refusal
from blog.models.listing import MOST_ROWS_PER_ACTION, DryRunSucceeded, RowRefusal, dry_run
from blog.web.forms import Checkbox, Form, NumberList, Text
from blog.web.i18n import catalogue

AS_IT_IS = "%(sentence)s"  # for a sentence with a number, which is translated before
GONE = N_("The selected items no longer exist.")


class ActionForm(Form):
    """The rows, whether the action was confirmed, and the query of the list it came from."""

    ids = NumberList()
    only = NumberList()  # the row of the pressed button; it takes precedence over ticked rows
    sure = Checkbox()
    back = Text(most=LONGEST_BACK)


class UndoForm(Form):
    """The id of the action to undo, and the query of the list."""

    id = NumberList()
    back = Text(most=LONGEST_BACK)


async def run(section: Section, action: Action, request: Request) -> HTTPResponse:
    """Run an action on the ticked rows, or on the row whose button was pressed."""
    form = ActionForm.read(request)
    view = View.back(section, form.values["back"])
    ids = form["only"][:1] or form["ids"]
    if not 0 < len(ids) <= MOST_ROWS_PER_ACTION:
        return await _refused(section, request, view, ids, _wrong_number(ids))
    try:
        if action.confirm and not form["sure"]:
            return await _ask(section, action, request, view, ids)
        done = await web.transact(request, action.verb, ids, by=request.ctx.user)
        if action.then:
            await action.then(request, done)
    except Refusal as refusal:
        return await _refused(section, request, view, ids, refusal)
    return await _done(section, action, request, view, done)


def _wrong_number(ids: Sequence[int]) -> Refusal:
    if ids:
        return Refusal(N_("Select at most %(number)s rows at once."), number=MOST_ROWS_PER_ACTION)
    return Refusal(N_("Select at least one row first."))


async def _done(
    section: Section, action: Action, request: Request, view: View, done: int | BulkResult
) -> HTTPResponse:
    number = done if isinstance(done, int) else done.number
    if not number:
        return await _refused(section, request, view, (), Refusal(GONE))
    sentence = catalogue(request.ctx.language).ngettext(*action.done, number) % {"num": number}
    web.flash(request, AS_IT_IS, sentence=sentence)
    undo = {"undo": done.id} if section.undo and isinstance(done, UndoableResult) else {}
    query = urlencode({**view.given, **undo})
    return _back(request, section, query)


def _back(request: Request, section: Section, query: str) -> HTTPResponse:
    """Redirect to the list as it was; the fragment focuses it, for its keyboard shortcuts."""
    path = web.url(request, f"admin.{section.route}") + (f"?{query}" if query else "")
    return web.redirect_path(request, f"{path}#list")


async def _ask(
    section: Section, action: Action, request: Request, view: View, ids: Sequence[int]
) -> HTTPResponse:
    """Show a page that asks for confirmation and names the rows."""
    assert section.listing  # noqa: S101 -- only a section with a list has actions
    rows = await web.read(request, section.listing.only, ids)
    if not rows:
        return await _refused(section, request, view, (), Refusal(GONE))
    with suppress(DryRunSucceeded):  # if the action would be refused, say so before asking
        await web.transact(request, dry_run(action.verb), ids, by=request.ctx.user)
    place = {name: text for name, text in view.given.items() if name in PLACES}
    return section.show(
        request,
        "confirm",
        action=action,
        rows=rows,
        ids=ids,
        back=link(request, section, view, **place),
        query=view.query(**place),
    )


async def _refused(
    section: Section, request: Request, view: View, ids: Sequence[int], refusal: Refusal
) -> HTTPResponse:
    """Show the list again with the reason; if a single row was refused, also with its name."""
    sentence = web.translate_for(request, refusal.message, **refusal.params)
    if isinstance(refusal, RowRefusal) and section.listing:
        rows = await web.read(request, section.listing.only, [refusal.id])
        row_name = str(getattr(rows[0], section.columns[0].name)) if rows else ""
        if row_name:
            message = N_("“%(name)s”: %(why)s Nothing was changed.")
            sentence = web.translate_for(request, message, name=row_name, why=sentence)
    return await show(section, request, 422, view=view, fault=sentence, ticked=ids)


async def undo(section: Section, request: Request) -> HTTPResponse:
    """Undo the last action; the list offers this next to the message about it."""
    form = UndoForm.read(request)
    view = View.back(section, form.values["back"])
    try:
        if section.undo is None or len(form["id"]) != 1:
            raise LookupError
        await web.transact(request, section.undo, form["id"][0], by=request.ctx.user)
    except LookupError:
        return await _refused(section, request, view, (), Refusal(GONE))
    except Refusal as refusal:
        return await _refused(section, request, view, (), refusal)
    web.flash(request, N_("Undone."))
    return _back(request, section, urlencode(view.given))
