"""Approve, reject, spam, take it back: what becomes of comments, of the filter, of who waits."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.audit.change_log import Change
from blog.models.base import Refusal, now
from blog.models.comments import moderation
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.comments.moderation import Moderation
from blog.models.comments.spam_learning import ALL, Feature, Lesson
from blog.models.jobs.outbox import Delivery
from tests.support import cast
from tests.support.cast import Cast
from tests.support.planted_comments import remark


def plant(database: Database, post: int, number: int = 1, **given: object) -> list[int]:
    def go(session: Session) -> list[int]:
        return [remark(session, post, f"Remark {at}", **given).id for at in range(number)]

    return database.transact_now(go)


def states(database: Database, ids: list[int]) -> list[str]:
    query = select(Comment.state).where(Comment.id.in_(ids)).order_by(Comment.id)
    return list(database.read_now(lambda session: session.scalars(query).all()))


def counted(database: Database) -> tuple[int, int]:
    """How many comments the filter has learned from: approved, spam."""
    found = database.read_now(lambda session: session.get(Feature, ALL))
    return (found.approved, found.spam) if found else (0, 0)


def mails(database: Database) -> list[Delivery]:
    query = select(Delivery).where(Delivery.kind == "answered")
    return list(database.read_now(lambda session: session.scalars(query).all()))


# --- deciding ---


@pytest.mark.parametrize("verb", ["approve", "reject", "spam"])
@pytest.mark.parametrize("before", [PENDING, APPROVED, REJECTED, SPAM])
def test_every_comment_can_become_everything(database, world, verb, before):
    ids = plant(database, world.ann_live.id, state=before)
    after = {"approve": APPROVED, "reject": REJECTED, "spam": SPAM}[verb]
    act = database.transact_now(getattr(moderation, verb), ids, by=world.eve)
    assert states(database, ids) == [after]
    assert act.number == (before != after)


def test_many_are_decided_in_one_act_and_one_line_of_the_audit(database, world):
    ids = plant(database, world.ann_live.id, 5)
    act = database.transact_now(moderation.approve, [*ids, 99_999], by=world.eve, ip="192.0.2.1")
    assert (act.state, act.number) == (APPROVED, 5)
    assert states(database, ids) == [APPROVED] * 5
    query = select(Change).order_by(Change.id.desc()).limit(1)
    line = database.read_now(lambda session: session.scalars(query).one())
    assert (line.by_id, line.ip) == (world.eve.id, "192.0.2.1")
    assert f"post:{world.ann_live.id}" in line.tags


def test_who_is_no_editor_decides_nothing(database, world):
    ids = plant(database, world.ann_live.id)
    for decide in (moderation.approve, moderation.spam):
        with pytest.raises(Refusal):
            database.transact_now(decide, ids, by=world.ann)
    act = database.transact_now(moderation.approve, ids, by=world.eve)
    with pytest.raises(Refusal):
        database.transact_now(moderation.undo, act.id, by=world.ann)
    assert states(database, ids) == [APPROVED]


def test_what_waits_is_counted(database, world):
    before = database.read_now(moderation.waiting)
    ids = plant(database, world.ann_live.id, 3)
    assert database.read_now(moderation.waiting) == before + 3
    database.transact_now(moderation.spam, ids, by=world.eve)
    assert database.read_now(moderation.waiting) == before


# --- taking back ---


def test_undo_puts_each_comment_back_exactly(database, world):
    waits = plant(database, world.ann_live.id)
    long_ago = now() - timedelta(days=9)
    rejected = plant(database, world.ann_live.id, state=REJECTED, decided_at=long_ago)
    act = database.transact_now(moderation.approve, waits + rejected, by=world.eve)
    assert database.transact_now(moderation.undo, act.id, by=world.kim) == 2
    assert states(database, waits + rejected) == [PENDING, REJECTED]
    rows = database.read_now(
        lambda s: [s.get_one(Comment, id).decided_at for id in waits + rejected]
    )
    assert rows == [None, long_ago]


def test_undo_after_undo_goes_back_step_by_step(database, world):
    ids = plant(database, world.ann_live.id)
    first = database.transact_now(moderation.approve, ids, by=world.eve)
    second = database.transact_now(moderation.spam, ids, by=world.eve)
    database.transact_now(moderation.undo, second.id, by=world.eve)
    assert states(database, ids) == [APPROVED]
    database.transact_now(moderation.undo, first.id, by=world.eve)
    assert states(database, ids) == [PENDING]


@pytest.mark.parametrize("act", [0, 7_777])
def test_an_act_that_never_was_is_not_undone(database, world, act):
    with pytest.raises(LookupError):
        database.transact_now(moderation.undo, act, by=world.eve)


def test_an_act_is_undone_once(database, world):
    ids = plant(database, world.ann_live.id)
    act = database.transact_now(moderation.approve, ids, by=world.eve)
    database.transact_now(moderation.undo, act.id, by=world.eve)
    with pytest.raises(LookupError):
        database.transact_now(moderation.undo, act.id, by=world.eve)
    assert states(database, ids) == [PENDING]


def test_what_was_decided_anew_since_is_left_alone(database, world):
    ids = plant(database, world.ann_live.id, 3)
    act = database.transact_now(moderation.approve, ids, by=world.eve)
    database.transact_now(moderation.spam, ids[:1], by=world.kim)
    assert database.transact_now(moderation.undo, act.id, by=world.eve) == 2
    assert states(database, ids) == [SPAM, PENDING, PENDING]


# --- what the filter learns ---


def test_approved_and_spam_teach_and_rejected_does_not(database, world):
    ids = plant(database, world.ann_live.id, 3)
    for verb, id in zip((moderation.approve, moderation.spam, moderation.reject), ids, strict=True):
        database.transact_now(verb, [id], by=world.eve)
    assert counted(database) == (1, 1)


def test_a_decision_that_is_taken_back_leaves_no_trace_in_the_filter(database, world):
    ids = plant(database, world.ann_live.id, 2)
    database.transact_now(moderation.approve, ids[:1], by=world.eve)
    before = everything_learned(database)
    act = database.transact_now(moderation.spam, ids, by=world.eve)
    assert counted(database) == (0, 2)
    database.transact_now(moderation.undo, act.id, by=world.eve)
    assert everything_learned(database) == before


def everything_learned(database: Database) -> object:
    def read(session: Session) -> object:
        signs = {row.sign: (row.approved, row.spam) for row in session.scalars(select(Feature))}
        return signs, {(row.comment_id, row.taught) for row in session.scalars(select(Lesson))}

    return database.read_now(read)


def test_spam_that_was_taken_for_spam_at_once_teaches_nothing_until_a_keeper_says_so(
    database, world
):
    ids = plant(database, world.ann_live.id, state=SPAM)
    assert counted(database) == (0, 0)
    act = database.transact_now(moderation.approve, ids, by=world.eve)
    assert counted(database) == (1, 0)
    database.transact_now(moderation.undo, act.id, by=world.eve)
    assert counted(database) == (0, 0) and states(database, ids) == [SPAM]


# --- who was answered ---


@pytest.fixture
def answered(database: Database, world: Cast) -> tuple[int, int]:
    """A comment whose writer wants to be told, and an answer to it that waits."""
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


def test_who_was_answered_is_told_after_approval_in_their_language(database, world, answered):
    assert mails(database) == []
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert (mail.to, mail.language) == ("rui@mail.example", "zh")
    assert mail.facts["title"] == cast.ZH_TITLE and mail.facts["author"] == "Ada"
    assert mail.facts["path"].startswith("/posts/") and "#comment-" in mail.facts["path"]


def test_who_was_answered_is_told_once_however_often_it_is_decided(database, world, answered):
    for verb in (moderation.approve, moderation.reject, moderation.approve, moderation.spam):
        database.transact_now(verb, [answered[1]], by=world.eve)
        assert len(mails(database)) == (verb is moderation.approve)


def test_a_mail_that_has_not_left_is_taken_back_with_the_approval(database, world, answered):
    act = database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    database.transact_now(moderation.undo, act.id, by=world.eve)
    assert mails(database) == []
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    assert len(mails(database)) == 1


def test_a_mail_waits_a_minute_so_that_a_slip_can_be_taken_back(database, world, answered):
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert timedelta(seconds=50) < mail.due_at - now() <= timedelta(minutes=1)


def test_a_mail_that_has_left_is_not_sent_again(database, world, answered):
    act = database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    database.transact_now(lambda s: setattr(s.scalars(select(Delivery)).one(), "done_at", now()))
    database.transact_now(moderation.undo, act.id, by=world.eve)
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    (mail,) = mails(database)
    assert mail.done_at


@pytest.mark.parametrize(
    ("parent", "answer"),
    [
        ({"wants_answers": False}, {}),
        ({"email": ""}, {}),
        ({"state": REJECTED}, {}),
        ({}, {"email": "rui@mail.example"}),  # who answers themselves knows it
        ({}, {"parent_id": None}),
    ],
)
def test_nobody_is_told_who_did_not_ask(database, world, answered, parent, answer):
    def change(session: Session) -> None:
        for id, values in zip(answered, (parent, answer), strict=True):
            for name, value in values.items():
                setattr(session.get_one(Comment, id), name, value)

    database.transact_now(change)
    database.transact_now(moderation.approve, [answered[1]], by=world.eve)
    assert mails(database) == []


def test_a_person_of_the_house_is_told_under_their_own_address(database, world):
    first = plant(
        database, world.bob_live.id, state=APPROVED, user_id=world.ann.id, wants_answers=True
    )[0]
    answer = plant(database, world.bob_live.id, parent_id=first, email="ada@mail.example")
    database.transact_now(moderation.approve, answer, by=world.eve)
    assert [mail.to for mail in mails(database)] == ["ann@ink.example"]


def test_nobody_is_told_of_a_post_that_nobody_can_read(database, world):
    first = plant(
        database, world.ann_trashed.id, state=APPROVED, email="r@mail.example", wants_answers=True
    )[0]
    answer = plant(database, world.ann_trashed.id, parent_id=first)
    database.transact_now(moderation.approve, answer, by=world.eve)
    assert mails(database) == []


# --- sweeping ---


def test_spam_lies_for_a_month_and_is_gone_then_with_all_that_hung_on_it(database, world):
    old = {"created_at": now() - timedelta(days=31)}
    ids = plant(database, world.ann_live.id, 3, **old)
    database.transact_now(moderation.spam, ids, by=world.eve)
    kept = plant(database, world.ann_live.id, state=SPAM)
    kept += plant(database, world.ann_live.id, state=REJECTED, **old)
    learned = counted(database)
    assert database.transact_now(moderation.sweep_spam) == 3
    assert database.transact_now(moderation.sweep_spam) == 0
    assert states(database, ids) == [] and states(database, kept) == [SPAM, REJECTED]
    assert database.read_now(lambda s: s.scalars(select(Moderation)).all()) == []
    assert counted(database) == learned == (0, 3)


def test_spam_that_was_answered_stays_with_its_answers(database, world):
    old = {"created_at": now() - timedelta(days=31)}
    ids = plant(database, world.ann_live.id, state=SPAM, **old)
    plant(database, world.ann_live.id, parent_id=ids[0], state=APPROVED)
    assert database.transact_now(moderation.sweep_spam) == 0
