"""Alembic's entry point: runs the migrations on the connection that `blog.db.migrate` passes."""

from alembic import context

from blog.migrations import is_ours
from blog.models.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=is_ours,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
