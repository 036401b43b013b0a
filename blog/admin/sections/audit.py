"""The audit log: its list, and a page for each entry. The log cannot be changed here."""

import json
from collections.abc import Mapping, Sequence
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
    """A row of the log, with labels.

    `label` is to be translated. `names` are to be translated if they are settings (`are_settings`);
    otherwise they are names of rows. `by` is empty for visitors and for scheduled tasks.
    """

    id: int
    at: datetime
    by: str
    is_visitor: bool
    label: str
    names: tuple[str, ...]
    are_settings: bool
    ip: str


def displayed(entry: LogEntry) -> DisplayedEntry:
    """Return a log entry with its labels."""
    label = audit_labels.find_label(entry.action)
    are_settings = label is not None and label.kind == "site"
    names = audit_labels.setting_labels(entry) if are_settings else audit_labels.row_names(entry)
    return DisplayedEntry(
        id=entry.id,
        at=entry.at,
        by=entry.by,
        is_visitor=bool(entry.ip),
        label=audit_labels.action_text(entry.action),
        names=names,
        are_settings=are_settings,
        ip=entry.ip,
    )


def actions(session: Any) -> Mapping[str, str]:
    """Return the options of the filter by action, with their labels."""
    names = (name for name in log.actions(session) if name not in audit_labels.UNLOGGED)
    return {name: audit_labels.action_text(name) for name in names}


def _make(session: Any, rows: Sequence[Any]) -> list[DisplayedEntry]:
    return [displayed(entry) for entry in log.ENTRIES.make(session, rows)]


ENTRIES: Listing[Any] = log.ENTRIES
LISTING: Listing[DisplayedEntry] = replace(ENTRIES, make=_make)

section = Section(
    "audit",
    N_("Audit log"),
    place=100,
    role=ADMIN,
    route="audit",
    listing=LISTING,
    counted=ngettext("%(num)s log entry", "%(num)s log entries"),
    columns=(
        Column("label", N_("Action"), "action"),
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
    """Show one entry, with each changed row before and after."""
    detail = await web.get_or_404(request, log.entry, id)
    return section.show(
        request,
        "audit_line",
        detail=detail,
        entry=displayed(detail.entry),
        kinds=audit_labels.KINDS,
        column_label=audit_labels.column_label,
        is_derived=audit_labels.is_derived,
        displayed_value=displayed_value,
        diff=diff,
    )


def displayed_value(kind: str, column: str, value: object) -> object:
    """Return a stored value as the template shows it: times as `datetime`, lists as lines."""
    setting = SETTINGS.get(column.removeprefix("choices.")) if kind == "site" else None
    if setting and value is None and column not in COLUMNS:
        value = setting.default
    if isinstance(value, str):
        return _time(value) or value
    if isinstance(value, list):
        return "\n".join(item if isinstance(item, str) else _line(item) for item in value)
    return value


def _line(value: object) -> str:
    """Return a list of texts as words, such as a label and an address; anything else as JSON."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _time(text: str) -> datetime | None:
    """Parse an ISO 8601 time with a time zone; None for any other text."""
    if len(text) < 25 or text[10:11] != "T":
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
