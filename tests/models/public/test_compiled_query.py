"""Statements that are compiled once say what SQLAlchemy says, on every database."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.addresses.address import Address, key_of
from blog.models.base import now
from blog.models.comments import comment
from blog.models.posts.post import Post
from blog.models.public import cards, post_page, related
from blog.models.public.compiled_query import CompiledQuery, CompiledStatement
from tests.support.cast import Cast, Planted


def both(session: Session, statement: CompiledQuery, **values: Any) -> list[tuple[Any, ...]]:
    """What it finds, once it is clear that both ways find the same, under the same names."""
    found = statement.rows(session, **values)
    by_the_core = session.connection().execute(statement.statement, values).all()
    assert [row._asdict() for row in found] == [row._asdict() for row in by_the_core]
    return found


@pytest.fixture
def ann(world: Cast) -> Planted:
    return world.posts["ann_live"]


def test_the_text_at_an_address(database: Database, ann: Planted) -> None:
    def work(session: Session) -> None:
        path = session.scalars(select(Address.path).where(Address.post_id == ann.id)).first()
        (row,) = both(session, post_page.TEXT, key=key_of(path), moment=now())
        assert row.post_id == ann.id
        assert row.publish_at.utcoffset() == timedelta(0)
        assert isinstance(row.outline, list)
        assert row.is_own is True

    database.read_now(work)


def test_nothing_at_an_address(database: Database, ann: Planted) -> None:
    found = database.read_now(lambda s: both(s, post_page.TEXT, key="/nowhere", moment=now()))
    assert found == []


def test_its_neighbours_and_names(database: Database, ann: Planted) -> None:
    def work(session: Session) -> None:
        post = session.get_one(Post, ann.id)
        here = {"id": post.id, "published_at": post.publish_at, "language": post.language}
        both(session, related.AROUND, **here, revision=post.live_revision_id, moment=now())
        names = both(session, cards.NAMES_OF_ONE, revision=post.live_revision_id)
        assert [name.slug for name in names if name.is_author] == ["ann"]

    database.read_now(work)


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize(("is_person", "is_editor"), [(False, False), (True, False), (True, True)])
def test_what_each_kind_of_reader_sees_said(
    database: Database, ann: Planted, *, has_cookie: bool, is_person: bool, is_editor: bool
) -> None:
    statement = comment._shown_to(has_cookie=has_cookie, is_person=is_person, is_editor=is_editor)
    values = {"post_id": ann.id, "user_id": 1, "waiting_hash": "a" * 64}
    database.read_now(lambda s: both(s, statement, **values))


def test_what_the_database_complains_of_is_told_as_by_sqlalchemy(database: Database) -> None:
    broken = CompiledQuery(select(Post.id).where(Post.id == bindparam("id")))
    database.read_now(lambda s: broken.rows(s, id=1))
    broken._compiled[database.reading.dialect.name].sql = "SELECT nothing FROM nowhere"
    with pytest.raises(DBAPIError):
        database.read_now(lambda s: broken.rows(s, id=1))


def test_sqlite_is_told_limits_as_numbers_or_it_plans_anew_each_time(
    sqlite_database: Database,
) -> None:
    dialect = sqlite_database.reading.dialect
    for statement in (related.AROUND.statement, select(Post.id).limit(3).offset(6)):
        sql = CompiledStatement(statement, dialect).sql
        assert "LIMIT 3" in sql and "LIMIT ?" not in sql


def test_two_limits_are_two_statements(database: Database, world: Cast) -> None:
    def work(session: Session) -> list[int]:
        return [len(session.scalars(select(Post.id).limit(many)).all()) for many in (1, 3, 2)]

    assert database.read_now(work) == [1, 3, 2]


@pytest.mark.parametrize(
    "migrated", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_what_is_prepared_outlives_a_transaction(database: Database, world: Cast) -> None:
    def work(session: Session) -> int:
        session.scalars(select(Post.title)).all()
        known = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%post.title%'"
        return int(session.scalar(text(known)) or 0)

    assert [database.read_now(work) for _ in range(12)][-1] >= 1


def test_who_reads_cannot_write(database: Database, world: Cast) -> None:
    def work(session: Session) -> None:
        session.execute(update(Post).values(title="x"))

    with pytest.raises(DBAPIError, match="read-?only"):
        database.read_now(work)
