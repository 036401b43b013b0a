"""Reads the people in an export, so that their bylines keep their names and addresses."""

from dataclasses import dataclass
from pathlib import Path

from blog.importer import lists

FILE_NAME = "people.json"


@dataclass(frozen=True)
class ExportedPerson:
    """An author or commenter of an exported blog."""

    name: str
    display_name: str
    bio: str


def read(folder: Path) -> list[ExportedPerson]:
    """Return the people in the export, or an empty list if the file is missing or invalid."""
    rows = lists.read_rows(folder / FILE_NAME, ("name", "display_name", "bio"))
    return [_person(row) for row in rows]


def _person(row: dict[str, str]) -> ExportedPerson:
    return ExportedPerson(row["name"], " ".join(row["display_name"].split()), row["bio"][:2000])
