"""Who did what, when and from where: the log, to be read and never to be changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin import deeds
from blog.admin.differences import diff
from blog.admin.section import Column, Filter, Section, ngettext
from blog.config import N_
from blog.models import audit as log
from blog.models.audit import Line
from blog.models.listing import Listing
from blog.models.user import ADMIN


@dataclass(frozen=True)
class Told:
    """A line of the log in words. `deed` is still to be translated, `names` are not."""

    id: int
    at: datetime
    by: str
    is_visitor: bool
    deed: str
    names: tuple[str, ...]
    ip: str


def told(line: Line) -> Told:
    words, names = deeds.words_of(line.act), deeds.about(line)
    return Told(line.id, line.at, line.by, bool(line.ip), words, names, line.ip)


def acts(session: Any) -> Mapping[str, str]:
    return {act: deeds.words_of(act) for act in log.acts(session)}


def _make(session: Any, rows: Any) -> list[Told]:
    return [told(line) for line in log.LINES.make(session, rows)]


LINES: Any = log.LINES
LISTING: Listing[Told] = replace(LINES, make=_make)  # the model's rows, in words

section = Section(
    "audit",
    N_("Audit"),
    place=100,
    role=ADMIN,
    listing=LISTING,
    counted=ngettext("%(num)s act", "%(num)s acts"),
    columns=(
        Column("deed", N_("What"), "deed"),
        Column("by", N_("Who"), "doer"),
        Column("at", N_("When"), "moment"),
        Column("ip", N_("From where")),
    ),
    filters=(
        Filter("by", N_("Who"), log.doers),
        Filter("act", N_("What"), acts),
        Filter("kind", N_("About"), deeds.KINDS),
        Filter("since", N_("From"), {}, type="date"),
        Filter("until", N_("To"), {}, type="date"),
    ),
    search=N_("Name, person, address"),
    cells="admin/audit_cells.html",
)


@section.get("/<id:int>")
async def one_audit(request: Request, id: int) -> HTTPResponse:
    """One act, with each thing that it touched before and after."""
    detail = await web.get_or_404(request, log.line, id)
    return section.show(
        request,
        "audit_line",
        detail=detail,
        told=told(detail.line),
        kinds=deeds.KINDS,
        label_of=deeds.label_of,
        shown=shown,
        diff=diff,
    )


def shown(value: Any) -> Any:
    """What the log kept of a value, as a template can show it."""
    if isinstance(value, str):
        return _moment(value) or value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _moment(text: str) -> datetime | None:
    if len(text) < 25 or text[10:11] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
