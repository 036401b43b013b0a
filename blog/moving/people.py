"""Whose names an export of ours brings along: each keeps the address of their page."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = "people.json"
LARGEST = 5_000_000  # bytes


@dataclass(frozen=True)
class Person:
    """Somebody who is named as an author."""

    name: str
    display_name: str
    bio: str


def read(folder: Path) -> list[Person]:
    """Nobody where there is no such list, or it is somebody else's."""
    path = folder / LIST
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return []
    return [_person(row) for row in rows if _is_ours(row)] if isinstance(rows, list) else []


def _is_ours(row: Any) -> bool:
    wanted = ("name", "display_name", "bio")
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in wanted)


def _person(row: dict[str, str]) -> Person:
    return Person(row["name"], " ".join(row["display_name"].split()), row["bio"][:2000])
