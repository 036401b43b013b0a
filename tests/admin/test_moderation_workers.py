"""Comments and moderation with several workers at once: limits and concurrent decisions."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.models.comments import moderation, spam, spam_features, spam_learning
from blog.models.comments.comment import APPROVED, PENDING, SPAM, Comment
from blog.models.comments.moderation import Moderation
from blog.models.comments.spam import TooMany
from blog.models.comments.spam_features import CommentFeatures
from blog.models.comments.spam_learning import ANY_COMMENT, Feature
from tests.support.planted_comments import remark

WORKERS = 4


@pytest.fixture
def workers(
    database: Database, config_of: Callable[[Database], Config]
) -> Iterator[list[Database]]:
    """One database with a writing connection for each worker."""
    opened = [Database(config_of(database)) for _ in range(WORKERS)]
    yield opened
    for worker in opened:
        worker.close()


def at_once(workers: list[Database], number: int, work: Callable[[Database, int], object]) -> list:
    """Run `work(database, at)` for `at` from 0 to `number` - 1, spread over the workers."""
    with ThreadPoolExecutor(len(workers)) as threads:
        return list(threads.map(lambda at: work(workers[at % len(workers)], at), range(number)))


def arrive(post: int, network: str) -> Callable[[Database, int], bool]:
    def submit(session: Session, at: int) -> None:
        spam.admit(
            session, CommentFeatures("Somebody", "", f"Hello {at}", network=network.format(at))
        )
        remark(session, post, f"Hello {at}", name="Somebody")

    def work(database: Database, at: int) -> bool:
        try:
            database.transact_now(submit, at)
        except TooMany:
            return False
        return True

    return work


def test_the_limit_of_twenty_pending_comments_holds_across_workers(workers, world):
    let_in = at_once(workers, 60, arrive(world.ann_live.id, "198.51.100.{}"))
    assert sum(let_in) == 20


def test_the_limit_of_five_comments_per_address_holds_across_workers(workers, world):
    assert sum(at_once(workers, 24, arrive(world.ann_live.id, "203.0.113.5"))) == 5


def test_concurrent_decisions_are_each_counted_once(workers, world, database):
    ids = database.transact_now(
        lambda session: [remark(session, world.ann_live.id, f"Word {n}").id for n in range(6)]
    )
    verbs = (moderation.approve, moderation.spam)

    def decide(worker: Database, at: int) -> int:
        return worker.transact_now(verbs[at % 2], ids[at % 3 :], by=world.eve).number

    made = sum(at_once(workers, 16, decide))

    def read(session: Session) -> tuple[int, int, list[str], Feature]:
        decisions = session.scalar(select(func.count()).select_from(Moderation)) or 0
        states = session.scalars(select(Comment.state).where(Comment.id.in_(ids))).all()
        return decisions, len(states), list(states), session.get_one(Feature, ANY_COMMENT)

    decisions, number, states, learned = database.read_now(read)
    assert decisions == made and number == 6
    assert (learned.approved, learned.spam) == (states.count(APPROVED), states.count(SPAM))
    assert PENDING not in states


def test_concurrent_training_of_the_spam_filter_loses_nothing(workers, world, database):
    ids = database.transact_now(
        lambda session: [
            remark(session, world.ann_live.id, "Same words here").id for _ in range(24)
        ]
    )

    def learn(session: Session, at: int) -> None:
        comment = session.get_one(Comment, ids[at])
        spam_learning.learn(session, ids[at], "spam", spam_features.features_of(comment))

    at_once(workers, 24, lambda worker, at: worker.transact_now(learn, at))
    assert database.read_now(lambda session: session.get_one(Feature, "words").spam) == 24


def test_a_decision_undone_by_two_users_at_once_is_undone_once(workers, world, database):
    id = database.transact_now(lambda session: remark(session, world.ann_live.id, "Word").id)
    act = database.transact_now(moderation.approve, [id], by=world.eve)

    def undo(worker: Database, at: int) -> int:
        try:
            return worker.transact_now(moderation.undo, act.id, by=world.eve)
        except LookupError:
            return 0

    assert sum(at_once(workers, WORKERS, undo)) == 1
    assert database.read_now(lambda session: session.get(Feature, ANY_COMMENT)) is None
