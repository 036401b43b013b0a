"""Resolves every link, picture and cover of one post, and counts the results for the report."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from blog.config import N_
from blog.importer.addresses.links import LinkResolver, LinkTarget, templated
from blog.importer.report import ImportReport
from blog.importer.source.source_post import SourcePost
from blog.markup import Rendered

# What determines the imported post, beside its file. The names are part of the stored
# fingerprints: renaming or adding one makes every imported post look changed. A field of the
# content that was added later is covered by the hash of the file.
FINGERPRINT_FIELDS = (
    *("sha256", "kind", "authors", "tags", "draft", "path", "aliases", "guesses", "guid"),
)
# Fields of the content, by their names in fingerprints.
FINGERPRINT_CONTENT = {
    "title": "title",
    "slug": "slug",
    "language": "language",
    "listed": "is_listed",
}
# The outcome of a picture, by the kind of its target.
PICTURE_OUTCOMES = {
    "ours": "missing",
    "picture": "brought",
    "abroad": "abroad",
    "dangling": "missing",
}
PICTURE_REASONS = {
    "missing": N_("%(target)s is not in the folder."),
    "refused": N_("%(target)s is in the folder, but cannot be shown here."),
    "abroad": N_(
        "%(target)s is on another site. Pages here do not load pictures from other sites."
    ),
}


@dataclass
class LinkMap:
    """The resolved targets of one post, without anchors.

    `links` and `pictures` list the targets in the text, with repetitions.
    """

    targets: dict[str, LinkTarget] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    @property
    def internal(self) -> dict[str, str]:
        """New address by old target, for links within this blog.

        Contains unchanged addresses too, because the renderer needs them for links with anchors.
        """
        return {old: target.to for old, target in self.targets.items() if target.kind == "ours"}

    @property
    def files(self) -> dict[str, Path]:
        """The pictures to copy, by target."""
        return {old: target.file for old, target in self.targets.items() if target.file}


def build(resolver: LinkResolver, post: SourcePost, rendered: Rendered) -> LinkMap:
    """Resolve every link and picture of the rendered text, and the cover."""
    cover = [post.cover] if post.cover else []
    link_map = LinkMap(
        links=[without_anchor(target) for target in (*rendered.links, *templated(post.body))],
        pictures=[without_anchor(target) for target in (*rendered.pictures, *cover)],
    )
    for target in (*link_map.links, *link_map.pictures):
        if target not in link_map.targets:
            link_map.targets[target] = resolver.resolve(post, target)
    return link_map


def without_anchor(target: str) -> str:
    """Return the target without its anchor, which an import does not change."""
    return target.partition("#")[0]


def count(
    link_map: LinkMap, post: SourcePost, report: ImportReport, links: Mapping[str, str]
) -> None:
    """Count the targets in the report, and add remarks about those that cannot be resolved.

    `links` maps the old targets that were imported to their new addresses.
    """
    for target in link_map.links:
        kind = link_map.targets[target].kind
        if kind == "picture":
            kind = "ours" if target in links else "dangling"
        report.links[kind] += 1
        if kind == "dangling":
            post.remark("link", N_("No content here matches %(target)s."), target=target[:300])
    for target in link_map.pictures:
        outcome = PICTURE_OUTCOMES[link_map.targets[target].kind]
        if outcome == "brought" and target not in links:
            outcome = "refused"
        report.pictures[outcome] += 1
        if outcome != "brought":
            post.remark("picture", PICTURE_REASONS[outcome], target=target[:300])


def fingerprint(post: SourcePost, link_map: LinkMap) -> str:
    """Return a hash that changes if an import of the post would now give another result.

    The keys of the hashed JSON are stored in old fingerprints and must not change.
    """
    facts: dict[str, object] = {name: getattr(post, name) for name in FINGERPRINT_FIELDS}
    facts |= {key: post.content[name] for key, name in FINGERPRINT_CONTENT.items()}
    facts["summary"] = post.summary_before_0_5
    facts["dates"] = [_to_the_second(post.date), _to_the_second(post.updated)]
    facts["ways"] = {
        old: sha256(target.file) if target.file else target.to
        for old, target in link_map.targets.items()
    }
    if post.withdrawn:
        facts["withdrawn"] = True
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _to_the_second(moment: datetime | None) -> str:
    """Format a time as releases before 0.2 did, so that their posts do not look changed."""
    return str(moment and moment.replace(microsecond=0))


@cache
def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
