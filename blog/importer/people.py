"""Whose names an export of ours brings along: each keeps the address of their page."""

from dataclasses import dataclass
from pathlib import Path

from blog.importer import lists

LIST = "people.json"


@dataclass(frozen=True)
class ExportedPerson:
    """Somebody who is named as an author."""

    name: str
    display_name: str
    bio: str


def read(folder: Path) -> list[ExportedPerson]:
    """Nobody where there is no such list, or it is somebody else's."""
    rows = lists.read(folder / LIST, ("name", "display_name", "bio"))
    return [_person(row) for row in rows]


def _person(row: dict[str, str]) -> ExportedPerson:
    return ExportedPerson(row["name"], " ".join(row["display_name"].split()), row["bio"][:2000])
