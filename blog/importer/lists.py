"""The lists of an export of ours beside its posts: read with care, since anybody may have typed in
them, and brought in once the posts are here."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blog.config import N_, Config
from blog.db import Database
from blog.importer.report import ImportReport
from blog.importer.source.source_post import Remark
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.transfer import import_comments
from blog.models.transfer.import_comments import ImportedComment
from blog.sandbox import Sandbox, SandboxFailed

COMMENTS, ADDRESSES = "comments.json", "addresses.json"
LARGEST = 100_000_000  # bytes
ID = re.compile(r"[\w-]{1,64}")
OF_A_COMMENT = ("id", "post", "answers", "person", "name", "email", "state", "language", "body")


def read(path: Path, wanted: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows that say all of `wanted`; none where there is no such list, or another's."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return []
    return [row for row in rows if _says(row, wanted)] if isinstance(rows, list) else []


def _says(row: Any, wanted: tuple[str, ...]) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in wanted)


def comments(folder: Path) -> list[ImportedComment]:
    """What is answered comes before its answers."""
    rows = read(folder / COMMENTS, (*OF_A_COMMENT, "written", "decided"))
    unique = {one.uid: one for one in _comments(rows)}
    return sorted(unique.values(), key=lambda one: (bool(one.answers), one.written))


def _comments(rows: list[dict[str, str]]) -> Iterator[ImportedComment]:
    for row in rows:
        try:
            if not ID.fullmatch(row["id"]):
                continue
            written, decided = _moment(row["written"]), row["decided"]
            values = {name: row[name] for name in OF_A_COMMENT if name != "id"}
            yield ImportedComment(
                uid=row["id"],
                written=written,
                decided=_moment(decided) if decided else None,
                **values,
            )
        except ValueError:
            continue


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def bring(config: Config, database: Database, folder: Path, receipt: ImportReport) -> None:
    """Run twice, it brings nothing twice."""
    await _bring_redirects(database, folder, receipt)
    here = await database.read(import_comments.said)
    if missing := [one for one in comments(folder) if one.uid not in here]:
        async with Sandbox(config) as crew:
            await _bring_comments(database, missing, receipt, crew)


async def _bring_redirects(database: Database, folder: Path, receipt: ImportReport) -> None:
    """Those of posts came with their posts."""
    for row in read(folder / ADDRESSES, ("address", "leads_to")):
        path, to = row["address"], row["leads_to"]
        if not to:
            continue
        try:
            came = await database.transact(import_comments.import_redirect, path, to)
            receipt.besides["redirects"] += came
        except Refusal as reason:
            _tell(receipt, "address", ADDRESSES, reason)


async def _bring_comments(
    database: Database, missing: list[ImportedComment], receipt: ImportReport, crew: Sandbox
) -> None:
    for one in missing:
        try:
            rendered = await crew.render(one.body, trust="guest")
            await database.transact(import_comments.import_comment, one, rendered)
            receipt.besides["comments"] += 1
        except (Refusal, TooMuch) as reason:
            _tell(receipt, "comment", COMMENTS, reason)
        except SandboxFailed as fault:
            said = Refusal(N_("It could not be rendered: %(fault)s"), fault=str(fault))
            _tell(receipt, "comment", COMMENTS, said)


def _tell(receipt: ImportReport, kind: str, file: str, reason: Refusal | TooMuch) -> None:
    params = {name: str(value) for name, value in reason.params.items()}
    receipt.remarks.append(Remark(file, reason.message, params, kind))
