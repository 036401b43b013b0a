"""The change log: tags and facts of each transaction, secrets, bulk statements, order of rows."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blog.db import Database
from blog.markup import render
from blog.models.audit.bulk_guard import UntaggedStatement
from blog.models.audit.change_log import Change
from blog.models.audit.session import Actor
from blog.models.base import Refusal
from blog.models.posts import editing, preview, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post, PostAuthor
from blog.models.tags.tag import Tag
from blog.models.users import login_throttle, signin, user
from blog.models.users.user import User
from tests.support import cast
from tests.support.cast import Planted


def changes(database: Database) -> list[Change]:
    return database.read_now(lambda s: list(s.scalars(select(Change).order_by(Change.id))))


def last(database: Database) -> Change:
    return changes(database)[-1]


def update_post(database: Database, post: Planted, by: User, **typed: Any) -> Change:
    """Save and publish another revision, by default without a summary, in one transaction.

    Returns its change in the log.
    """

    def save_and_publish(session: Session, *, by: User) -> None:
        row = session.get_one(Post, post.id)
        copy = WorkingCopy(**{"summary": "", "version": row.version, **typed})
        editing.save(session, post.id, copy, by=by)
        publishing.publish(session, post.id, render(row.body), row.version, by=by)

    database.transact_now(save_and_publish, by=by)
    return last(database)


# --- tags ---


def test_a_change_of_tags_touches_the_old_and_the_new_tag(database, world):
    tags = update_post(database, world.ann_live, world.eve, tags="Rust").tags
    assert {"tag:python", "tag:marmalade", "tag:rust", "posts", "tags"} <= set(tags)


def test_a_change_of_authors_touches_the_old_and_the_new_author(database, world):
    change = update_post(database, world.ann_live, world.eve, authors=[world.bob.id])
    assert {f"user:{world.ann.id}", f"user:{world.bob.id}"} <= set(change.tags)


def test_a_change_of_date_touches_the_old_and_the_new_month(database, world):
    def move(session: Session) -> list[str]:
        post = session.get_one(Post, world.ann_live.id)
        before, post.publish_at = post.publish_at, post.created_at.replace(year=2001)
        return [f"month:{before:%Y-%m}", f"month:{post.publish_at:%Y-%m}"]

    assert set(database.transact_now(move)) <= set(last(database).tags)


def test_saving_a_live_post_touches_the_dashboard_and_no_public_page(database, world):
    copy = WorkingCopy(title="Other", slug="a-marmalade-morning", body="Half", version=2)
    database.transact_now(editing.save, world.ann_live.id, copy, by=world.ann)
    public = [tag for tag in last(database).tags if tag.startswith(("post:", "tag:", "user:"))]
    assert public == [] and "posts" not in last(database).tags
    assert f"draft:{world.ann_live.id}" in last(database).tags


def test_permanent_deletion_touches_the_lists_with_the_post(database, world):
    database.transact_now(publishing.delete_permanently, world.ann_trashed.id, by=world.ann)
    assert {f"post:{world.ann_trashed.id}", "posts", "tag:ochreous"} <= set(last(database).tags)


# --- facts ---


def test_a_change_has_user_action_address_and_facts(database, world):
    database.transact_as_now(
        Actor(world.kim, "192.0.2.9"), user.set_role, world.ann.id, "editor", by=world.kim
    )
    change = last(database)
    assert (change.by_name, change.ip, change.action) == (
        "Kim Keeper",
        "192.0.2.9",
        "user.set_role",
    )
    assert change.facts == {f"user:{world.ann.id}": {"role": ["author", "editor"]}}


def test_facts_have_the_length_and_hash_of_a_long_text(database, world):
    update_post(database, world.ann_live, world.ann)
    copy = WorkingCopy(title="A", slug="a-marmalade-morning", body="ink " * 300, version=3)
    database.transact_now(editing.save, world.ann_live.id, copy, by=world.ann)
    fact = last(database).facts[f"post:{world.ann_live.id}"]["body"][1]
    assert fact["length"] == 1200 and len(fact["sha256"]) == 64


def test_facts_have_no_secrets(database, world):
    token = cast.sign_in(database, world.ann)["session"]
    database.transact_as_now(
        Actor(world.kim), user.set_password, world.ann.id, "argon2-hash-of-ann"
    )
    key = database.transact_now(preview.open_preview, world.ann_draft.id, by=world.ann)
    recorded = json.dumps([[row.facts, row.tags] for row in changes(database)])
    for secret in (token, signin.digest(token), cast.HASHED, "argon2-hash-of-ann", key):
        assert secret not in recorded


# --- bulk statements ---

BULK = {
    "update": update(User).values(bio="x"),
    "delete": delete(PostAuthor),
    "insert": insert(Tag).values(name="x", slug="x"),
    "returning": update(User).values(bio="x").returning(User.id),
    "text": text("UPDATE \"user\" SET bio = 'x'"),
    "with": text("WITH old AS (SELECT 1) DELETE FROM post_author"),
}


@pytest.mark.parametrize("statement", BULK.values(), ids=BULK)
def test_a_bulk_statement_without_tags_is_rejected(database, world, statement):
    before = len(changes(database))
    with pytest.raises(UntaggedStatement):
        database.transact_now(lambda session: session.execute(statement))
    assert len(changes(database)) == before


def test_a_bulk_statement_without_tags_is_rejected_after_a_failed_flush(database, world):
    def work(session: Session) -> None:
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(Tag(name="Python", slug="python"))
            session.flush()
        session.execute(update(User).values(bio="x"))

    with pytest.raises(UntaggedStatement):
        database.transact_now(work)


def test_a_bulk_statement_touches_the_tags_it_names(database, world):
    statement = update(User).where(User.id == world.ann.id).values(bio="x")
    options = {"tags": (f"user:{world.ann.id}",)}
    database.transact_now(lambda s: s.execute(statement, execution_options=options))
    assert last(database).tags == [f"user:{world.ann.id}"]


# --- one change per transaction ---


def test_a_transaction_with_savepoints_leaves_one_change(database, world):
    before = len(changes(database))

    def work(session: Session) -> None:
        for name in ("x", "y", "z"):
            with session.begin_nested():
                session.add(Tag(name=name, slug=name))

    database.transact_now(work)
    assert len(changes(database)) == before + 1
    assert {"tag:x", "tag:y", "tag:z"} <= set(last(database).tags)


def test_a_rolled_back_transaction_leaves_no_change(database, world):
    before = len(changes(database))

    def work(session: Session) -> None:
        session.get_one(User, world.ann.id).bio = "gone"
        session.flush()
        raise Refusal("no")

    with pytest.raises(Refusal):
        database.transact_now(work)
    assert len(changes(database)) == before


def test_a_transaction_without_changes_leaves_no_change(database, world):
    before = len(changes(database))
    database.transact_now(user.set_role, world.ann.id, "author", by=world.kim)
    database.transact_now(login_throttle.count_attempt, "ann", "192.0.2.1")
    assert len(changes(database)) == before


@pytest.fixture
def two_writers(database: Database, config_of: Any) -> Iterator[list[Database]]:
    second = Database(config_of(database))
    yield [database, second]
    second.close()


def test_changes_become_visible_in_the_order_of_their_ids(database, world, two_writers):
    """A reader that remembers the highest id never misses a change."""
    pairs = enumerate(two_writers)
    threads = [threading.Thread(target=add_tags, args=(writer, n)) for n, writer in pairs]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads):
        seen += numbers(database, seen[-1] if seen else 0)
    seen += numbers(database, seen[-1])
    assert seen == numbers(database, 0) and len(seen) >= 60


def add_tags(database: Database, writer: int) -> None:
    for number in range(30):
        name = f"{writer}-{number}"
        database.transact_now(lambda session: session.add(Tag(name=name, slug=name)))  # noqa: B023 -- run at once


def numbers(database: Database, after: int) -> list[int]:
    query = select(Change.id).where(Change.id > after).order_by(Change.id)
    return database.read_now(lambda session: list(session.scalars(query)))
