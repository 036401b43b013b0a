"""What a move came to: old beside new, and every loss with its file and reason."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blog.config import N_
from blog.importer.source.source_post import Remark
from blog.web.i18n import translate

# What a remark may be about, in the order in which the receipt tells it.
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
    """Counts and remarks of one run. `found` is what was there, whatever became of it."""

    folder: str
    dry_run: bool = False
    found: int = 0
    drafts: int = 0  # among those that came in
    files: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    besides: Counter[str] = field(default_factory=Counter)  # what only an export of ours holds
    remarks: list[Remark] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reported(self) -> int:
        """Files that did not come in, each with its reason."""
        return len({remark.file for remark in self.remarks if remark.kind == "file"})

    @property
    def adds_up(self) -> bool:
        """Every file found has come in, stood here already, was left, or is reported."""
        came = sum(self.files[end] for end in (IMPORTED, UPDATED, UNCHANGED, LEFT))
        return self.found == came + self.reported

    @property
    def exit_code(self) -> int:
        return 0 if self.adds_up and not self.files[FAILED] else 1

    def told(self) -> list[Remark]:
        """The remarks by kind, then by file, each once."""
        order = list(KINDS)
        unique = {(each.kind, each.file, str(each)): each for each in self.remarks}
        return sorted(unique.values(), key=lambda each: (order.index(each.kind), each.file))

    def to_json(self) -> dict[str, Any]:
        files = {end: self.files[end] for end in (IMPORTED, UPDATED, UNCHANGED, LEFT)}
        return {
            "folder": self.folder,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 1),
            "files": {"found": self.found, **files, "reported": self.reported},
            "drafts": self.drafts,
            "adds_up": self.adds_up,
            "words": dict(self.words),
            "pictures": {"named": self._named, **self.pictures},
            "links": dict(self.links),
            "addresses": dict(self.addresses),
            "besides": dict(self.besides),
            "front_matter_kept": dict(self.fields.most_common()),
            "losses": [remark.to_json() for remark in self.told()],
        }

    def write(self, path: Path) -> None:
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    def text(self, language: str = "en") -> str:
        """For the terminal."""
        sums, losses = list(self._sums(language)), list(self._losses(language))
        # A long list of losses has carried the sums out of sight.
        return "\n".join([*sums, *losses, "", *sums] if losses else sums)

    def _sums(self, language: str) -> Iterator[str]:
        names = (f"{name} ({number})" for name, number in self.fields.most_common())
        kept = translate(language, N_(", ")).join(names)
        sums: list[tuple[bool, str, dict[str, Any]]] = [
            (self.dry_run, N_("This was a dry run: nothing was written."), {}),
            (True, FILES, {"found": self.found, **self._ends()}),
            (self.drafts > 0, DRAFTS, {"number": self.drafts}),
            (not self.adds_up, N_("These numbers do not add up. Please report this as a bug."), {}),
            (True, WORDS, {"old": self.words["old"], "new": self.words["new"]}),
            (
                True,
                PICTURES,
                {"named": self._named, **_counts(self.pictures, "brought", "missing", "refused")},
            ),
            (True, N_("Pictures on other sites: %(n)s."), {"n": self.pictures["abroad"]}),
            (True, LINKS, _counts(self.links, "ours", "abroad", "dangling")),
            (True, ADDRESSES, _counts(self.addresses, "kept", "new", "leading")),
            (
                bool(self.besides.total()),
                N_("Also imported: %(comments)s comments, %(redirects)s redirects."),
                _counts(self.besides, "comments", "redirects"),
            ),
            (
                bool(kept),
                N_("Front matter that is kept but not shown: %(fields)s."),
                {"fields": kept},
            ),
            (True, N_("Time taken: %(seconds)s seconds."), {"seconds": f"{self.seconds:.1f}"}),
        ]
        return (translate(language, message, **values) for told, message, values in sums if told)

    @property
    def _named(self) -> int:
        """How often the texts name a picture of the old site's own."""
        return sum(self.pictures[end] for end in ("brought", "missing", "refused"))

    def _ends(self) -> dict[str, int]:
        ends = {end: self.files[end] for end in (IMPORTED, UPDATED, UNCHANGED, LEFT)}
        return {**ends, "reported": self.reported}

    def _losses(self, language: str) -> Iterator[str]:
        last = ""
        for remark in self.told():
            if remark.kind != last:
                kind = translate(language, KINDS[remark.kind])
                yield "\n" + translate(language, N_("%(kind)s:"), kind=kind)
            last = remark.kind
            yield f"  {remark.file}: {translate(language, remark.message, **remark.params)}"


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


def _counts(counter: Counter[str], *names: str) -> dict[str, int]:
    return {name: counter[name] for name in names}
