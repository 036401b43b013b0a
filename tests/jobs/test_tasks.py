"""The clock: one of all processes does its work, and another goes on where that one is killed."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from blog.app import create_app
from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from blog.jobs import scheduler, tasks
from blog.jobs.scheduler import JobContext, Scheduler, Task
from blog.models.audit.change_log import Change
from blog.models.base import now
from blog.models.comments.comment import Comment
from blog.models.jobs import lease, outbox, retention
from blog.models.jobs.lease import CLOCK, Lease
from blog.models.jobs.outbox import Delivery
from blog.models.posts import announcement
from blog.models.posts.post import Post
from blog.models.users import login_throttle
from blog.models.users.login_throttle import Attempt
from tests.support.live_server import Site, environment, wait_for
from tests.support.mail_server import PostOffice
from tests.support.planted_comments import remark

SECRET = b"s" * 32


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LOOK", 0.02)
    monkeypatch.setattr(scheduler, "STAND_BY", 0.02)
    monkeypatch.setattr(scheduler, "AFTER_FAULT", 0.02)
    monkeypatch.setattr(scheduler, "GRACE", 1.0)


@pytest.fixture
def houses(migrated: Config, hasty: None) -> Iterator[list[JobContext]]:
    """Four processes of one blog."""
    databases = [Database(migrated) for _ in range(4)]
    yield [JobContext(migrated, one, SECRET) for one in databases]
    for one in databases:
        one.close()


async def until(what, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 -- what is waited for is no event of ours
            await asyncio.sleep(0.01)


# --- the lease ---


def test_one_of_two_has_the_lease_until_it_gives_it_back(database):
    assert database.read_now(lease.held_until, CLOCK, "ann") == lease.FREE
    assert database.transact_now(lease.take, CLOCK, "ann")
    assert database.transact_now(lease.take, CLOCK, "bob") is None
    assert database.read_now(lease.held_until, CLOCK, "bob") is None
    assert database.read_now(lease.held_until, CLOCK, "ann") > now()
    database.transact_now(lease.leave, CLOCK, "bob")  # it is not bob's to give
    assert database.read_now(lease.held_until, CLOCK, "bob") is None
    database.transact_now(lease.leave, CLOCK, "ann")
    assert database.transact_now(lease.take, CLOCK, "bob")


def test_of_many_who_try_at_the_same_moment_one_gets_the_lease(migrated):
    """They have all looked at the clock before the first of them writes."""
    databases = [Database(migrated) for _ in range(4)]
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            tries = [
                pool.submit(one.transact_now, lease.take, CLOCK, str(number))
                for number, one in enumerate(databases)
            ]
        (winner,) = [number for number, one in enumerate(tries) if one.result()]
        databases[winner].transact_now(lease.leave, CLOCK, str(winner))
    for one in databases:
        one.close()


@pytest.mark.parametrize("wrong", [-timedelta(seconds=1), timedelta(days=1)])
def test_a_lease_that_ran_out_or_ends_too_far_from_now_is_for_the_taking(database, wrong):
    database.transact_now(lease.take, CLOCK, "ann")

    def shift(session: Session) -> None:
        session.get_one(Lease, CLOCK).until = now() + wrong

    database.transact_now(shift)
    assert database.read_now(lease.held_until, CLOCK, "bob") == lease.FREE
    assert database.transact_now(lease.take, CLOCK, "bob")


def test_the_lease_leaves_nothing_in_the_log_of_changes(database):
    from blog.models.audit.change_log import Change

    database.transact_now(lease.take, CLOCK, "ann")
    database.transact_now(lease.leave, CLOCK, "ann")
    assert database.read_now(lambda session: session.scalars(select(Change)).all()) == []


# --- the clock ---


async def test_one_of_four_does_the_work_and_the_next_goes_on_when_it_stops(houses):
    done: list[int] = []

    def chores(number: int) -> list[Task]:
        async def note(house: JobContext) -> None:
            done.append(number)

        return [Task("note", 0, note)]

    clocks = [Scheduler(house, chores(number)) for number, house in enumerate(houses)]
    for one in clocks:
        one.start()
    await until(lambda: len(done) > 5)
    assert len(set(done)) == 1
    first = done[0]
    assert [one.is_held for one in clocks].count(True) == 1
    await clocks[first].stop()
    await until(lambda: done[-1] != first)
    assert len(set(done)) == 2
    for one in clocks:
        await one.stop()


async def test_a_holder_that_is_gone_without_a_word_is_followed_when_its_span_is_over(houses):
    done: list[str] = []

    async def note(house: JobContext) -> None:
        done.append("done")

    houses[0].database.transact_now(lease.take, CLOCK, "killed")
    follower = Scheduler(houses[1], [Task("note", 0, note)])
    follower.start()
    await asyncio.sleep(0.3)
    assert done == [] and not follower.is_held

    def pass_time(session: Session) -> None:
        session.get_one(Lease, CLOCK).until = now()

    houses[0].database.transact_now(pass_time)
    await until(lambda: done)
    await follower.stop()


async def test_a_chore_that_fails_is_logged_and_called_again_and_holds_up_no_other(houses, caplog):
    tries: list[str] = []
    ran: list[str] = []

    async def fail(house: JobContext) -> None:
        tries.append("tried")
        raise LookupError("nothing there")

    async def drag(house: JobContext) -> None:
        ran.append("dragged")
        await asyncio.sleep(30)

    async def work(house: JobContext) -> None:
        ran.append("worked")

    chores = [Task("fail", 0, fail), Task("drag", 0, drag), Task("work", 0, work)]
    running = Scheduler(houses[0], chores)
    running.start()
    await until(lambda: len(tries) > 2 and ran.count("worked") > 2)
    assert ran.count("dragged") == 1  # never twice at a time
    assert "“fail” failed" in caplog.text and "nothing there" in caplog.text
    await running.stop()


def rob(session: Session) -> None:
    """Somebody else has the clock from now on."""
    session.get_one(Lease, CLOCK).holder = "another"


async def test_who_loses_the_clock_lets_go_of_what_it_was_doing(houses):
    began: list[str] = []
    ended: list[str] = []

    async def drag(house: JobContext) -> None:
        began.append("dragged")
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("let go")

    running = Scheduler(houses[0], [Task("drag", 0, drag)])
    running.start()
    await until(lambda: began)

    houses[1].database.transact_now(rob)
    await until(lambda: ended)
    assert not running.is_held
    await running.stop()


async def test_who_loses_the_clock_ends_what_is_nearly_done(houses):
    """Such as to tick off a mail that was taken while this process was frozen."""
    began: list[str] = []
    ended: list[str] = []
    lost = asyncio.Event()

    async def work(house: JobContext) -> None:
        began.append("began")
        await lost.wait()
        await asyncio.sleep(0.2)
        ended.append("ended")

    running = Scheduler(houses[0], [Task("work", 60, work)])
    running.start()
    await until(lambda: began)

    houses[1].database.transact_now(rob)
    await until(lambda: not running.is_held)
    lost.set()
    await until(lambda: ended or not running._running)
    await running.stop()
    assert ended


@pytest.mark.parametrize(("takes", "is_finished"), [(0.2, True), (30, False)])
async def test_a_stop_leaves_a_moment_to_what_was_begun_and_gives_the_clock_back(
    houses, takes, is_finished
):
    began: list[str] = []
    finished: list[str] = []

    async def work(house: JobContext) -> None:
        began.append("began")
        await asyncio.sleep(takes)
        finished.append("finished")

    running = Scheduler(houses[0], [Task("work", 60, work)])
    running.start()
    await until(lambda: began)
    async with asyncio.timeout(10):
        await running.stop()
    assert bool(finished) == is_finished
    assert houses[1].database.read_now(lease.held_until, CLOCK, "next") == lease.FREE


async def test_a_clock_waits_out_a_database_that_is_not_as_it_should_be(houses, caplog):
    done: list[str] = []

    async def note(house: JobContext) -> None:
        done.append("done")

    def rename(old: str, new: str) -> None:
        with houses[0].database.writing.begin() as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("lease", "astray")
    running = Scheduler(houses[1], [Task("note", 0, note)])
    running.start()
    await until(lambda: "cannot reach the database" in caplog.text)
    assert done == []
    rename("astray", "lease")
    await until(lambda: done)
    await running.stop()


def test_an_app_that_a_test_serves_has_no_clock(open_client):
    assert open_client.app.ctx.clock is None


def test_no_two_chores_bear_one_name_and_none_is_looked_after_all_the_time():
    assert len({chore.name for chore in tasks.TASKS}) == len(tasks.TASKS)
    assert all(chore.every >= 1 for chore in tasks.TASKS)
    assert create_app(Config(), "blog-with-a-clock")


# --- what went live ---


def announced(database: Database) -> dict[str, object]:
    rows = select(Post.title, Post.announced_at).where(Post.announced_at.is_not(None))
    return dict(database.read_now(lambda session: session.execute(rows).all()))


def test_only_a_post_that_readers_see_since_lately_is_announced(database, world):
    told = {post.title for post in database.transact_now(announcement.announce)}
    assert told == set(announced(database))
    # Not what is scheduled, trashed, withdrawn or a page; not what is older than a week.
    assert told == {world.bob_live.title, world.ann_unlisted.title, world.bob_zh.title}
    assert not database.read_now(announcement.has_news)


async def test_four_at_once_announce_a_post_once(houses, world):
    told = await asyncio.gather(
        *(house.database.transact(announcement.announce) for house in houses)
    )
    ids = [post.id for posts in told for post in posts]
    assert len(ids) == len(set(ids)) == 3


def test_a_post_that_is_withdrawn_and_published_again_is_not_announced_twice(database, world):
    database.transact_now(announcement.announce)

    def again(session: Session) -> None:
        session.get_one(Post, world.bob_live.id).publish_at = now() - timedelta(hours=1)

    database.transact_now(again)
    assert database.transact_now(announcement.announce) == []


# --- what is old ---


def test_what_is_old_goes_in_pieces_and_what_is_not_stays(database):
    def fill(session: Session) -> None:
        old = now() - timedelta(days=40)
        session.add_all(Attempt(key="login:old", at=old) for _ in range(retention.PIECE + 3))
        session.add(Attempt(key="login:new"))
        session.add_all(
            [
                Delivery(kind="test", to="done@x.example", created_at=old, done_at=old),
                Delivery(kind="test", to="failed@x.example", created_at=old, failed_at=old),
                Delivery(kind="test", to="new@x.example", done_at=now()),
            ]
        )

    database.transact_now(fill)
    assert database.transact_now(retention.sweep, Attempt) is True
    assert database.transact_now(retention.sweep, Attempt) is False
    database.transact_now(retention.sweep, Delivery)
    left = database.read_now(lambda session: session.scalars(select(Attempt.key)).all())
    assert left == ["login:new"]
    owed = database.read_now(lambda session: session.scalars(select(Delivery.to)).all())
    assert owed == ["new@x.example"]


def plant(database: Database, post: int, days: int, number: int = 1) -> list[int]:
    """Comments that came from somewhere, so many days ago."""
    given = {"ip": "192.0.2.7", "created_at": now() - timedelta(days=days)}

    def work(session: Session) -> list[int]:
        return [remark(session, post, f"Said {days} days ago.", **given).id for _ in range(number)]

    return database.transact_now(work)


def test_after_ninety_days_nobody_knows_where_a_comment_came_from(database, world):
    ids = plant(database, world.ann_live.id, 91, retention.PIECE + 1)
    ids += plant(database, world.ann_live.id, 89)
    lines = database.read_now(lambda session: session.scalar(select(func.max(Change.id))))
    assert database.transact_now(retention.forget_addresses) is True
    assert database.transact_now(retention.forget_addresses) is False
    known = select(Comment.id).where(Comment.id.in_(ids), Comment.ip != "")
    assert database.read_now(lambda session: session.scalars(known).all()) == ids[-1:]
    assert lines == database.read_now(lambda session: session.scalar(select(func.max(Change.id))))


async def test_the_sweep_of_the_clock_reaches_every_table_that_grows(database, world, config_of):
    old = plant(database, world.ann_live.id, 91)

    def fill(session: Session) -> None:
        session.add(Attempt(key="login:old", at=now() - login_throttle.DAY * 2))

    database.transact_now(fill)
    await tasks.sweep(JobContext(config_of(database), database, SECRET))
    assert database.read_now(lambda session: session.scalars(select(Attempt)).all()) == []
    assert database.read_now(lambda session: session.get_one(Comment, old[0]).ip) == ""


# --- real processes ---


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice() as running:
        yield running


@pytest.fixture
def told(config: Config, office: PostOffice) -> dict[str, str]:
    return environment(config, BLOG_SMTP_URL=office.url(), BLOG_MAIL_FROM="blog@ink.example")


def owe(database: Database, *to: str) -> None:
    for one in to:
        database.transact_now(outbox.owe, "test", one, language="en")


def holder(database: Database) -> int:
    """The process that runs the scheduled tasks; 0 where none does."""
    facts = database.read_now(lease.facts, CLOCK)
    return int(facts["holder"].split("-")[0]) if facts["until"] > now() else 0


@pytest.mark.server
def test_four_workers_send_each_mail_once_across_restarts_and_a_killed_holder(config, office, told):
    migrate(config)
    with closing(Database(config)) as database:
        owe(database, "before@x.example")
        with Site(config, env=told) as site:
            wait_for(lambda: office.to("before@x.example"))
            assert holder(database) in site.workers().values()
            owe(database, *(f"gus{number}@x.example" for number in range(10)))
            wait_for(lambda: len(office.letters) == 11)
            os.kill(holder(database), signal.SIGKILL)
            owe(database, "after@x.example")
            wait_for(lambda: office.to("after@x.example"))
            assert site.stop() == 0
            assert holder(database) == 0  # given back: nobody has to wait for its end
        owe(database, "between@x.example")
        with Site(config, env=told):
            wait_for(lambda: office.to("between@x.example"), 15)
    assert len(office.letters) == len({letter.to for letter in office.letters}) == 13


@pytest.mark.server
def test_readers_and_the_stop_do_not_wait_for_a_mail_server_that_hangs(config, office, told):
    office.hangs = True
    migrate(config)
    with closing(Database(config)) as database:
        owe(database, "gus@x.example")
        with Site(config, env=told) as site:
            wait_for(lambda: office.tries)
            began = time.monotonic()
            for _ in range(20):
                assert site.get("/").status == 200
            assert time.monotonic() - began < 10  # not 20 seconds, which is what mail waits
            assert site.stop() == 0
            assert time.monotonic() - began < 20
        assert database.read_now(outbox.state).waiting == 1


@pytest.mark.server
def test_blog_tick_keeps_the_clock_by_itself_and_stops_when_told(config, office, told):
    migrate(config)
    with closing(Database(config)) as database:
        owe(database, "gus@x.example")
        command = [str(Path(sys.executable).parent / "blog"), "tick"]
        running = subprocess.Popen(command, env=told, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: office.letters)
            assert holder(database) == running.pid
            running.send_signal(signal.SIGTERM)
            said = running.communicate(timeout=30)[1]
        finally:
            running.kill()
        assert running.returncode == 0 and "Traceback" not in said
        assert re.search(r"runs the scheduled tasks", said)
        assert holder(database) == 0


@pytest.mark.server
def test_in_one_process_without_a_manager_the_clock_goes_too(config, office, told):
    migrate(config)
    with closing(Database(config)) as database:
        owe(database, "gus@x.example")
        with Site(config, "--single-process", env=told):
            wait_for(lambda: office.letters)
