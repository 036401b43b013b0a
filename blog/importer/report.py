"""The import report: counts of old and new content, and every loss with its file and reason."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from blog.config import N_
from blog.importer.source.source_post import Remark
from blog.web.i18n import translate

# The kinds of remarks and their headings, in the order of the report.
KINDS = {
    "file": N_("Files that are not posts or could not be imported"),
    "left": N_("Posts that were left unchanged"),
    "address": N_("Addresses"),
    "comment": N_("Comments that were not imported"),
    "picture": N_("Pictures that were not imported"),
    "link": N_("Links without a target here"),
    "text": N_("Text that looks different"),
    "words": N_("Texts with a different number of words"),
    "front matter": N_("Front matter that could not be read completely"),
    "language": N_("Languages"),
    "title": N_("Titles"),
    "date": N_("Dates"),
}
IMPORTED, UPDATED, UNCHANGED, LEFT, FAILED = "imported", "updated", "unchanged", "left", "failed"


@dataclass
class ImportReport:
    """Counts and remarks of one import. `found` counts the files found, whatever their outcome."""

    folder: str
    dry_run: bool = False
    found: int = 0
    drafts: int = 0  # among the imported and updated posts
    files: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    list_rows: Counter[str] = field(default_factory=Counter)  # comments and redirects of an export
    remarks: list[Remark] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reported(self) -> int:
        """The number of files that were not imported, each with a reason in the remarks."""
        return len({remark.file for remark in self.remarks if remark.kind == "file"})

    @property
    def adds_up(self) -> bool:
        """Whether every file found was imported, updated, unchanged, left or reported."""
        accounted = sum(self.files[outcome] for outcome in (IMPORTED, UPDATED, UNCHANGED, LEFT))
        return self.found == accounted + self.reported

    @property
    def exit_code(self) -> int:
        """0 if nothing failed and the counts add up, else 1."""
        return 0 if self.adds_up and not self.files[FAILED] else 1

    def sorted_remarks(self) -> list[Remark]:
        """Return the remarks sorted by kind, then by file, without duplicates."""
        order = list(KINDS)
        unique = {(remark.kind, remark.file, str(remark)): remark for remark in self.remarks}
        return sorted(unique.values(), key=lambda remark: (order.index(remark.kind), remark.file))

    def to_json(self) -> dict[str, object]:
        """Return the whole report as JSON values."""
        return {
            "folder": self.folder,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 1),
            "files": {"found": self.found, **self._outcomes()},
            "drafts": self.drafts,
            "adds_up": self.adds_up,
            "words": dict(self.words),
            "pictures": {"named": self._picture_references, **self.pictures},
            "links": dict(self.links),
            "addresses": dict(self.addresses),
            "besides": dict(self.list_rows),
            "front_matter_kept": dict(self.fields.most_common()),
            "losses": [remark.to_json() for remark in self.sorted_remarks()],
        }

    def write(self, path: Path) -> None:
        """Write the report to a JSON file."""
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    def text(self, language: str = "en") -> str:
        """Return the report as lines for the terminal."""
        summary, losses = list(self._summary(language)), list(self._losses(language))
        # A long list of losses scrolls the summary out of sight, so it is repeated at the end.
        return "\n".join([*summary, *losses, "", *summary] if losses else summary)

    def _summary(self, language: str) -> Iterator[str]:
        return (
            translate(language, line.message, **line.params)
            for line in self._summary_lines(language)
            if line.is_shown
        )

    def _summary_lines(self, language: str) -> list["_SummaryLine"]:
        names = (f"{name} ({number})" for name, number in self.fields.most_common())
        kept = translate(language, N_(", ")).join(names)
        pictures = _counts(self.pictures, "brought", "missing", "refused")
        list_rows = _counts(self.list_rows, "comments", "redirects")
        return [
            _SummaryLine(DRY_RUN, is_shown=self.dry_run),
            _SummaryLine(FILES, {"found": self.found, **self._outcomes()}),
            _SummaryLine(DRAFTS, {"number": self.drafts}, is_shown=self.drafts > 0),
            _SummaryLine(NOT_ADDING_UP, is_shown=not self.adds_up),
            _SummaryLine(WORDS, {"old": self.words["old"], "new": self.words["new"]}),
            _SummaryLine(PICTURES, {"named": self._picture_references, **pictures}),
            _SummaryLine(PICTURES_ELSEWHERE, {"n": self.pictures["abroad"]}),
            _SummaryLine(LINKS, _counts(self.links, "ours", "abroad", "dangling")),
            _SummaryLine(ADDRESSES, _counts(self.addresses, "kept", "new", "leading")),
            _SummaryLine(LIST_ROWS, list_rows, is_shown=self.list_rows.total() > 0),
            _SummaryLine(FIELDS, {"fields": kept}, is_shown=bool(kept)),
            _SummaryLine(SECONDS, {"seconds": f"{self.seconds:.1f}"}),
        ]

    @property
    def _picture_references(self) -> int:
        """The number of references to pictures of the old site itself."""
        return sum(self.pictures[outcome] for outcome in ("brought", "missing", "refused"))

    def _outcomes(self) -> dict[str, int]:
        counts = _counts(self.files, IMPORTED, UPDATED, UNCHANGED, LEFT)
        return {**counts, "reported": self.reported}

    def _losses(self, language: str) -> Iterator[str]:
        last_kind = ""
        for remark in self.sorted_remarks():
            if remark.kind != last_kind:
                kind = translate(language, KINDS[remark.kind])
                yield "\n" + translate(language, N_("%(kind)s:"), kind=kind)
            last_kind = remark.kind
            yield f"  {remark.file}: {translate(language, remark.message, **remark.params)}"


class _SummaryLine(NamedTuple):
    """A message marked with `N_`, its parameters, and whether the summary contains it."""

    message: str
    params: Mapping[str, object] = {}
    is_shown: bool = True


DRY_RUN = N_("This was a dry run: nothing was written.")
NOT_ADDING_UP = N_("These numbers do not add up. Please report this as a bug.")
FILES = N_(
    "Files: %(found)s found = %(imported)s imported + %(updated)s updated + %(unchanged)s "
    "unchanged + %(left)s kept as edited here + %(reported)s not imported."
)
DRAFTS = N_("Of these, drafts that readers cannot see: %(number)s.")
WORDS = N_("Words: %(old)s in the source, %(new)s here.")
PICTURES = N_(
    "Pictures: %(named)s references; %(brought)s imported, %(missing)s missing, %(refused)s "
    "rejected."
)
LINKS = N_(
    "Links: %(ours)s to this blog, %(abroad)s to other sites, %(dangling)s without a target."
)
ADDRESSES = N_("Addresses: %(kept)s kept, %(new)s new, %(leading)s old ones that redirect to them.")

PICTURES_ELSEWHERE = N_("Pictures on other sites: %(n)s.")
LIST_ROWS = N_("Also imported: %(comments)s comments, %(redirects)s redirects.")
FIELDS = N_("Front matter that is kept but not shown: %(fields)s.")
SECONDS = N_("Time taken: %(seconds)s seconds.")


def _counts(counter: Counter[str], *names: str) -> dict[str, int]:
    return {name: counter[name] for name in names}
