"""The declaration of a section of the admin area.

    section = Section(
        "tags", N_("Tags"), place=50, role=EDITOR, route="tags",
        listing=tag_admin.tags,                     # a `Listing` of the models, with all its SQL
        counted=ngettext("%(num)s tag", "%(num)s tags"),
        columns=(Column("name", N_("Name"), "link", sort=True), Column("posts", N_("Posts"))),
        filters=(Filter("use", N_("Used"), {"used": N_("In use"), "unused": N_("Not used")}),),
        search=N_("Name"),
        actions=(Action("delete", …, for_each(tag_admin.delete_tag), route="delete_tags", …),),
        new_route="new_tags", new_form=EditForm("add", …, route="add_tags"),  # /admin/tags/new
        load=tag_admin.one, row_route="one_tags",     # the page /admin/tags/<id>
        row_forms=(EditForm("rename", …, route="rename_tags"),),
    )

This gives the list at `/admin/<name>` with filters, search, sortable headings and pagination, each
action on one row or on the ticked rows, and a page for the edit forms. A section adds extra views
with `@section.get("/…")` and `@section.post("/…")`, and renders them with `section.show`. Users
below `role` are denied access to all of it.

Each `route` names a route of the blueprint, so `route="delete_tags"` is `admin.delete_tags`. Names
are written out, so that a search for one finds its declaration.

The `Listing` (`blog.models.listing`) defines the query, the rows (frozen dataclasses with an `id`),
the filters and orders, and what is searched. The section says which of them are shown, and how.

A verb runs in one transaction: `verb(session, ids, *, by)`, where `by` is the signed-in user. All
verbs take it, also those that treat all users alike. A verb returns the number of rows it changed,
or an object with a `number`, and with an `id` if the section can `undo` it. `for_each` makes one
from `verb(session, id, *, by)`. If it raises `Refusal`, nothing is changed, and the list is shown
again with status 422, the reason, and the same rows ticked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from sanic import HTTPResponse, Request

from blog import web
from blog.models.listing import Listing
from blog.models.users.user import EDITOR
from blog.web.forms import Form

SECTIONS: list["Section"] = []  # every declared section
Handler = Callable[..., Awaitable[HTTPResponse]]
# Value to label, to be translated; or pairs of value and label from the database.
OptionValues: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
Options: TypeAlias = OptionValues | Callable[..., OptionValues]  # or `read(session)`


class BulkResult(Protocol):
    """What an action may return instead of the number of rows that it changed."""

    @property
    def number(self) -> int:
        """The number of rows that the action changed."""


@runtime_checkable
class UndoableResult(Protocol):
    """What an action returns that the section can undo, by its `id`."""

    @property
    def id(self) -> int:
        """The argument for `Section.undo`."""


def ngettext(one: str, many: str) -> tuple[str, str]:
    """Mark a sentence with a number for translation; it is translated where it is shown."""
    return one, many


@dataclass(frozen=True)
class Column:
    """A column: the attribute `name` of a row, shown by the macro `cell`.

    The macro is in the section's `cells` or in `admin/_cells.html`: text, number, when, names, link
    (to the row's page), … With `sort` its heading sorts by the listing's order of the same name.
    """

    name: str
    label: str
    cell: str = "text"
    sort: bool = False


@dataclass(frozen=True)
class Filter:
    """One of the listing's filters.

    `options` map values to labels, or read pairs of value and label from the database. With `tabs`
    they are shown above the list with their counts. `default` applies where none is chosen; the
    value `all` then shows everything. A filter of type `date` has no options; the listing is given
    the day and the time zone of the site: `2026-11-20 UTC`.
    """

    name: str
    label: str
    options: Options
    tabs: bool = False
    default: str = ""
    type: str = "select"


@dataclass(frozen=True)
class Action:
    """A button that runs `verb(session, ids, *, by)` on one or many rows.

    `done` is the message afterwards. `confirm` is asked first, unless the verb would refuse. `bulk`
    offers it for ticked rows. `key` is its shortcut while the list has the focus. `offered(row)`
    says whether a row has the button. `then(request, done)` is awaited after the transaction with
    what the verb returned, for work outside the database such as removing files.
    """

    name: str
    label: str
    verb: Callable[..., int | BulkResult]
    done: tuple[str, str]
    route: str
    confirm: str = ""
    bulk: bool = True
    key: str = ""
    offered: Callable[..., bool] = lambda row: True
    then: Callable[..., Awaitable[None]] | None = None


@dataclass(frozen=True)
class Input:
    """An input of an edit form.

    `type` and `options` are those of the macro `field`. The options of a text input are suggested
    while typing.
    """

    name: str
    label: str
    type: str = "text"
    hint: str = ""
    options: Options = lambda session: ()


@dataclass(frozen=True)
class EditForm:
    """A form that adds a row with `verb(session, *, by, **data)`, or changes one.

    A form that changes a row calls `verb(session, id, *, by, **data)`, and is filled from the
    attributes of the row. `note` is shown above the inputs, `done` is the message afterwards.
    """

    name: str
    label: str
    form: type[Form]
    inputs: tuple[Input, ...]
    verb: Callable[..., object]
    done: str
    route: str
    button: str
    note: str = ""


@dataclass(frozen=True)
class Route:
    """An extra view of a section, at `/admin/<section><path>`; the route is named after it."""

    method: str
    path: str
    view: Handler


@dataclass(frozen=True, eq=False)
class Section:
    """A section of the admin area. `blog.admin.routes` creates its routes from the declaration.

    `place` orders the sections in the bar: overview 10, posts 20, pages 30, comments 40, tags 50,
    pictures 60, redirects 70, people 80, invitations 90, audit log 100, appearance 105, settings
    110.
    `route` names the route of the section's first page: its list, or an extra view.
    `purpose` is shown where the list is empty. `page` may name a template that extends
    `admin/list.html`.
    """

    name: str
    label: str
    place: int
    _: KW_ONLY
    route: str
    role: str = EDITOR
    listing: Listing[Any] | None = None
    counted: tuple[str, str] = ("", "")
    columns: tuple[Column, ...] = ()
    filters: tuple[Filter, ...] = ()
    search: str = ""
    purpose: str = ""
    actions: tuple[Action, ...] = ()
    new_route: str = ""
    new_form: EditForm | None = None
    load: Callable[..., object] | None = None
    row_route: str = ""
    row_forms: tuple[EditForm, ...] = ()
    undo: Callable[..., object] | None = None
    undo_route: str = ""
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
        self, request: Request, template: str, status: int = 200, **context: object
    ) -> HTTPResponse:
        """Render a page of the section, below a bar with the sections that the user may open."""
        allowed = [section for section in SECTIONS if request.ctx.user.has_role(section.role)]
        allowed.sort(key=lambda section: section.place)
        return web.render(
            request, f"admin/{template}.html", status, sections=allowed, here=self, **context
        )
