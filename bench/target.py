"""What is measured: the rows of targets.toml."""

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


class Unfit(Exception):
    """A target that does not start, or whose page is not the page, or that cannot be asked."""


@dataclass(frozen=True)
class Target:
    """A row of the table; targets.toml tells what each word means."""

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
    beside: str = ""
    is_base: bool = False
    is_curve: bool = False
    is_grown: bool = False
    is_alike: bool = True

    @property
    def has_workers(self) -> bool:
        """Whether it can be started with another number of them."""
        return any("{workers}" in text for text in (*self.run, *self.env.values()))

    @property
    def wants_rivals(self) -> bool:
        return any("{rivals}" in command for command in self.run)

    @property
    def lacks(self) -> list[str]:
        """Programs that this machine does not have."""
        wanted = [*self.needs, "wrk", *(["nginx"] if self.front else [])]
        if self.database == "postgresql":
            wanted.append("initdb")
        folders = ("/usr/lib/postgresql/*/bin", "/usr/sbin")
        return [name for name in wanted if not program(name, *folders)]


def targets(pattern: str = "") -> list[Target]:
    """All rows in their order, or those whose part or name has the pattern in it."""
    parts = tomllib.loads(FOLDER.joinpath("targets.toml").read_text("utf-8"))
    rows = [Target(part=part, **row) for part in PARTS for row in parts.pop(part, [])]
    assert not parts, f"targets.toml has parts of no name: {', '.join(parts)}"
    return [row for row in rows if re.search(pattern, f"{row.part}: {row.name}", re.IGNORECASE)]
