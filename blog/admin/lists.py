"""The list that every section has: what was asked of it, its page, and acts on its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.forms import Check, Form, Number, Numbers, Text
from blog.languages import catalogue
from blog.models.base import Refusal
from blog.models.listing import Asked, RowRefusal, together

if TYPE_CHECKING:  # the declarations stand above their views
    from blog.admin.section import Act, Filter, Section

EVERYTHING = "all"  # the value that goes past a filter's default
MOST_AT_ONCE = 200
AS_IT_IS = "%(said)s"  # with its number it has been translated already
LINE, LONGEST = Text(), 200
# A place in a list holds the text that rows are ordered by.
PLACES, LONGEST_PLACE, LONGEST_BACK = ("after", "before"), 4000, 8000


class ActForm(Form):
    """Which rows, whether that was asked already, and the list that the button stood in."""

    ids = Numbers()
    only = Numbers()  # the row of the button itself, whatever is ticked
    sure = Check()
    back = Text(most=LONGEST_BACK)


@dataclass(frozen=True)
class View:
    """What stands in the address of a list."""

    section: Section
    given: Mapping[str, str]

    @classmethod
    def of(cls, section: Section, given: Mapping[str, str | None]) -> View:
        """Only what the section declares; the rest of an address is not ours."""
        names = (*(one.name for one in section.filters), "q", "sort", *PLACES)
        typed = {name: LINE.clean([given.get(name) or ""]).strip() for name in names}
        longest = dict.fromkeys(PLACES, LONGEST_PLACE)
        cut = {name: text[: longest.get(name, LONGEST)] for name, text in typed.items()}
        return cls(section, {name: text for name, text in cut.items() if text})

    @property
    def asked(self) -> Asked:
        return Asked(
            filters={one.name: chosen for one in self.section.filters if (chosen := self.of_(one))},
            words=self.given.get("q", ""),
            sort=self.given.get("sort", ""),
            after=self.given.get("after", ""),
            before=self.given.get("before", ""),
        )

    def of_(self, one: Filter) -> str:
        """The value that a filter has; empty where it lets everything through."""
        chosen = self.given.get(one.name) or one.default
        return "" if one.default and chosen == EVERYTHING else chosen

    @property
    def is_narrowed(self) -> bool:
        return any(name not in ("sort", *PLACES) for name in self.given)

    def query(self, **changes: str) -> str:
        """The query of a neighbouring list; a change of anything begins at its first page."""
        merged = {**self.given, "after": "", "before": "", **changes}
        return urlencode({name: text for name, text in merged.items() if text})


async def show(
    section: Section,
    request: Request,
    status: int = 200,
    *,
    view: View | None = None,
    fault: str = "",
    ticked: Sequence[int] = (),
) -> HTTPResponse:
    """The list; after a refused act with its sentence, and what was ticked still ticked."""
    view = view or View.of(section, {name: request.args.get(name) for name in request.args})
    page, options, counts = await _read(section, request, view)
    return section.show(
        request,
        section.page,
        status,
        page=page,
        view=view,
        options=options,
        counts=counts,
        fault=fault,
        ticked=ticked,
        link=partial(_link, request, section, view),
        undoable=_number(request.args.get("undo")) if section.undo else 0,
    )


async def _read(section: Section, request: Request, view: View) -> tuple[Any, Any, Any]:
    listing = section.listing
    if listing is None:
        raise web.NotHere
    tabs = [(one.name, value) for one in section.filters if one.tabs for value in _fixed(one)]
    page, options, counts = await web.get_or_404(
        request,
        together,
        lambda session: listing.page(session, _in_zone(view, request.ctx.site.timezone)),
        lambda session: {one.name: _options(one, session) for one in section.filters},
        lambda session: {tab: listing.count(session, **dict([tab])) for tab in tabs},
    )
    return page, {name: _named(request, found) for name, found in options.items()}, counts


def _in_zone(view: View, zone: str) -> Asked:
    """A day begins when it does where the site is."""
    days = {one.name for one in view.section.filters if one.type == "date"}
    given = view.asked.filters.items()
    return replace(
        view.asked,
        filters={name: f"{text} {zone}" if name in days else text for name, text in given},
    )


def _fixed(one: Filter) -> Sequence[str]:
    return () if callable(one.options) else tuple(one.options)


def _options(one: Filter, session: Any) -> Any:
    return one.options(session) if callable(one.options) else one.options


def _named(request: Request, options: Any) -> list[tuple[str, str]]:
    """Pairs of value and label: of a declaration translated, of the database as they are."""
    if isinstance(options, Mapping):
        return [(value, web.say(request, label)) for value, label in options.items()]
    return list(options)


def _link(request: Request, section: Section, view: View, **changes: str) -> str:
    query = view.query(**changes)
    return web.url(request, section.route) + (f"?{query}" if query else "")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


# --- acts ---


async def act(section: Section, act: Act, request: Request) -> HTTPResponse:
    """One act on the rows that were ticked, or on the one whose button was pressed."""
    form = ActForm.read(request)
    view = View.of(section, dict(parse_qsl(form.values["back"][:LONGEST_BACK])))
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
        gone = Refusal(N_("What you chose is not there any more."))
        return await _refused(section, request, view, (), gone)
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
        gone = Refusal(N_("What you chose is not there any more."))
        return await _refused(section, request, view, (), gone)
    link = partial(_link, request, section, view)
    place = {name: text for name, text in view.given.items() if name in PLACES}
    return section.show(
        request,
        "confirm",
        act=act,
        rows=rows,
        ids=ids,
        back=link(**place),
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
    view = View.of(section, dict(parse_qsl(form.values["back"][:LONGEST_BACK])))
    try:
        if not form.ok or section.undo is None:
            raise Refusal(N_("What you chose is not there any more."))
        await web.transact(request, section.undo, form["id"])
    except (Refusal, LookupError) as error:
        gone = Refusal(N_("What you chose is not there any more."))
        refusal = error if isinstance(error, Refusal) else gone
        return await _refused(section, request, view, (), refusal)
    web.flash(request, N_("Taken back."))
    return _back(request, section, urlencode(view.given))


class UndoForm(Form):
    id = Number(required=True)
    back = Text(most=LONGEST_BACK)
