"""Alembic's environment, and the migrations in `versions`, which are never changed afterwards."""

from sqlalchemy.schema import SchemaItem


def is_ours(
    object: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None
) -> bool:
    """Tell Alembic whether migrations manage an object (its `include_object`).

    The tables of the search index and of post counts are derived from other tables. They are
    created again after each migration, so migrations leave them out.
    """
    table = name if kind == "table" else getattr(getattr(object, "table", None), "name", "")
    return not (table or "").startswith(("search", "shelf"))
