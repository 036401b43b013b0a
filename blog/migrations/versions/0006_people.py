"""Adds invitations, password resets and recognized devices."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('device',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_device_user_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_device'),
    sa.UniqueConstraint('user_id', 'key_hash', name='uq_device_user_id_key_hash')
    )
    op.create_index('ix_device_key_hash', 'device', ['key_hash'])
    op.create_table('invitation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('display_name', sa.String(length=200), nullable=False),
    sa.Column('byline_id', sa.Integer(), nullable=True),
    sa.Column('by_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('accepted_id', sa.Integer(), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['accepted_id'], ['user.id'], name='fk_invitation_accepted_id_user'),
    sa.ForeignKeyConstraint(['by_id'], ['user.id'], name='fk_invitation_by_id_user'),
    sa.ForeignKeyConstraint(['byline_id'], ['user.id'], name='fk_invitation_byline_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_invitation'),
    sa.UniqueConstraint('key_hash', name='uq_invitation_key_hash')
    )
    op.create_index('ix_invitation_accepted_id', 'invitation', ['accepted_id'])
    op.create_index('ix_invitation_by_id', 'invitation', ['by_id'])
    op.create_index('ix_invitation_byline_id', 'invitation', ['byline_id'])
    op.create_table('password_reset',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('key_hash', sa.String(length=64), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_password_reset_user_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_password_reset'),
    sa.UniqueConstraint('key_hash', name='uq_password_reset_key_hash'),
    sa.UniqueConstraint('user_id', name='uq_password_reset_user_id')
    )
    op.create_index('ix_password_reset_created_at', 'password_reset', ['created_at'])
