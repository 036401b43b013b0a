"""Creates the tables of version 0.1.0."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attempt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_attempt')
    )
    op.create_index('ix_attempt_at', 'attempt', ['at'])
    op.create_index('ix_attempt_key', 'attempt', ['key'])

    op.create_table('change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by_id', sa.Integer(), nullable=True),
    sa.Column('by_name', sa.String(length=200), nullable=False),
    sa.Column('ip', sa.String(length=64), nullable=False),
    sa.Column('act', sa.String(length=100), nullable=False),
    sa.Column('tags', sa.JSON(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_change'),
    sqlite_autoincrement=True
    )
    op.create_index('ix_change_at', 'change', ['at'])
    op.create_index('ix_change_by_id', 'change', ['by_id'])

    op.create_table('post',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('slug', sa.String(length=300), nullable=False),
    sa.Column('path', sa.String(length=500), nullable=False),
    sa.Column('summary', sa.String(length=2000), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('language', sa.String(length=10), nullable=False),
    sa.Column('cover', sa.String(length=1000), nullable=False),
    sa.Column('tags', sa.String(length=2500), nullable=False),
    sa.Column('is_listed', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('publish_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdraw_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('trashed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('announced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('review_asked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('live_revision_id', sa.Integer(), nullable=True),
    sa.Column('address_id', sa.Integer(), nullable=True),
    sa.Column('preview_key', sa.String(length=64), nullable=True),
    sa.Column('links', sa.JSON(), nullable=False),
    sa.Column('source_path', sa.String(length=1000), nullable=True),
    sa.Column('source_hash', sa.String(length=64), nullable=False),
    sa.Column('source_version', sa.Integer(), nullable=False),
    sa.Column('extra', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['address_id'], ['address.id'], name='fk_post_address_id_address', use_alter=True),
    sa.ForeignKeyConstraint(['live_revision_id'], ['revision.id'], name='fk_post_live_revision_id_revision', use_alter=True),
    sa.PrimaryKeyConstraint('id', name='pk_post'),
    sa.UniqueConstraint('preview_key', name='uq_post_preview_key'),
    sa.UniqueConstraint('source_path', name='uq_post_source_path'),
    sa.UniqueConstraint('uid', name='uq_post_uid')
    )
    op.create_index('ix_post_address_id', 'post', ['address_id'])
    op.create_index('ix_post_kind_publish_at', 'post', ['kind', 'publish_at'])
    op.create_index('ix_post_live_revision_id', 'post', ['live_revision_id'])
    op.create_index('ix_post_updated_at', 'post', ['updated_at'])

    op.create_table('site',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('tagline', sa.String(length=400), nullable=False),
    sa.Column('address', sa.String(length=300), nullable=False),
    sa.Column('language', sa.String(length=10), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('navigation', sa.JSON(), nullable=False),
    sa.Column('posts_per_page', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('set_up_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('id = 1', name='ck_site_one_row'),
    sa.PrimaryKeyConstraint('id', name='pk_site')
    )
    op.create_table('tag',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('slug', sa.String(length=100), nullable=False),
    sa.PrimaryKeyConstraint('id', name='pk_tag'),
    sa.UniqueConstraint('slug', name='uq_tag_slug')
    )
    op.create_table('user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('display_name', sa.String(length=200), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('bio', sa.String(length=2000), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=True),
    sa.Column('language', sa.String(length=10), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name='pk_user'),
    sa.UniqueConstraint('email', name='uq_user_email'),
    sa.UniqueConstraint('name', name='uq_user_name')
    )
    op.create_table('address',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('path', sa.String(length=500), nullable=False),
    sa.Column('key', sa.String(length=1000), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=True),
    sa.Column('target', sa.String(length=1000), nullable=False),
    sa.Column('live_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name='fk_address_post_id_post'),
    sa.PrimaryKeyConstraint('id', name='pk_address'),
    sa.UniqueConstraint('key', name='uq_address_key')
    )
    op.create_index('ix_address_post_id', 'address', ['post_id'])

    op.create_table('post_author',
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name='fk_post_author_post_id_post'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_post_author_user_id_user'),
    sa.PrimaryKeyConstraint('post_id', 'user_id', name='pk_post_author')
    )
    op.create_index('ix_post_author_user_id', 'post_author', ['user_id'])

    op.create_table('revision',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('slug', sa.String(length=300), nullable=False),
    sa.Column('summary', sa.String(length=2000), nullable=False),
    sa.Column('excerpt', sa.String(length=2000), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('body_html', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('outline', sa.JSON(), nullable=False),
    sa.Column('renderer', sa.Integer(), nullable=False),
    sa.Column('words', sa.Integer(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('language', sa.String(length=10), nullable=False),
    sa.Column('cover', sa.String(length=1000), nullable=False),
    sa.Column('is_listed', sa.Boolean(), nullable=False),
    sa.Column('as_of', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['created_by'], ['user.id'], name='fk_revision_created_by_user'),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name='fk_revision_post_id_post'),
    sa.PrimaryKeyConstraint('id', name='pk_revision')
    )
    op.create_index('ix_revision_created_by', 'revision', ['created_by'])
    op.create_index('ix_revision_post_id', 'revision', ['post_id'])

    op.create_table('signin',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ip', sa.String(length=64), nullable=False),
    sa.Column('agent', sa.String(length=300), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_signin_user_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_signin'),
    sa.UniqueConstraint('token_hash', name='uq_signin_token_hash')
    )
    op.create_index('ix_signin_user_id', 'signin', ['user_id'])

    op.create_table('upload',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('original', sa.String(length=300), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('type', sa.String(length=50), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_upload_user_id_user'),
    sa.PrimaryKeyConstraint('id', name='pk_upload'),
    sa.UniqueConstraint('name', name='uq_upload_name')
    )
    op.create_index('ix_upload_user_id', 'upload', ['user_id'])

    op.create_table('revision_author',
    sa.Column('revision_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['revision_id'], ['revision.id'], name='fk_revision_author_revision_id_revision'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name='fk_revision_author_user_id_user'),
    sa.PrimaryKeyConstraint('revision_id', 'user_id', name='pk_revision_author')
    )
    op.create_index('ix_revision_author_user_id', 'revision_author', ['user_id'])

    op.create_table('revision_tag',
    sa.Column('revision_id', sa.Integer(), nullable=False),
    sa.Column('tag_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['revision_id'], ['revision.id'], name='fk_revision_tag_revision_id_revision'),
    sa.ForeignKeyConstraint(['tag_id'], ['tag.id'], name='fk_revision_tag_tag_id_tag'),
    sa.PrimaryKeyConstraint('revision_id', 'tag_id', name='pk_revision_tag')
    )
    op.create_index('ix_revision_tag_tag_id', 'revision_tag', ['tag_id'])

    # In SQLite these foreign keys are part of the table; elsewhere the other table must exist first.
    if op.get_bind().dialect.name != "sqlite":
        for column, other in (("live_revision_id", "revision"), ("address_id", "address")):
            name = f"fk_post_{column}_{other}"
            op.create_foreign_key(name, "post", other, [column], ["id"])
