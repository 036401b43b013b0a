"""Where everything that one old post names leads: links, pictures and its cover."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from blog.config import N_
from blog.importer.addresses.links import LinkResolver, Way, templated
from blog.importer.report import ImportReport
from blog.importer.source.source_post import SourcePost
from blog.markup import Rendered

# What makes a post what it is; the rest follows from these or is about the file.
FACTS = (
    *("sha256", "kind", "title", "slug", "authors", "tags", "summary", "language", "draft"),
    *("listed", "path", "aliases", "guesses", "guid"),
)


ENDS = {"ours": "missing", "picture": "brought", "abroad": "abroad", "dangling": "missing"}
WHY = {
    "missing": N_("%(target)s is not in the folder."),
    "refused": N_("%(target)s is in the folder, but cannot be shown here."),
    "abroad": N_(
        "%(target)s is on another site. Pages here do not load pictures from other sites."
    ),
}


@dataclass
class LinkMap:
    """`ways` by target, without anchors; `pictures` are the targets shown as pictures."""

    ways: dict[str, Way] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    @property
    def ours(self) -> dict[str, str]:
        """What the renderer is told of links; of those that stay too, for their anchors' sake."""
        return {old: way.to for old, way in self.ways.items() if way.kind == "ours"}

    @property
    def files(self) -> dict[str, Path]:
        """The pictures that are to come along, by target."""
        return {target: way.file for target, way in self.ways.items() if way.file}


def draw(guide: LinkResolver, post: SourcePost, rendered: Rendered) -> LinkMap:
    """The chart of a post, from what its rendered text points to."""
    chart = LinkMap(
        links=[bare(target) for target in (*rendered.links, *templated(post.body))],
        pictures=[bare(target) for target in (*rendered.pictures, *filter(None, [post.cover]))],
    )
    for target in (*chart.links, *chart.pictures):
        if target not in chart.ways:
            chart.ways[target] = guide.way(post, target)
    return chart


def bare(target: str) -> str:
    """Without the anchor, which stays as it is."""
    return target.partition("#")[0]


def tell(
    chart: LinkMap, post: SourcePost, receipt: ImportReport, mapped: Mapping[str, str]
) -> None:
    """Count the chart's ways; remark on those that lead nowhere. `mapped` is what came of them."""
    for target in chart.links:
        kind = chart.ways[target].kind
        if kind == "picture":
            kind = "ours" if target in mapped else "dangling"
        receipt.links[kind] += 1
        if kind == "dangling":
            post.remark("link", N_("No content here matches %(target)s."), target=target[:300])
    for target in chart.pictures:
        end = ENDS[chart.ways[target].kind]
        if end == "brought" and target not in mapped:
            end = "refused"
        receipt.pictures[end] += 1
        if end != "brought":
            post.remark("picture", WHY[end], target=target[:300])


def fingerprint(post: SourcePost, chart: LinkMap) -> str:
    """Changes when the post would now come out differently."""
    facts: dict[str, Any] = {name: getattr(post, name) for name in FACTS}
    facts["dates"] = [_to_the_second(post.date), _to_the_second(post.updated)]
    facts["ways"] = {
        target: sha256(way.file) if way.file else way.to for target, way in chart.ways.items()
    }
    if post.withdrawn:
        facts["withdrawn"] = True
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _to_the_second(moment: datetime | None) -> str:
    """As releases before 0.2 read it: none of their posts is to look changed."""
    return str(moment and moment.replace(microsecond=0))


@cache
def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
