"""Delivery of queued email with a real mail server: sent once, retried, or given up."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.jobs.scheduler import JobContext
from blog.mail import delivery as mail_delivery
from blog.mail import smtp_client
from blog.models.audit.change_log import Change
from blog.models.base import now
from blog.models.comments import unsubscribe
from blog.models.comments.comment import APPROVED, PENDING, REJECTED
from blog.models.jobs import outbox
from blog.models.jobs.outbox import BACK_OFF, Delivery, MailState
from tests.support import cast
from tests.support.mail_server import PostOffice
from tests.support.planted_comments import remark

SECRET = b"s" * 32
TO = "gus@guest.example"
ANSWER = {"title": "Ink", "author": "Ann", "text": "Yes.", "path": "/posts/ink"}


@pytest.fixture
def mail_server() -> Iterator[PostOffice]:
    with PostOffice() as server:
        yield server


@pytest.fixture
def context(database: Database, migrated: Config, mail_server: PostOffice) -> JobContext:
    settings = {"smtp_url": mail_server.url(), "mail_from": "blog@ink.example"}
    return JobContext(replace(migrated, **settings, site_url=cast.SECURE_ADDRESS), database, SECRET)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_client, "PATIENCE", 0.3)


def queue_mail(context: JobContext, to: str = TO, kind: str = "answered", **more: object) -> None:
    facts = (ANSWER if kind in ("answered", "comment_waits") else {}) | more

    def queue(session: Session) -> None:
        outbox.enqueue(session, kind, to, language="en", **facts)

    context.database.transact_now(queue)


def row(context: JobContext, to: str = TO) -> Delivery:
    def find(session: Session) -> Delivery:
        return session.scalars(select(Delivery).where(Delivery.to == to)).one()

    return context.database.read_now(find)


def pass_time(context: JobContext, span: timedelta) -> None:
    """Make pending deliveries due earlier, as if so much time had passed."""

    def age(session: Session) -> None:
        for delivery in session.scalars(select(Delivery).where(Delivery.is_owed())):
            delivery.due_at -= span

    context.database.transact_now(age)


def state(context: JobContext) -> MailState:
    return context.database.read_now(outbox.state)


# --- the mail server works ---


async def test_queued_mail_is_sent_once_and_its_facts_are_deleted(context, mail_server):
    queue_mail(context)
    await mail_delivery.deliver(context)
    await mail_delivery.deliver(context)
    (sent,) = mail_server.letters
    assert (sent.to, sent.sender) == (TO, "blog@ink.example")
    sent = row(context)
    assert sent.done_at and not sent.failed_at and sent.facts == {} and sent.tries == 1
    assert state(context) == MailState()


async def test_mail_queued_twice_under_one_key_is_sent_once(context, mail_server):
    queue_mail(context, kind="test", key="welcome:1")
    await mail_delivery.deliver(context)
    queue_mail(context, kind="test", key="welcome:1")
    await mail_delivery.deliver(context)
    assert len(mail_server.letters) == 1


async def test_a_transaction_that_fails_queues_no_mail(context, mail_server):
    def queue_and_fail(session: Session) -> None:
        outbox.enqueue(session, "test", TO, language="en")
        raise LookupError

    with pytest.raises(LookupError):
        context.database.transact_now(queue_and_fail)
    await mail_delivery.deliver(context)
    assert mail_server.letters == []


async def test_mail_with_missing_facts_cannot_be_queued(context):
    with pytest.raises(TypeError, match="path"):
        context.database.transact_now(outbox.enqueue, "reset", TO, language="en", name="Gus")


async def test_one_refused_address_does_not_stop_the_other_messages(context, mail_server):
    for number in range(8):
        queue_mail(context, f"gus{number}@guest.example", "test")
    mail_server.says = lambda to: "550 No such user" if to.startswith("gus3") else None
    await mail_delivery.deliver(context)
    assert [len(mail_server.to(f"gus{number}@guest.example")) for number in range(8)] == [
        *(1, 1, 1),
        0,
        *(1, 1, 1, 1),
    ]


async def test_four_workers_that_all_believe_to_hold_the_lease_send_each_message_once(
    context, mail_server
):
    others = [Database(context.config) for _ in range(4)]
    for number in range(24):
        queue_mail(context, f"gus{number}@guest.example", "test")
    await asyncio.gather(
        *(mail_delivery.deliver(replace(context, database=other)) for other in others)
    )
    assert sorted(sent.to for sent in mail_server.letters) == sorted(
        f"gus{number}@guest.example" for number in range(24)
    )
    for other in others:
        other.close()


async def test_without_a_mail_server_mail_stays_queued_untried(context):
    queue_mail(context)
    await mail_delivery.deliver(replace(context, config=replace(context.config, smtp_url="")))
    assert row(context).tries == 0 and state(context).waiting == 1


# --- the mail server fails ---


async def test_a_temporary_rejection_is_retried_with_growing_pauses_for_a_day(context, mail_server):
    queue_mail(context)
    mail_server.says = lambda to: "451 Greylisted, come\r\n451 back later"
    for number, pause in enumerate(BACK_OFF, start=1):
        await mail_delivery.deliver(context)
        pass_time(context, pause - timedelta(seconds=5))
        await mail_delivery.deliver(context)  # too early
        assert row(context).tries == number and row(context).failed_at is None
        pass_time(context, timedelta(seconds=5))
    assert sum(BACK_OFF, timedelta()) > timedelta(hours=22)
    assert state(context).late == 1
    await mail_delivery.deliver(context)
    given_up = row(context)
    assert given_up.failed_at and given_up.facts == {} and "Greylisted" in given_up.said
    assert state(context).failed == 1 and mail_server.letters == []


async def test_a_permanent_rejection_is_given_up_at_once_and_its_reason_is_stored(
    context, mail_server
):
    queue_mail(context)
    mail_server.says = lambda to: "550 No such user here"
    await mail_delivery.deliver(context)
    assert row(context).failed_at and row(context).tries == 1
    assert state(context) == MailState(failed=1, said="550 No such user here")


async def test_a_permanently_rejected_message_is_given_up_too(context, mail_server):
    queue_mail(context)
    mail_server.takes = lambda to: "554 This looks like spam"
    await mail_delivery.deliver(context)
    assert row(context).failed_at and "spam" in row(context).said


async def test_mail_that_is_given_up_is_in_the_audit_log_without_its_facts(context, mail_server):
    queue_mail(context, text="whispered")
    mail_server.says = lambda to: "550 No such user"
    await mail_delivery.deliver(context)
    changes = context.database.read_now(lambda session: session.scalars(select(Change)).all())
    assert "deliveries" in changes[-1].tags
    assert "whispered" not in str([change.facts for change in changes])


async def test_an_unreachable_server_counts_as_a_try_of_one_message_and_delays_the_others(
    context, mail_server
):
    for name in ("ann", "bob", "eve"):
        queue_mail(context, f"{name}@guest.example", "test")
    mail_server.close()
    await mail_delivery.deliver(context)
    await mail_delivery.deliver(context)
    tries = sorted(row(context, f"{name}@guest.example").tries for name in ("ann", "bob", "eve"))
    assert tries == [0, 0, 1]
    assert state(context).late == 3
    mail_server.open()
    pass_time(context, timedelta(minutes=1))
    await mail_delivery.deliver(context)
    assert len(mail_server.letters) == 3 and state(context) == MailState()


async def test_a_server_that_hangs_runs_into_the_timeout(context, mail_server, impatient):
    queue_mail(context)
    mail_server.hangs = True
    await asyncio.wait_for(mail_delivery.deliver(context), 10)
    assert row(context).tries == 1 and row(context).done_at is None
    mail_server.hangs = False
    pass_time(context, BACK_OFF[0])
    await mail_delivery.deliver(context)
    assert len(mail_server.letters) == 1


async def test_a_server_that_accepts_a_connection_and_never_replies_runs_into_the_timeout(
    context, impatient
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        queue_mail(context)
        silent_context = replace(context, config=replace(context.config, smtp_url=url))
        await asyncio.wait_for(mail_delivery.deliver(silent_context), 10)
    assert row(context).tries == 1 and state(context).late == 1


async def test_a_message_is_sent_again_after_the_connection_is_lost(context, mail_server):
    queue_mail(context)
    mail_server.takes = lambda to: "451 Try later"
    await mail_delivery.deliver(context)
    mail_server.dies = True
    pass_time(context, BACK_OFF[0])
    await mail_delivery.deliver(context)
    assert row(context).tries == 2 and row(context).done_at is None
    mail_server.dies, mail_server.takes = False, lambda to: None
    pass_time(context, BACK_OFF[1])
    await mail_delivery.deliver(context)
    first = row(context)
    (sent,) = mail_server.letters
    assert first.done_at and sent.message["Message-ID"].endswith("@ink.example>")


async def test_mail_claimed_by_a_killed_worker_is_sent_by_another(context, mail_server):
    queue_mail(context)
    claimed = context.database.transact_now(outbox.claim, SECRET)
    assert claimed and claimed.tries == 1  # the worker is killed here
    await mail_delivery.deliver(context)
    assert mail_server.letters == []  # the claim is still valid
    pass_time(context, BACK_OFF[0])
    await mail_delivery.deliver(context)
    assert len(mail_server.letters) == 1


async def test_a_late_failure_does_not_undo_a_success(context):
    queue_mail(context)
    slow = context.database.transact_now(outbox.claim, SECRET)
    pass_time(context, BACK_OFF[0])
    quick = context.database.transact_now(outbox.claim, SECRET)
    context.database.transact_now(outbox.mark_delivered, quick)
    context.database.transact_now(outbox.mark_failed, slow, "lost", for_good=True)
    assert row(context).done_at and row(context).failed_at is None


async def test_a_reply_of_the_server_is_stored_and_logged_as_one_line(context, mail_server, caplog):
    caplog.set_level(logging.WARNING, "blog")
    queue_mail(context)
    mail_server.says = lambda to: "451 Come back\x1b[31m\r\n451 " + "later " * 200
    await mail_delivery.deliver(context)
    assert "\x1b" not in row(context).said and len(row(context).said) <= 500
    (entry,) = [record.getMessage() for record in caplog.records if record.name == "blog"]
    assert "\n" not in entry and "\x1b" not in entry


# --- mail that has become pointless ---


async def test_an_unsubscribed_address_gets_other_mail_but_no_reply_notices(context, mail_server):
    context.database.transact_now(unsubscribe.unsubscribe, unsubscribe.hash_of(SECRET, TO.upper()))
    queue_mail(context)
    queue_mail(context, kind="password_changed", name="Gus", at=now().isoformat(), ip="192.0.2.7")
    await mail_delivery.deliver(context)
    assert [sent.message["Subject"][:13] for sent in mail_server.letters] == ["Your password"]


@pytest.mark.parametrize(
    ("kind", "state", "is_sent"),
    [
        ("answered", APPROVED, True),
        ("answered", REJECTED, False),
        ("answered", None, False),
        ("comment_waits", PENDING, True),
        ("comment_waits", APPROVED, False),
        ("comment_waits", None, False),
    ],
)
async def test_mail_about_a_comment_is_sent_only_while_the_comment_has_the_right_state(
    context, world, mail_server, kind, state, is_sent
):
    if state:
        context.database.transact_now(remark, world.ann_live.id, "Hm.", uid="c1", state=state)
    queue_mail(context, kind=kind, key=f"{kind}:c1")
    await mail_delivery.deliver(context)
    assert bool(mail_server.letters) == is_sent
    assert row(context).done_at and row(context).facts == {}


async def test_a_password_reset_is_sent_only_to_the_address_of_an_active_user(
    context, world, mail_server
):
    for name in ("ann", "dan", "nobody"):  # dan is disabled
        queue_mail(context, f"{name}@ink.example", "reset", name=name, path="/reset/key")
    await mail_delivery.deliver(context)
    assert [sent.to for sent in mail_server.letters] == ["ann@ink.example"]


async def test_stale_mail_is_given_up_with_or_without_a_mail_server(context, mail_server):
    queue_mail(context)

    def age(session: Session) -> None:
        old = {"created_at": now() - timedelta(days=3)}
        session.execute(update(Delivery).values(old), execution_options={"tags": ()})

    context.database.transact_now(age)
    await mail_delivery.deliver(context)
    assert mail_server.letters == [] and row(context).failed_at
    queue_mail(context, "bob@guest.example", "test")
    context.database.transact_now(age)
    context.database.transact_now(outbox.give_up_stale)
    assert row(context, "bob@guest.example").failed_at


async def test_a_message_that_cannot_be_rendered_is_given_up_and_does_not_stop_others(
    context, mail_server
):
    queue_mail(context, "not an address", "test")
    queue_mail(context, "bob@guest.example", "test")
    await mail_delivery.deliver(context)
    assert [sent.to for sent in mail_server.letters] == ["bob@guest.example"]
    assert "not an email address" in row(context, "not an address").said


async def test_checking_for_due_mail_does_not_need_the_write_lock(context):
    queue_mail(context)
    await mail_delivery.deliver(context)
    with context.database.writing.connect() as writer, writer.begin():
        writer.execute(select(func.count()).select_from(Delivery))
        await asyncio.wait_for(mail_delivery.deliver(context), 2)
