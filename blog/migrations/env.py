"""Runs the migrations on the connection that `blog.db` hands over."""

from typing import Any

from alembic import context

from blog.models.base import Base

OURS = "search"  # full-text tables are made by blog.models.search, anew after each migration


def _is_migrated(object: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    return not (kind == "table" and name is not None and name.startswith(OURS))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=_is_migrated,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
