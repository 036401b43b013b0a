"""Who did what, when and from where: the log, to be read and never to be changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin import audit_labels
from blog.admin.section import Column, Filter, Section, ngettext
from blog.admin.text_diff import diff
from blog.config import N_
from blog.models.audit import audit as log
from blog.models.audit.audit import LogEntry
from blog.models.listing import Listing
from blog.models.settings.save_settings import COLUMNS, SETTINGS
from blog.models.users.user import ADMIN


@dataclass(frozen=True)
class DisplayedEntry:
    """A line of the log in words. `deed` is still to be translated, and so are `names` of settings,
    but not those that people gave."""

    id: int
    at: datetime
    by: str
    is_visitor: bool
    deed: str
    names: tuple[str, ...]
    are_settings: bool
    ip: str


def displayed(line: LogEntry) -> DisplayedEntry:
    deed = audit_labels.label_of_action(line.action)
    of_settings = deed is not None and deed.kind == "site"
    names = audit_labels.settings(line) if of_settings else audit_labels.about(line)
    words = audit_labels.words_of(line.action)
    return DisplayedEntry(
        line.id, line.at, line.by, bool(line.ip), words, names, of_settings, line.ip
    )


def actions(session: Any) -> Mapping[str, str]:
    """The actions that the log can be filtered by, with their labels."""
    names = (name for name in log.actions(session) if name not in audit_labels.UNLOGGED)
    return {name: audit_labels.words_of(name) for name in names}


def _make(session: Any, rows: Any) -> list[DisplayedEntry]:
    return [displayed(line) for line in log.ENTRIES.make(session, rows)]


LINES: Any = log.ENTRIES
LISTING: Listing[DisplayedEntry] = replace(LINES, make=_make)  # the model's rows, in words

section = Section(
    "audit",
    N_("Audit log"),
    place=100,
    role=ADMIN,
    route="audit",
    listing=LISTING,
    counted=ngettext("%(num)s log entry", "%(num)s log entries"),
    columns=(
        Column("deed", N_("Action"), "deed"),
        Column("by", N_("Performed by"), "doer"),
        Column("at", N_("Time"), "moment"),
        Column("ip", N_("IP address")),
    ),
    filters=(
        Filter("by", N_("Performed by"), log.actors),
        Filter("act", N_("Action"), actions),
        Filter("kind", N_("Item type"), audit_labels.KINDS),
        Filter("since", N_("From"), {}, type="date"),
        Filter("until", N_("To"), {}, type="date"),
    ),
    search=N_("Name, user or address"),
    cells="admin/audit_cells.html",
)


@section.get("/<id:int>")
async def one_audit(request: Request, id: int) -> HTTPResponse:
    """One act, with each thing that it touched before and after."""
    detail = await web.get_or_404(request, log.entry, id)
    return section.show(
        request,
        "audit_line",
        detail=detail,
        told=displayed(detail.line),
        kinds=audit_labels.KINDS,
        label_of=audit_labels.label_of,
        is_derived=audit_labels.is_derived,
        shown=shown,
        diff=diff,
    )


def shown(kind: str, column: str, value: Any) -> Any:
    """What the log kept of a value, as a template can show it."""
    setting = SETTINGS.get(column.removeprefix("choices.")) if kind == "site" else None
    if setting and value is None and column not in COLUMNS:
        value = setting.default
    if isinstance(value, str):
        return _moment(value) or value
    if isinstance(value, list):
        return "\n".join(one if isinstance(one, str) else _line(one) for one in value)
    return value


def _line(value: Any) -> str:
    """A pair of texts as one types it; anything else as JSON."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _moment(text: str) -> datetime | None:
    if len(text) < 25 or text[10:11] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
