"""The data of one post of an old blog, and the remarks for the import report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from blog.models.posts.content import Values


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
    """A post or page of the old blog. Times are aware.

    `content` has a value for each content field of a post except the tags; the body is unchanged
    Markdown, and the cover is as the old blog refers to it. `path` is the address on the old site,
    `aliases` further ones, and `guesses` the addresses that it has by default.
    """

    file: str
    kind: Literal["post", "page"]
    content: Values
    date: datetime | None  # if None, `modified_at` is used
    updated: datetime | None
    authors: list[str]
    tags: list[str]
    draft: bool
    path: str | None
    aliases: list[str]
    guesses: list[str]
    guid: str
    extra: dict[str, object]
    sha256: str
    summary_before_0_5: str  # when `subtitle` was a key of the summary, for fingerprints
    source_rst: str = ""  # the original text if `body` was converted from reStructuredText
    modified_at: datetime | None = None  # of the file
    remarks: list[Remark] = field(default_factory=list)
    withdrawn: bool = False  # unpublished: a draft that was public before
    links: dict[str, str] = field(default_factory=dict)  # of an export: new address by old target

    @property
    def title(self) -> str:
        """The title; never empty."""
        return str(self.content["title"])

    @property
    def slug(self) -> str:
        """The last part of its address, if the old site has no other one."""
        return str(self.content["slug"])

    @property
    def body(self) -> str:
        """The text in Markdown."""
        return str(self.content["body"])

    @property
    def cover(self) -> str:
        """The target of the cover on the old blog, or ""."""
        return str(self.content["cover"])

    def remark(self, kind: str, message: str, **params: str) -> None:
        """Add a remark. `message` is marked with `N_`."""
        self.remarks.append(Remark(self.file, message, params, kind))
