"""The list of a section: reads what the query asks for, and shows the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Filter, Section
from blog.models.listing import ListQuery, together
from blog.web.forms import Text

EVERYTHING = "all"  # the value that shows everything where a filter has a default
LINE, LONGEST = Text(), 200
# A place in a list contains the value that rows are ordered by, so it may be long.
PLACES, LONGEST_PLACE, LONGEST_BACK = ("after", "before"), 4000, 8000


@dataclass(frozen=True)
class View:
    """What the query of a list asks for."""

    section: Section
    given: Mapping[str, str]

    @classmethod
    def of(cls, section: Section, given: Mapping[str, str | None]) -> Self:
        """Read the parameters that the section declares; others are ignored."""
        names = (*(one.name for one in section.filters), "q", "sort", *PLACES)
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
        return ListQuery(
            filters={
                one.name: chosen for one in self.section.filters if (chosen := self.value_of(one))
            },
            words=self.given.get("q", ""),
            sort=self.given.get("sort", ""),
            after=self.given.get("after", ""),
            before=self.given.get("before", ""),
        )

    def value_of(self, filter: Filter) -> str:
        """The value of a filter; empty if it shows everything."""
        chosen = self.given.get(filter.name) or filter.default
        return "" if filter.default and chosen == EVERYTHING else chosen

    @property
    def is_narrowed(self) -> bool:
        return any(name not in ("sort", *PLACES) for name in self.given)

    def query(self, **changes: str) -> str:
        """The query with some parameters changed; it starts at the first page again."""
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
    """Show the list; after a refused action with the reason, and with the same rows ticked."""
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
        link=partial(link, request, section, view),
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
    return page, {name: named(request, found) for name, found in options.items()}, counts


def _in_zone(view: View, zone: str) -> ListQuery:
    """Add the time zone of the site to values of date filters."""
    days = {one.name for one in view.section.filters if one.type == "date"}
    given = view.asked.filters.items()
    return replace(
        view.asked,
        filters={name: f"{text} {zone}" if name in days else text for name, text in given},
    )


def _fixed(filter: Filter) -> Sequence[str]:
    return () if callable(filter.options) else tuple(filter.options)


def _options(filter: Filter, session: Any) -> Any:
    return filter.options(session) if callable(filter.options) else filter.options


def named(request: Request, options: Any) -> list[tuple[str, str]]:
    """Pairs of value and label. Declared labels are translated, those from the database are not."""
    if isinstance(options, Mapping):
        return [(value, web.say(request, label)) for value, label in options.items()]
    return list(options)


def link(request: Request, section: Section, view: View, **changes: str) -> str:
    query = view.query(**changes)
    return web.url(request, f"admin.{section.route}") + (f"?{query}" if query else "")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
