"""Reads targets.toml, which declares what the benchmark measures."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.live_server import program

FOLDER = Path(__file__).parent
PARTS = {
    "limit": "The limit",
    "ours": "This blog",
    "stacks": "The stacks of Python's web",
    "others": "What one would install instead",
}


class TargetError(Exception):
    """A target does not start, serves a different page, or cannot be loaded by wrk."""


@dataclass(frozen=True)
class Target:
    """A row of the results. The comment at the top of targets.toml explains the fields."""

    part: str
    name: str
    run: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    prepare: str = ""
    front: str = ""
    front_workers: int = 2
    database: str = "sqlite"
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    compared_with: str = ""
    is_base: bool = False
    is_curve: bool = False
    is_measured_by_posts: bool = False
    is_same_page: bool = True

    @property
    def has_workers(self) -> bool:
        """Whether it can be started with a different number of workers."""
        return any("{workers}" in text for text in (*self.run, *self.env.values()))

    @property
    def needs_rivals(self) -> bool:
        return any("{rivals}" in command for command in self.run)

    @property
    def missing(self) -> list[str]:
        """Names of the required programs that are not installed."""
        wanted = [*self.needs, "wrk", *(["nginx"] if self.front else [])]
        if self.database == "postgresql":
            wanted.append("initdb")
        folders = ("/usr/lib/postgresql/*/bin", "/usr/sbin")
        return [name for name in wanted if not program(name, *folders)]


def targets(pattern: str = "") -> list[Target]:
    """Return the targets whose "part: name" matches the pattern, in the order of the file."""
    parts = tomllib.loads(FOLDER.joinpath("targets.toml").read_text("utf-8"))
    rows = [Target(part=part, **row) for part in PARTS for row in parts.pop(part, [])]
    assert not parts, f"targets.toml has unknown parts: {', '.join(parts)}"
    return [row for row in rows if re.search(pattern, f"{row.part}: {row.name}", re.IGNORECASE)]
