"""Imports the comments and redirects of an export, from the JSON files beside its posts.

The files may have been edited by anybody, so every row is validated.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeGuard

from blog.config import N_, Config
from blog.db import Database
from blog.importer.report import ImportReport
from blog.importer.source.source_post import Remark
from blog.models.base import Refusal
from blog.models.transfer import import_comments
from blog.models.transfer.import_comments import ImportedComment
from blog.sandbox import Sandbox, SandboxFailed

COMMENTS, ADDRESSES = "comments.json", "addresses.json"
MAX_SIZE = 100_000_000  # bytes
ID = re.compile(r"[\w-]{1,64}")
COMMENT_FIELDS = ("id", "post", "answers", "person", "name", "email", "state", "language", "body")


def read_rows(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a JSON list that have all `required` fields as strings.

    Returns an empty list if the file is missing, too large or not such a list.
    """
    if not path.is_file() or path.stat().st_size > MAX_SIZE:
        return []
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return []
    return [row for row in rows if _has_strings(row, required)] if isinstance(rows, list) else []


def _has_strings(row: object, required: tuple[str, ...]) -> TypeGuard[dict[str, str]]:
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in required)


def read_comments(folder: Path) -> list[ImportedComment]:
    """Return the exported comments, each id once, comments before their replies."""
    rows = read_rows(folder / COMMENTS, (*COMMENT_FIELDS, "written", "decided"))
    unique = {comment.uid: comment for comment in _parse_comments(rows)}
    return sorted(unique.values(), key=lambda comment: (bool(comment.answers), comment.written))


def _parse_comments(rows: list[dict[str, str]]) -> Iterator[ImportedComment]:
    for row in rows:
        try:
            if not ID.fullmatch(row["id"]):
                continue
            written, decided = _moment(row["written"]), row["decided"]
            values = {name: row[name] for name in COMMENT_FIELDS if name != "id"}
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


async def import_lists(
    config: Config, database: Database, folder: Path, report: ImportReport
) -> None:
    """Import redirects and comments that are not here yet. Call it after the posts are written."""
    await _import_redirects(database, folder, report)
    known = await database.read(import_comments.comment_uids)
    missing = [comment for comment in read_comments(folder) if comment.uid not in known]
    if missing:
        async with Sandbox(config) as sandbox:
            await _import_comments(database, missing, report, sandbox)


async def _import_redirects(database: Database, folder: Path, report: ImportReport) -> None:
    """Import redirects to other targets; the old addresses of posts came with the posts."""
    for row in read_rows(folder / ADDRESSES, ("address", "leads_to")):
        path, target = row["address"], row["leads_to"]
        if not target:
            continue
        try:
            is_new = await database.transact(import_comments.import_redirect, path, target)
            report.list_rows["redirects"] += 1 if is_new else 0
        except Refusal as reason:
            _add_remark(report, "address", ADDRESSES, reason)


async def _import_comments(
    database: Database, missing: list[ImportedComment], report: ImportReport, sandbox: Sandbox
) -> None:
    for comment in missing:
        try:
            rendered = await sandbox.render(comment.body, trust="guest")
            await database.transact(import_comments.import_comment, comment, rendered)
            report.list_rows["comments"] += 1
        except Refusal as reason:
            _add_remark(report, "comment", COMMENTS, reason)
        except SandboxFailed as fault:
            refusal = Refusal(N_("It could not be rendered: %(fault)s"), fault=str(fault))
            _add_remark(report, "comment", COMMENTS, refusal)


def _add_remark(report: ImportReport, kind: str, file: str, reason: Refusal) -> None:
    params = {name: str(value) for name, value in reason.params.items()}
    report.remarks.append(Remark(file, reason.message, params, kind))
