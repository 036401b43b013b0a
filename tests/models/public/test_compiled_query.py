"""A compiled query returns the same rows as SQLAlchemy, on SQLite and PostgreSQL."""

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


def compared_rows(session: Session, query: CompiledQuery, **values: object) -> list[Any]:
    """Return the rows of a compiled query after comparing them with those of SQLAlchemy Core."""
    rows = query.rows(session, **values)
    core_rows = session.connection().execute(query.statement, values).all()
    assert [row._asdict() for row in rows] == [row._asdict() for row in core_rows]
    return rows


@pytest.fixture
def ann(world: Cast) -> Planted:
    return world.posts["ann_live"]


def test_a_post_at_an_address(database: Database, ann: Planted) -> None:
    def work(session: Session) -> None:
        path = session.scalars(select(Address.path).where(Address.post_id == ann.id)).first()
        (row,) = compared_rows(session, post_page.POST_AT_ADDRESS, key=key_of(path), moment=now())
        assert row.post_id == ann.id
        assert row.publish_at.utcoffset() == timedelta(0)
        assert isinstance(row.outline, list)
        assert row.is_own is True

    database.read_now(work)


def test_an_unknown_address(database: Database, ann: Planted) -> None:
    query = post_page.POST_AT_ADDRESS
    rows = database.read_now(lambda s: compared_rows(s, query, key="/nowhere", moment=now()))
    assert rows == []


def test_related_posts_and_names(database: Database, ann: Planted) -> None:
    def work(session: Session) -> None:
        post = session.get_one(Post, ann.id)
        values = {"id": post.id, "published_at": post.publish_at, "language": post.language}
        values |= {"revision": post.live_revision_id, "moment": now()}
        compared_rows(session, related.RELATED_POSTS, **values)
        names = compared_rows(session, cards.NAMES_OF_ONE, revision=post.live_revision_id)
        assert [name.slug for name in names if name.is_author] == ["ann"]

    database.read_now(work)


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize(("is_person", "is_editor"), [(False, False), (True, False), (True, True)])
def test_comments_shown_to_each_kind_of_reader(
    database: Database, ann: Planted, *, has_cookie: bool, is_person: bool, is_editor: bool
) -> None:
    statement = comment._shown_to(has_cookie=has_cookie, is_person=is_person, is_editor=is_editor)
    values = {"post_id": ann.id, "user_id": 1, "waiting_hash": "a" * 64}
    database.read_now(lambda s: compared_rows(s, statement, **values))


def test_an_error_of_the_driver_becomes_one_of_sqlalchemy(database: Database) -> None:
    broken = CompiledQuery(select(Post.id).where(Post.id == bindparam("id")))
    database.read_now(lambda s: broken.rows(s, id=1))
    broken._compiled[database.reading.dialect.name].sql = "SELECT nothing FROM nowhere"
    with pytest.raises(DBAPIError):
        database.read_now(lambda s: broken.rows(s, id=1))


def test_limits_are_literals_so_that_sqlite_need_not_plan_each_execution(
    sqlite_database: Database,
) -> None:
    dialect = sqlite_database.reading.dialect
    for statement in (related.RELATED_POSTS.statement, select(Post.id).limit(3).offset(6)):
        sql = CompiledStatement(statement, dialect).sql
        assert "LIMIT 3" in sql and "LIMIT ?" not in sql


def test_each_limit_makes_a_separate_statement(database: Database, world: Cast) -> None:
    def work(session: Session) -> list[int]:
        return [len(session.scalars(select(Post.id).limit(many)).all()) for many in (1, 3, 2)]

    assert database.read_now(work) == [1, 3, 2]


@pytest.mark.parametrize(
    "migrated", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_prepared_statements_outlive_a_transaction(database: Database, world: Cast) -> None:
    def work(session: Session) -> int:
        session.scalars(select(Post.title)).all()
        prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%post.title%'"
        return int(session.scalar(text(prepared)) or 0)

    assert [database.read_now(work) for _ in range(12)][-1] >= 1


def test_a_reading_transaction_cannot_write(database: Database, world: Cast) -> None:
    def work(session: Session) -> None:
        session.execute(update(Post).values(title="x"))

    with pytest.raises(DBAPIError, match="read-?only"):
        database.read_now(work)
