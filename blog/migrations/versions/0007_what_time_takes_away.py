"""Adds an index to find the next post to unpublish without reading every post."""

from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_post_kind_withdraw_at', 'post', ['kind', 'withdraw_at'])
