"""A section of the office, made from one short declaration beside its room.

    section = Section(
        "tags", N_("Tags"), place=50, role=EDITOR,
        listing=tagging.tags,                       # models: a `Listing`; all SQL stands there
        counted=ngettext("%(num)s tag", "%(num)s tags"),
        columns=(Column("name", N_("Name"), "link", sort=True), Column("posts", N_("Posts"))),
        filters=(Filter("use", N_("Used"), {"used": N_("In use"), "unused": N_("Not used")}),),
        search=N_("Name"),
        acts=(Act("delete", N_("Delete"), listing.each(tagging.delete), confirm=N_("…"), done=…),),
        new=Sheet("add", …),                        # a form at /admin/tags/new
        load=tagging.one, row=(Sheet("rename", …),)  # the page /admin/tags/<id> and its forms
    )

What it gives, at `/admin/<name>`: the list with its filters, search, sorting by headings and pages
by key; each act on one row, on the ticked ones, and by keys; a page for each `Sheet`. Pages that
are like no others hang on it with `@section.get("/…")` and `@section.post("/…")`; `section.show`
renders them below the bar. Nothing else stands under `/admin`, and nothing below `role` gets in.

The model's side (`blog.models.listing.Listing`) names the query, the row it makes (a frozen
dataclass with an `id`), the filters and orders that there are, and what is searched. The room says
which of them are shown, how, and in which words.

A verb is one transaction: `verb(session, ids, *, by)`; it returns how many rows it did, or
something that has their `number`, and an `id` where the section can `undo` it. `listing.each` makes
one out of `verb(session, id, *, by)`. It raises `Refusal`: nothing is done, and the list is shown
again with 422, the sentence, and what was ticked. One verb from the button to the table: Act
"approve" posts to `/admin/comments/approve`, the route `admin.approve_comments`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin import acts as doing
from blog.admin import bp, lists, sheets
from blog.forms import Form
from blog.models.listing import Listing
from blog.models.user import EDITOR

SECTIONS: list["Section"] = []
Options = Mapping[str, str] | Callable[[Any], Mapping[str, str] | Sequence[tuple[str, str]]]


def ngettext(one: str, many: str) -> tuple[str, str]:
    """Mark a sentence with a number for the catalogue; it is translated where it is shown."""
    return one, many


@dataclass(frozen=True)
class Column:
    """One column: the row's `name`, shown by the macro `cell` of the section's `cells` or of
    `admin/_cells.html`: text, number, when, names, link (to the row's sheet), … `sort`: by the
    listing's order of the same name."""

    name: str
    label: str
    cell: str = "text"
    sort: bool = False


@dataclass(frozen=True)
class Filter:
    """One of the listing's filters. `options` are value to label, or a reading of
    `(value, words of somebody's own)`. As `tabs` they stand above the list with their numbers.
    `default` is shown where none is asked for; then the value `all` shows everything. One of type
    `date` has no options; the listing is given the day and the site's zone: `2026-11-20 UTC`."""

    name: str
    label: str
    options: Options
    tabs: bool = False
    default: str = ""
    type: str = "select"


@dataclass(frozen=True)
class Act:
    """A button: `verb(session, ids, *, by)` on the rows it is `offered` for, one or many.

    `done` is what is said afterwards. `confirm` is asked first, where it cannot be undone; not
    where the verb would refuse. `key` presses it while the list has the focus. `then(request,
    done)` follows what the verb returned off the database, such as onto the disk.
    """

    name: str
    label: str
    verb: Callable[..., Any]
    done: tuple[str, str]
    confirm: str = ""
    bulk: bool = True
    key: str = ""
    offered: Callable[[Any], bool] = lambda row: True
    then: Callable[[Request, Any], Awaitable[None]] | None = None


@dataclass(frozen=True)
class Input:
    """One control of a sheet; `type` and `options` as the macro `field` takes them. The options of
    a text are offered while it is typed."""

    name: str
    label: str
    type: str = "text"
    hint: str = ""
    options: Options = lambda session: ()


@dataclass(frozen=True)
class Sheet:
    """A form of the section. To add: `verb(session, *, by, **data)`. On a row's page:
    `verb(session, id, *, by, **data)`, its fields filled from the row of the same names."""

    name: str
    label: str
    form: type[Form]
    inputs: tuple[Input, ...]
    verb: Callable[..., Any]
    done: str
    button: str
    note: str = ""


class Section:
    """Its pages hang on it, so that none can stand outside its lock."""

    def __init__(
        self,
        name: str,
        label: str,
        place: int,
        role: str = EDITOR,
        *,
        listing: Listing[Any] | None = None,
        counted: tuple[str, str] = ("", ""),
        columns: tuple[Column, ...] = (),
        filters: tuple[Filter, ...] = (),
        search: str = "",
        purpose: str = "",
        acts: tuple[Act, ...] = (),
        new: Sheet | None = None,
        load: Callable[..., Any] | None = None,
        row: tuple[Sheet, ...] = (),
        undo: Callable[..., Any] | None = None,
        cells: str = "admin/_cells.html",
        page: str = "list",
    ) -> None:
        """`place` in the bar: overview 10, posts 20, pages 30, comments 40, tags 50, pictures 60,
        redirects 70, people 80, invitations 90, audit 100, settings 110. `page` may name a template
        that extends `admin/list.html`."""
        self.name, self.label, self.place, self.role = name, label, place, role
        self.listing, self.counted, self.columns = listing, counted, columns
        self.filters, self.search, self.acts = filters, search, acts
        self.purpose = purpose  # said where the list is empty
        self.new, self.load, self.row, self.undo = new, load, row, undo
        self.cells, self.page = cells, page
        bp.ctx.sections[name] = role
        SECTIONS.append(self)
        self._open()

    def _open(self) -> None:
        """The ways that the declaration asks for."""
        if self.listing:
            self._way("GET", "", self.name, lists.show)
        for act in self.acts:
            self._way("POST", f"/{act.name}", f"{act.name}_{self.name}", doing.act, act)
        if self.undo:
            self._way("POST", "/undo", f"undo_{self.name}", doing.undo)
        if self.new:
            self._way("GET", "/new", f"new_{self.name}", sheets.new)
            self._way("POST", "/new", f"{self.new.name}_{self.name}", sheets.add)
        if self.load:
            self._way("GET", "/<id:int>", f"one_{self.name}", sheets.one)
        for sheet in self.row:
            path, name = f"/<id:int>/{sheet.name}", f"{sheet.name}_{self.name}"
            self._way("POST", path, name, sheets.change, sheet)

    def _way(self, method: str, path: str, name: str, view: Any, *declared: Any) -> None:
        async def handler(request: Request, **parts: Any) -> HTTPResponse:
            answer: HTTPResponse = await view(self, *declared, request, **parts)
            return answer

        bp.add_route(handler, self._uri(path), methods=[method], name=name)

    def get(self, path: str = "") -> Callable[..., Any]:
        return bp.get(self._uri(path))

    def post(self, path: str = "") -> Callable[..., Any]:
        return bp.post(self._uri(path))

    def _uri(self, path: str) -> str:
        return f"/{self.name}{path}" if self.name else "/"

    def show(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTTPResponse:
        """A page of the section, below the bar with what its visitor may open."""
        mine = [one for one in SECTIONS if request.ctx.user.has_role(one.role)]
        mine.sort(key=lambda one: one.place)
        return web.render(
            request, f"admin/{template}.html", status, sections=mine, here=self, **context
        )

    @property
    def route(self) -> str:
        """The name of its first page."""
        return f"admin.{self.name or 'dashboard'}"
