"""Adds the subtitle of posts and of their revisions."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default is for workers of the previous version, which go on for a moment.
    for table in ('post', 'revision'):
        op.add_column(
            table, sa.Column('subtitle', sa.String(length=300), nullable=False, server_default='')
        )
