"""Adds comments."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('comment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('wants_answers', sa.Boolean(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('body_html', sa.Text(), nullable=False),
    sa.Column('renderer', sa.Integer(), nullable=False),
    sa.Column('language', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('waiting_hash', sa.String(length=64), nullable=False),
    sa.Column('ip', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['parent_id'], ['comment.id'], name='fk_comment_parent_id_comment'),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name='fk_comment_post_id_post'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_comment_user_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_comment'),
    sa.UniqueConstraint('uid', name='uq_comment_uid')
    )
    op.create_index('ix_comment_email', 'comment', ['email'])
    op.create_index('ix_comment_parent_id', 'comment', ['parent_id'])
    op.create_index('ix_comment_post_id_state', 'comment', ['post_id', 'state'])
    op.create_index('ix_comment_state_created_at', 'comment', ['state', 'created_at'])
    op.create_index('ix_comment_user_id', 'comment', ['user_id'])
    op.create_index('ix_comment_waiting_hash', 'comment', ['waiting_hash'])
    for name in ('post', 'revision'):
        with op.batch_alter_table(name) as batch:
            batch.add_column(
                sa.Column('takes_comments', sa.Boolean(), nullable=False, server_default=sa.true())
            )
    # A page such as "About" has no comments unless its author allows them.
    post = sa.table('post', sa.column('id'), sa.column('kind'), sa.column('takes_comments'))
    revision = sa.table('revision', sa.column('post_id'), sa.column('takes_comments'))
    pages = sa.select(post.c.id).where(post.c.kind == 'page')
    op.execute(post.update().where(post.c.kind == 'page').values(takes_comments=sa.false()))
    op.execute(
        revision.update().where(revision.c.post_id.in_(pages)).values(takes_comments=sa.false())
    )
