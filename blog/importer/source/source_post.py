"""The data of one post of an old blog, and the remarks for the import report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Remark:
    """A sentence (marked with `N_`) about one file. `kind` is a section of the import report."""

    file: str
    message: str
    params: Mapping[str, str] = field(default_factory=dict)
    kind: str = "note"

    def __str__(self) -> str:
        return self.message % self.params if self.params else self.message

    def to_json(self) -> dict[str, str]:
        """Return the remark as JSON values, in English."""
        return {"file": self.file, "kind": self.kind, "reason": str(self)}


@dataclass
class SourcePost:
    """A post or page of the old blog. Times are aware, and `body` is unchanged Markdown.

    `path` is its address on the old site, `aliases` further ones, and `guesses` the addresses that
    it has by default. Some attribute names are part of fingerprints, see `link_map`.
    """

    file: str
    kind: Literal["post", "page"]
    title: str
    slug: str
    date: datetime | None  # if None, `modified_at` is used
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
    extra: dict[str, object]
    sha256: str
    source_rst: str = ""  # the original text if `body` was converted from reStructuredText
    modified_at: datetime | None = None  # of the file
    remarks: list[Remark] = field(default_factory=list)
    takes_comments: bool = True
    withdrawn: bool = False  # unpublished: a draft that was public before
    links: dict[str, str] = field(default_factory=dict)  # of an export: new address by old target

    def remark(self, kind: str, message: str, **params: str) -> None:
        """Add a remark. `message` is marked with `N_`."""
        self.remarks.append(Remark(self.file, message, params, kind))
