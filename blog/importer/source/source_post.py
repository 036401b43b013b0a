"""What an old blog says: one post of it, and what could not be understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class Remark:
    """One sentence (marked with `N_`) about one file of the old blog."""

    file: str
    message: str
    params: Mapping[str, str] = field(default_factory=dict)
    kind: str = "note"

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message

    def to_json(self) -> dict[str, str]:
        return {"file": self.file, "kind": self.kind, "reason": str(self)}


@dataclass
class SourcePost:
    """A post or page as the old blog had it. Times are aware; `body` is exactly what was typed."""

    file: str
    kind: Literal["post", "page"]
    title: str
    slug: str
    date: datetime | None  # None where nothing tells it; then `touched` stands in
    updated: datetime | None
    authors: list[str]
    tags: list[str]
    summary: str
    cover: str
    language: str
    draft: bool
    listed: bool
    body: str
    path: str | None
    aliases: list[str]
    guesses: list[str]
    guid: str
    extra: dict[str, Any]
    sha256: str
    typed: str = ""  # reStructuredText as it was typed; empty where `body` is what was typed
    touched: datetime | None = None  # the file itself
    remarks: list[Remark] = field(default_factory=list)
    takes_comments: bool = True
    withdrawn: bool = False  # a draft that was public once
    links: dict[str, str] = field(default_factory=dict)  # said by an export of ours

    def remark(self, kind: str, message: str, **params: str) -> None:
        self.remarks.append(Remark(self.file, message, params, kind))
