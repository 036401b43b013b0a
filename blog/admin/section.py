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
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.forms import Form
from blog.models.listing import Listing
from blog.models.user import EDITOR

SECTIONS: list["Section"] = []  # every section that was declared
Handler = Callable[..., Awaitable[HTTPResponse]]
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


@dataclass(frozen=True)
class Route:
    """A view of a section's own, at `/admin/<section><path>`; the route is named after the view."""

    method: str
    path: str
    view: Handler


@dataclass(frozen=True, eq=False)
class Section:
    """A section of the admin area. `blog.admin.routes` makes its routes from what it declares.

    `place` orders the sections in the bar: overview 10, posts 20, pages 30, comments 40, tags 50,
    pictures 60, redirects 70, people 80, invitations 90, audit 100, look 105, settings 110.
    `purpose` is shown where the list is empty. `page` may name a template that extends
    `admin/list.html`.
    """

    name: str
    label: str
    place: int
    role: str = EDITOR
    _: KW_ONLY
    listing: Listing[Any] | None = None
    counted: tuple[str, str] = ("", "")
    columns: tuple[Column, ...] = ()
    filters: tuple[Filter, ...] = ()
    search: str = ""
    purpose: str = ""
    acts: tuple[Act, ...] = ()
    new: Sheet | None = None
    load: Callable[..., Any] | None = None
    row: tuple[Sheet, ...] = ()
    undo: Callable[..., Any] | None = None
    cells: str = "admin/_cells.html"
    page: str = "list"
    routes: list[Route] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        SECTIONS.append(self)

    def get(self, path: str = "") -> Callable[[Handler], Handler]:
        """Decorate a view that answers GET below the section's path."""
        return self._route("GET", path)

    def post(self, path: str = "") -> Callable[[Handler], Handler]:
        """Decorate a view that answers POST below the section's path."""
        return self._route("POST", path)

    def _route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        def decorate(view: Handler) -> Handler:
            self.routes.append(Route(method, path, view))
            return view

        return decorate

    def show(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTTPResponse:
        """Render a page of the section, below a bar with the sections that the user may open."""
        allowed = [section for section in SECTIONS if request.ctx.user.has_role(section.role)]
        allowed.sort(key=lambda section: section.place)
        return web.render(
            request, f"admin/{template}.html", status, sections=allowed, here=self, **context
        )

    @property
    def route(self) -> str:
        """The name of its first page."""
        return f"admin.{self.name or 'dashboard'}"
