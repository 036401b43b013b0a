"""The list page of a section: reads filters, search and order from the query, and shows rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Filter, Options, OptionValues, Section
from blog.models.listing import ListPage, ListQuery, run_together
from blog.web.forms import Text

EVERYTHING = "all"  # the value that turns off a filter that has a default
LINE = Text()
LONGEST = 200  # characters of a parameter
PLACES = ("after", "before")  # where the page starts or ends
LONGEST_PLACE = 4000  # a place contains the value that rows are ordered by
LONGEST_BACK = 8000  # the whole query, as a form field


@dataclass(frozen=True)
class View:
    """The parameters of a list, from its query string."""

    section: Section
    given: Mapping[str, str]

    @classmethod
    def of(cls, section: Section, given: Mapping[str, str | None]) -> Self:
        """Read the parameters that the section declares; others are ignored."""
        names = (*(filter.name for filter in section.filters), "q", "sort", *PLACES)
        typed = {name: LINE.clean([given.get(name) or ""]).strip() for name in names}
        longest = dict.fromkeys(PLACES, LONGEST_PLACE)
        cut = {name: text[: longest.get(name, LONGEST)] for name, text in typed.items()}
        return cls(section, {name: text for name, text in cut.items() if text})

    @classmethod
    def back(cls, section: Section, query: str) -> Self:
        """The list that a form was sent from; `query` is its `back` field."""
        return cls.of(section, dict(parse_qsl(query[:LONGEST_BACK])))

    @property
    def asked(self) -> ListQuery:
        """The parameters as a query for the models."""
        chosen = {filter.name: self.value_of(filter) for filter in self.section.filters}
        return ListQuery(
            filters={name: value for name, value in chosen.items() if value},
            words=self.given.get("q", ""),
            sort=self.given.get("sort", ""),
            after=self.given.get("after", ""),
            before=self.given.get("before", ""),
        )

    def value_of(self, filter: Filter) -> str:
        """Return the value of a filter; empty if it shows everything."""
        chosen = self.given.get(filter.name) or filter.default
        return "" if filter.default and chosen == EVERYTHING else chosen

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter or the search is used."""
        return any(name not in ("sort", *PLACES) for name in self.given)

    def query(self, **changes: str) -> str:
        """Return the query string with some parameters changed, for the first page."""
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
    """Show the list; after a refused action with the reason and the same rows ticked."""
    view = view or View.of(section, {name: request.args.get(name) for name in request.args})
    data = await _read(section, request, view)
    return section.show(
        request,
        section.page,
        status,
        page=data.page,
        view=view,
        options=data.options,
        counts=data.counts,
        fault=fault,
        ticked=ticked,
        link=partial(link, request, section, view),
        undoable=_number(request.args.get("undo")) if section.undo else 0,
    )


class _ListData(NamedTuple):
    """The rows, the options of each filter, and the number of rows per tab."""

    page: ListPage[object]
    options: dict[str, list[tuple[str, str]]]
    counts: dict[tuple[str, str], int]  # (name of a filter, its value) -> number of rows


async def _read(section: Section, request: Request, view: View) -> _ListData:
    listing = section.listing
    if listing is None:
        raise web.PageNotFound
    tabs = [
        (filter.name, value)
        for filter in section.filters
        if filter.tabs
        for value in _declared_values(filter)
    ]
    page, options, counts = await web.get_or_404(
        request,
        run_together,
        lambda session: listing.page(session, _in_zone(view, request.ctx.site.timezone)),
        lambda session: {
            filter.name: read_options(filter.options, session) for filter in section.filters
        },
        lambda session: {tab: listing.count(session, **dict([tab])) for tab in tabs},
    )
    labelled = {name: labelled_options(request, values) for name, values in options.items()}
    return _ListData(page, labelled, counts)


def _in_zone(view: View, zone: str) -> ListQuery:
    """Return the query with the time zone of the site added to values of date filters."""
    date_filters = {filter.name for filter in view.section.filters if filter.type == "date"}
    query = view.asked
    filters = {
        name: f"{value} {zone}" if name in date_filters else value
        for name, value in query.filters.items()
    }
    return replace(query, filters=filters)


def _declared_values(filter: Filter) -> tuple[str, ...]:
    """Return the values of a filter that the section declares; none if the database has them."""
    return tuple(filter.options) if isinstance(filter.options, Mapping) else ()


def read_options(options: Options, session: object) -> OptionValues:
    """Return the options of a filter or an input, from the database if it has them."""
    return options(session) if callable(options) else options


def labelled_options(request: Request, options: OptionValues) -> list[tuple[str, str]]:
    """Return pairs of value and label.

    Labels of a mapping are translated; those from the database are not.
    """
    if isinstance(options, Mapping):
        return [(value, web.translate_for(request, label)) for value, label in options.items()]
    return list(options)


def link(request: Request, section: Section, view: View, **changes: str) -> str:
    """Return the address of the list with some parameters changed."""
    query = view.query(**changes)
    return web.url(request, f"admin.{section.route}") + (f"?{query}" if query else "")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
