"""Moderation: approve, reject, mark as spam, undo, and the effects on filter and notices."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.audit.change_log import Change
from blog.models.audit.session import Actor
from blog.models.base import Refusal, now
from blog.models.comments import moderation
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.comments.moderation import Moderation
from blog.models.comments.spam_learning import ANY_COMMENT, Feature, Lesson
from blog.models.jobs.outbox import Delivery
from tests.support import cast
from tests.support.cast import Cast
from tests.support.planted_comments import remark


def plant(database: Database, post: int, number: int = 1, **columns: object) -> list[int]:
    """Insert comments on a post and return their ids; `columns` override the defaults."""

    def insert(session: Session) -> list[int]:
        return [remark(session, post, f"Remark {at}", **columns).id for at in range(number)]

    return database.transact_now(insert)


def states(database: Database, ids: list[int]) -> list[str]:
    query = select(Comment.state).where(Comment.id.in_(ids)).order_by(Comment.id)
    return list(database.read_now(lambda session: session.scalars(query).all()))


def counted(database: Database) -> tuple[int, int]:
    """Return how many approved and how many spam comments the filter has learned from."""
    row = database.read_now(lambda session: session.get(Feature, ANY_COMMENT))
    return (row.approved, row.spam) if row else (0, 0)


def mails(database: Database) -> list[Delivery]:
    query = select(Delivery).where(Delivery.kind == "answered")
    return list(database.read_now(lambda session: session.scalars(query).all()))


# --- decisions ---


@pytest.mark.parametrize("verb", ["approve", "reject", "spam"])
@pytest.mark.parametrize("before", [PENDING, APPROVED, REJECTED, SPAM])
def test_a_comment_in_any_state_can_be_moved_to_any_other(database, world, verb, before):
    ids = plant(database, world.ann_live.id, state=before)
    after = {"approve": APPROVED, "reject": REJECTED, "spam": SPAM}[verb]
    decision = database.transact_now(getattr(moderation, verb), ids, by=world.eve)
    assert states(database, ids) == [after]
    assert decision.number == (0 if before == after else 1)


def test_several_comments_are_decided_together_with_one_log_entry(database, world):
    ids = plant(database, world.ann_live.id, 5)
    decision = database.transact_as_now(
        Actor(world.eve, "192.0.2.1"), moderation.approve, [*ids, 99_999], by=world.eve
    )
    assert (decision.state, decision.number) == (APPROVED, 5)
    assert states(database, ids) == [APPROVED] * 5
    query = select(Change).order_by(Change.id.desc()).limit(1)
    entry = database.read_now(lambda session: session.scalars(query).one())
    assert (entry.by_id, entry.ip) == (world.eve.id, "192.0.2.1")
    assert f"post:{world.ann_live.id}" in entry.tags


def test_only_editors_can_moderate(database, world):
    ids = plant(database, world.ann_live.id)
    for decide in (moderation.approve, moderation.spam):
        with pytest.raises(Refusal):
            database.transact_now(decide, ids, by=world.ann)
    decision = database.transact_now(moderation.approve, ids, by=world.eve)
    with pytest.raises(Refusal):
        database.transact_now(moderation.undo, decision.id, by=world.ann)
    assert states(database, ids) == [APPROVED]


def test_pending_comments_are_counted(database, world):
    before = database.read_now(moderation.count_pending)
    ids = plant(database, world.ann_live.id, 3)
    assert database.read_now(moderation.count_pending) == before + 3
    database.transact_now(moderation.spam, ids, by=world.eve)
    assert database.read_now(moderation.count_pending) == before


# --- undo ---


def test_undo_restores_each_comments_state_and_time(database, world):
    pending = plant(database, world.ann_live.id)
    long_ago = now() - timedelta(days=9)
    rejected = plant(database, world.ann_live.id, state=REJECTED, decided_at=long_ago)
    decision = database.transact_now(moderation.approve, pending + rejected, by=world.eve)
    assert database.transact_now(moderation.undo, decision.id, by=world.kim) == 2
    assert states(database, pending + rejected) == [PENDING, REJECTED]
    times = database.read_now(
        lambda s: [s.get_one(Comment, id).decided_at for id in pending + rejected]
    )
    assert times == [None, long_ago]


def test_undo_after_undo_goes_back_step_by_step(database, world):
    ids = plant(database, world.ann_live.id)
    first = database.transact_now(moderation.approve, ids, by=world.eve)
    second = database.transact_now(moderation.spam, ids, by=world.eve)
    database.transact_now(moderation.undo, second.id, by=world.eve)
    assert states(database, ids) == [APPROVED]
    database.transact_now(moderation.undo, first.id, by=world.eve)
    assert states(database, ids) == [PENDING]


@pytest.mark.parametrize("decision", [0, 7_777])
def test_undoing_an_unknown_decision_is_not_found(database, world, decision):
    with pytest.raises(LookupError):
        database.transact_now(moderation.undo, decision, by=world.eve)


def test_a_decision_can_be_undone_only_once(database, world):
    ids = plant(database, world.ann_live.id)
    decision = database.transact_now(moderation.approve, ids, by=world.eve)
    database.transact_now(moderation.undo, decision.id, by=world.eve)
    with pytest.raises(LookupError):
        database.transact_now(moderation.undo, decision.id, by=world.eve)
    assert states(database, ids) == [PENDING]


def test_undo_skips_comments_moderated_again_since(database, world):
    ids = plant(database, world.ann_live.id, 3)
    decision = database.transact_now(moderation.approve, ids, by=world.eve)
    database.transact_now(moderation.spam, ids[:1], by=world.kim)
    assert database.transact_now(moderation.undo, decision.id, by=world.eve) == 2
    assert states(database, ids) == [SPAM, PENDING, PENDING]


# --- what the filter learns ---


def test_the_filter_learns_from_approval_and_spam_but_not_from_rejection(database, world):
    ids = plant(database, world.ann_live.id, 3)
    for verb, id in zip((moderation.approve, moderation.spam, moderation.reject), ids, strict=True):
        database.transact_now(verb, [id], by=world.eve)
    assert counted(database) == (1, 1)


def test_undo_restores_the_filter_exactly(database, world):
    ids = plant(database, world.ann_live.id, 2)
    database.transact_now(moderation.approve, ids[:1], by=world.eve)
    before = filter_contents(database)
    decision = database.transact_now(moderation.spam, ids, by=world.eve)
    assert counted(database) == (0, 2)
    database.transact_now(moderation.undo, decision.id, by=world.eve)
    assert filter_contents(database) == before


def filter_contents(database: Database) -> object:
    def read(session: Session) -> object:
        signs = {row.sign: (row.approved, row.spam) for row in session.scalars(select(Feature))}
        return signs, {(row.comment_id, row.taught) for row in session.scalars(select(Lesson))}

    return database.read_now(read)


def test_comments_classified_by_the_filter_teach_it_nothing_until_moderated(database, world):
    ids = plant(database, world.ann_live.id, state=SPAM)
    assert counted(database) == (0, 0)
    decision = database.transact_now(moderation.approve, ids, by=world.eve)
    assert counted(database) == (1, 0)
    database.transact_now(moderation.undo, decision.id, by=world.eve)
    assert counted(database) == (0, 0) and states(database, ids) == [SPAM]


# --- reply notices ---


@pytest.fixture
def answered(database: Database, world: Cast) -> tuple[int, int]:
    """The ids of a comment whose writer wants reply notices, and of a pending reply to it."""
    first = plant(
        database,
        world.bob_zh.id,
        state=APPROVED,
        email="rui@mail.example",
        wants_answers=True,
        language="zh",
    )[0]
    return first, plant(
        database, world.bob_zh.id, parent_id=first, name="Ada", email="ada@mail.example"
    )[0]


def test_a_reply_notice_is_queued_after_approval_in_the_recipients_language(
    database, world, answered
):
    assert mails(database) == []
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert (mail.to, mail.language) == ("rui@mail.example", "zh")
    assert mail.facts["title"] == cast.ZH_TITLE and mail.facts["author"] == "Ada"
    assert mail.facts["path"].startswith("/posts/") and "#comment-" in mail.facts["path"]


def test_a_reply_notice_is_queued_only_while_the_reply_is_approved(database, world, answered):
    for verb in (moderation.approve, moderation.reject, moderation.approve, moderation.spam):
        database.transact_now(verb, [answered[1]], by=world.eve)
        assert len(mails(database)) == (1 if verb is moderation.approve else 0)


def test_undoing_an_approval_cancels_an_unsent_notice(database, world, answered):
    decision = database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    database.transact_now(moderation.undo, decision.id, by=world.eve)
    assert mails(database) == []
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    assert len(mails(database)) == 1


def test_a_reply_notice_is_delayed_by_a_minute(database, world, answered):
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert timedelta(seconds=50) < mail.due_at - now() <= timedelta(minutes=1)


def test_a_sent_notice_is_not_sent_again(database, world, answered):
    decision = database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    database.transact_now(lambda s: setattr(s.scalars(select(Delivery)).one(), "done_at", now()))
    database.transact_now(moderation.undo, decision.id, by=world.eve)
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert mail.done_at


@pytest.mark.parametrize(
    ("parent", "answer"),
    [
        ({"wants_answers": False}, {}),
        ({"email": ""}, {}),
        ({"state": REJECTED}, {}),
        ({}, {"email": "rui@mail.example"}),  # a reply to one's own comment
        ({}, {"parent_id": None}),
    ],
)
def test_no_notice_is_queued_for_a_writer_who_did_not_ask_or_cannot_be_notified(
    database, world, answered, parent, answer
):
    def change(session: Session) -> None:
        for id, values in zip(answered, (parent, answer), strict=True):
            for name, value in values.items():
                setattr(session.get_one(Comment, id), name, value)

    database.transact_now(change)
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    assert mails(database) == []


def test_a_user_is_notified_at_the_address_of_their_account(database, world):
    first = plant(
        database, world.bob_live.id, state=APPROVED, user_id=world.ann.id, wants_answers=True
    )[0]
    answer = plant(database, world.bob_live.id, parent_id=first, email="ada@mail.example")
    database.transact_now(moderation.approve, answer, by=world.eve)
    assert [mail.to for mail in mails(database)] == ["ann@ink.example"]


def test_no_notice_is_queued_for_a_post_that_is_not_public(database, world):
    first = plant(
        database, world.ann_trashed.id, state=APPROVED, email="r@mail.example", wants_answers=True
    )[0]
    answer = plant(database, world.ann_trashed.id, parent_id=first)
    database.transact_now(moderation.approve, answer, by=world.eve)
    assert mails(database) == []


# --- deleting old spam ---


def test_spam_is_deleted_after_a_month_with_its_decisions(database, world):
    old = {"created_at": now() - timedelta(days=31)}
    ids = plant(database, world.ann_live.id, 3, **old)
    database.transact_now(moderation.spam, ids, by=world.eve)
    kept = plant(database, world.ann_live.id, state=SPAM)
    kept += plant(database, world.ann_live.id, state=REJECTED, **old)
    learned = counted(database)
    assert database.transact_now(moderation.delete_old_spam) == 3
    assert database.transact_now(moderation.delete_old_spam) == 0
    assert states(database, ids) == [] and states(database, kept) == [SPAM, REJECTED]
    assert database.read_now(lambda s: s.scalars(select(Moderation)).all()) == []
    assert counted(database) == learned == (0, 3)


def test_spam_with_replies_is_kept(database, world):
    old = {"created_at": now() - timedelta(days=31)}
    ids = plant(database, world.ann_live.id, state=SPAM, **old)
    plant(database, world.ann_live.id, parent_id=ids[0], state=APPROVED)
    assert database.transact_now(moderation.delete_old_spam) == 0
