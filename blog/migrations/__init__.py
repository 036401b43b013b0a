"""Alembic's migrations: generated, read, then kept."""

from typing import Any


def is_ours(object: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Those of search and of the shelves are no migration's: they are made anew after each."""
    table = name if kind == "table" else getattr(getattr(object, "table", None), "name", "")
    return not (table or "").startswith(("search", "shelf"))
