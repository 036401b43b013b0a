"""Mail that is owed goes out, whatever the mail server does meanwhile: once, or it is given up."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
def office() -> Iterator[PostOffice]:
    with PostOffice() as running:
        yield running


@pytest.fixture
def house(database: Database, migrated: Config, office: PostOffice) -> JobContext:
    set_up = {"smtp_url": office.url(), "mail_from": "blog@ink.example"}
    return JobContext(replace(migrated, **set_up, site_url=cast.SECURE_ADDRESS), database, SECRET)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_client, "PATIENCE", 0.3)


def owe(house: JobContext, to: str = TO, kind: str = "answered", **more: Any) -> None:
    facts = (ANSWER if kind in ("answered", "comment_waits") else {}) | more

    def act(session: Session) -> None:
        outbox.owe(session, kind, to, language="en", **facts)

    house.database.transact_now(act)


def row(house: JobContext, to: str = TO) -> Delivery:
    def find(session: Session) -> Delivery:
        return session.scalars(select(Delivery).where(Delivery.to == to)).one()

    return house.database.read_now(find)


def wait(house: JobContext, span: timedelta) -> None:
    """What was owed becomes older by so much."""

    def age(session: Session) -> None:
        for one in session.scalars(select(Delivery).where(Delivery.is_owed())):
            one.due_at -= span

    house.database.transact_now(age)


def state(house: JobContext) -> MailState:
    return house.database.read_now(outbox.state)


# --- when all is well ---


async def test_what_is_owed_is_sent_once_and_its_facts_are_forgotten(house, office):
    owe(house)
    await mail_delivery.deliver(house)
    await mail_delivery.deliver(house)
    (letter,) = office.letters
    assert (letter.to, letter.sender) == (TO, "blog@ink.example")
    sent = row(house)
    assert sent.done_at and not sent.failed_at and sent.facts == {} and sent.tries == 1
    assert state(house) == MailState()


async def test_what_is_owed_twice_under_one_key_is_sent_once_ever(house, office):
    owe(house, kind="test", key="welcome:1")
    await mail_delivery.deliver(house)
    owe(house, kind="test", key="welcome:1")
    await mail_delivery.deliver(house)
    assert len(office.letters) == 1


async def test_an_act_that_fails_owes_nothing(house, office):
    def act(session: Session) -> None:
        outbox.owe(session, "test", TO, language="en")
        raise LookupError

    with pytest.raises(LookupError):
        house.database.transact_now(act)
    await mail_delivery.deliver(house)
    assert office.letters == []


async def test_a_mail_whose_facts_are_lacking_is_refused_where_it_is_owed(house):
    with pytest.raises(TypeError, match="path"):
        house.database.transact_now(outbox.owe, "reset", TO, language="en", name="Gus")


async def test_many_letters_go_over_one_connection_and_one_bad_address_stops_none(house, office):
    for number in range(8):
        owe(house, f"gus{number}@guest.example", "test")
    office.says = lambda to: "550 No such user" if to.startswith("gus3") else None
    await mail_delivery.deliver(house)
    assert [len(office.to(f"gus{number}@guest.example")) for number in range(8)] == [
        *(1, 1, 1),
        0,
        *(1, 1, 1, 1),
    ]


async def test_four_workers_who_all_think_they_hold_the_clock_send_each_mail_once(house, office):
    others = [Database(house.config) for _ in range(4)]
    for number in range(24):
        owe(house, f"gus{number}@guest.example", "test")
    await asyncio.gather(*(mail_delivery.deliver(replace(house, database=one)) for one in others))
    assert sorted(letter.to for letter in office.letters) == sorted(
        f"gus{number}@guest.example" for number in range(24)
    )
    for one in others:
        one.close()


async def test_without_a_mail_server_nothing_is_tried_and_all_stays_owed(house):
    owe(house)
    await mail_delivery.deliver(replace(house, config=replace(house.config, smtp_url="")))
    assert row(house).tries == 0 and state(house).waiting == 1


# --- when the mail server has its moods ---


async def test_a_refusal_for_now_is_tried_again_with_growing_pauses_for_a_day(house, office):
    owe(house)
    office.says = lambda to: "451 Greylisted, come\r\n451 back later"
    for number, pause in enumerate(BACK_OFF, start=1):
        await mail_delivery.deliver(house)
        wait(house, pause - timedelta(seconds=5))
        await mail_delivery.deliver(house)  # too early
        assert row(house).tries == number and row(house).failed_at is None
        wait(house, timedelta(seconds=5))
    assert sum(BACK_OFF, timedelta()) > timedelta(hours=22)
    assert state(house).late == 1
    await mail_delivery.deliver(house)
    given_up = row(house)
    assert given_up.failed_at and given_up.facts == {} and "Greylisted" in given_up.said
    assert state(house).failed == 1 and office.letters == []


async def test_a_refusal_for_good_is_given_up_at_once_and_a_keeper_can_read_why(house, office):
    owe(house)
    office.says = lambda to: "550 No such user here"
    await mail_delivery.deliver(house)
    assert row(house).failed_at and row(house).tries == 1
    assert state(house) == MailState(failed=1, said="550 No such user here")


async def test_a_letter_that_is_refused_for_good_is_given_up_too(house, office):
    owe(house)
    office.takes = lambda to: "554 This looks like spam"
    await mail_delivery.deliver(house)
    assert row(house).failed_at and "spam" in row(house).said


async def test_what_is_given_up_stands_in_the_log_of_changes_without_its_facts(house, office):
    owe(house, text="whispered")
    office.says = lambda to: "550 No such user"
    await mail_delivery.deliver(house)
    changes = house.database.read_now(lambda session: session.scalars(select(Change)).all())
    assert "deliveries" in changes[-1].tags
    assert "whispered" not in str([change.facts for change in changes])


async def test_a_server_that_is_down_costs_one_mail_a_try_and_the_others_only_wait(house, office):
    for name in ("ann", "bob", "eve"):
        owe(house, f"{name}@guest.example", "test")
    office.close()
    await mail_delivery.deliver(house)
    await mail_delivery.deliver(house)
    tries = sorted(row(house, f"{name}@guest.example").tries for name in ("ann", "bob", "eve"))
    assert tries == [0, 0, 1]
    assert state(house).late == 3
    office.open()
    wait(house, timedelta(minutes=1))
    await mail_delivery.deliver(house)
    assert len(office.letters) == 3 and state(house) == MailState()


async def test_a_server_that_hangs_is_left_alone_after_a_while(house, office, impatient):
    owe(house)
    office.hangs = True
    await asyncio.wait_for(mail_delivery.deliver(house), 10)
    assert row(house).tries == 1 and row(house).done_at is None
    office.hangs = False
    wait(house, BACK_OFF[0])
    await mail_delivery.deliver(house)
    assert len(office.letters) == 1


async def test_a_server_that_takes_calls_and_says_nothing_is_left_alone_too(house, impatient):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        owe(house)
        deaf = replace(house, config=replace(house.config, smtp_url=url))
        await asyncio.wait_for(mail_delivery.deliver(deaf), 10)
    assert row(house).tries == 1 and state(house).late == 1


async def test_a_server_that_dies_in_mid_message_gets_it_again_under_the_same_id(house, office):
    owe(house)
    office.takes = lambda to: "451 Try later"
    await mail_delivery.deliver(house)
    office.dies = True
    wait(house, BACK_OFF[0])
    await mail_delivery.deliver(house)
    assert row(house).tries == 2 and row(house).done_at is None
    office.dies, office.takes = False, lambda to: None
    wait(house, BACK_OFF[1])
    await mail_delivery.deliver(house)
    first = row(house)
    (letter,) = office.letters
    assert first.done_at and letter.message["Message-ID"].endswith("@ink.example>")


async def test_a_worker_killed_while_it_sends_leaves_the_mail_to_the_next(house, office):
    owe(house)
    claimed = house.database.transact_now(outbox.claim, SECRET)
    assert claimed and claimed.tries == 1  # and here it was killed
    await mail_delivery.deliver(house)
    assert office.letters == []  # it may still be at work
    wait(house, BACK_OFF[0])
    await mail_delivery.deliver(house)
    assert len(office.letters) == 1


async def test_a_late_no_does_not_undo_anothers_yes(house):
    owe(house)
    slow = house.database.transact_now(outbox.claim, SECRET)
    wait(house, BACK_OFF[0])
    quick = house.database.transact_now(outbox.claim, SECRET)
    house.database.transact_now(outbox.delivered, quick)
    house.database.transact_now(outbox.failed, slow, "lost", for_good=True)
    assert row(house).done_at and row(house).failed_at is None


async def test_what_a_server_says_is_one_line_in_log_and_database(house, office, caplog):
    caplog.set_level(logging.WARNING, "blog")
    owe(house)
    office.says = lambda to: "451 Come back\x1b[31m\r\n451 " + "later " * 200
    await mail_delivery.deliver(house)
    assert "\x1b" not in row(house).said and len(row(house).said) <= 500
    (line,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in line and "\x1b" not in line


# --- what need not be sent any more ---


async def test_who_has_unsubscribed_gets_no_answer_but_other_mail(house, office):
    house.database.transact_now(unsubscribe.unsubscribe, unsubscribe.hash_of(SECRET, TO.upper()))
    owe(house)
    owe(house, kind="password_changed", name="Gus", at=now().isoformat(), ip="192.0.2.7")
    await mail_delivery.deliver(house)
    assert [letter.message["Subject"][:13] for letter in office.letters] == ["Your password"]


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
async def test_a_mail_about_a_comment_goes_only_while_it_is_true(
    house, world, office, kind, state, is_sent
):
    if state:
        house.database.transact_now(remark, world.ann_live.id, "Hm.", uid="c1", state=state)
    owe(house, kind=kind, key=f"{kind}:c1")
    await mail_delivery.deliver(house)
    assert bool(office.letters) == is_sent
    assert row(house).done_at and row(house).facts == {}


async def test_a_reset_is_not_sent_to_an_address_that_is_nobodys_any_more(house, world, office):
    for name in ("ann", "dan", "nobody"):  # dan is disabled
        owe(house, f"{name}@ink.example", "reset", name=name, path="/reset/key")
    await mail_delivery.deliver(house)
    assert [letter.to for letter in office.letters] == ["ann@ink.example"]


async def test_old_news_is_given_up_whether_or_not_there_is_a_server(house, office):
    owe(house)

    def age(session: Session) -> None:
        old = {"created_at": now() - timedelta(days=3)}
        session.execute(update(Delivery).values(old), execution_options={"tags": ()})

    house.database.transact_now(age)
    await mail_delivery.deliver(house)
    assert office.letters == [] and row(house).failed_at
    owe(house, "bob@guest.example", "test")
    house.database.transact_now(age)
    house.database.transact_now(outbox.give_up_stale)
    assert row(house, "bob@guest.example").failed_at


async def test_a_letter_that_cannot_be_written_is_given_up_and_stops_no_other(house, office):
    owe(house, "not an address", "test")
    owe(house, "bob@guest.example", "test")
    await mail_delivery.deliver(house)
    assert [letter.to for letter in office.letters] == ["bob@guest.example"]
    assert "not an email address" in row(house, "not an address").said


async def test_a_look_for_mail_wants_no_writer(house):
    owe(house)
    await mail_delivery.deliver(house)
    with house.database.writing.connect() as held, held.begin():
        held.execute(select(func.count()).select_from(Delivery))
        await asyncio.wait_for(mail_delivery.deliver(house), 2)
