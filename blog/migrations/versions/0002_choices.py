"""Adds the settings of the site, and the columns that make the audit log readable."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

PIECE = 200


def upgrade() -> None:
    with op.batch_alter_table('site') as batch:
        batch.add_column(sa.Column('choices', sa.JSON(), nullable=False, server_default='{}'))
    with op.batch_alter_table('post') as batch:
        batch.add_column(sa.Column('pattern', sa.String(length=500), nullable=False, server_default=''))
    op.execute(
        "UPDATE post SET pattern = '/posts/{slug}' "
        "WHERE kind = 'post' AND path = '' AND address_id IS NOT NULL"
    )
    with op.batch_alter_table('change') as batch:
        batch.add_column(sa.Column('about', sa.Text(), nullable=False, server_default=''))
        batch.add_column(
            sa.Column('is_quiet', sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.drop_index('ix_change_by_id')
        batch.create_index('ix_change_by_id_id', ['by_id', 'id'])
        batch.create_index('ix_change_act_id', ['act', 'id'])
    op.create_table('touched',
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('change_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['change_id'], ['change.id'], name='fk_touched_change_id_change'),
    sa.PrimaryKeyConstraint('kind', 'change_id', name='pk_touched')
    )
    note_the_past()


def note_the_past() -> None:
    """Fill in what the existing log entries are about, in batches."""
    change = sa.table(
        'change',
        sa.column('id', sa.Integer),
        sa.column('facts', sa.JSON),
        sa.column('about', sa.Text),
        sa.column('is_quiet', sa.Boolean),
    )
    touched = sa.table('touched', sa.column('kind', sa.String), sa.column('change_id', sa.Integer))
    connection, last = op.get_bind(), 0
    columns = sa.select(change.c.id, change.c.facts).order_by(change.c.id).limit(PIECE)
    while rows := connection.execute(columns.where(change.c.id > last)).all():
        last = rows[-1].id
        kinds = [(key.partition(':')[0], row.id) for row in rows for key in row.facts]
        if kinds:
            pairs = [{'kind': kind, 'change_id': id} for kind, id in sorted(set(kinds))]
            connection.execute(sa.insert(touched), pairs)
        told = [
            {'row': row.id, 'about': '\n'.join(row.facts), 'is_quiet': not row.facts}
            for row in rows
        ]
        connection.execute(sa.update(change).where(change.c.id == sa.bindparam('row')), told)
