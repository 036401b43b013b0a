"""Adds moderation decisions, and what the spam filter learns from them."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('moderation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('act', sa.Integer(), nullable=False),
    sa.Column('comment_id', sa.Integer(), nullable=False),
    sa.Column('before', sa.String(length=10), nullable=False),
    sa.Column('after', sa.String(length=10), nullable=False),
    sa.Column('decided_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('by_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name='fk_moderation_by_id_user'),
    sa.ForeignKeyConstraint(['comment_id'], ['comment.id'], name='fk_moderation_comment_id_comment'),
    sa.PrimaryKeyConstraint('id', name='pk_moderation')
    )
    op.create_index('ix_moderation_act', 'moderation', ['act'])
    op.create_index('ix_moderation_comment_id', 'moderation', ['comment_id'])
    op.create_table('spam_sign',
    sa.Column('sign', sa.String(length=80), nullable=False),
    sa.Column('approved', sa.Integer(), nullable=False),
    sa.Column('spam', sa.Integer(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('sign', name='pk_spam_sign')
    )
    op.create_index('ix_spam_sign_seen_at', 'spam_sign', ['seen_at'])
    op.create_table('spam_lesson',
    sa.Column('comment_id', sa.Integer(), nullable=False),
    sa.Column('taught', sa.String(length=10), nullable=False),
    sa.Column('signs', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['comment_id'], ['comment.id'], name='fk_spam_lesson_comment_id_comment'),
    sa.PrimaryKeyConstraint('comment_id', name='pk_spam_lesson')
    )
    op.create_table('tally',
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name='pk_tally')
    )
    op.create_index('ix_tally_until', 'tally', ['until'])
