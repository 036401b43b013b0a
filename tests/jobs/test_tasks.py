"""The scheduler and its tasks: one process at a time runs them, and another takes over."""

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
from blog.models.jobs.lease import SCHEDULER, Lease
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
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "LOOK", 0.02)
    monkeypatch.setattr(scheduler, "STAND_BY", 0.02)
    monkeypatch.setattr(scheduler, "AFTER_FAULT", 0.02)
    monkeypatch.setattr(scheduler, "GRACE", 1.0)


@pytest.fixture
def contexts(migrated: Config, short_intervals: None) -> Iterator[list[JobContext]]:
    """Four processes of one blog."""
    databases = [Database(migrated) for _ in range(4)]
    yield [JobContext(migrated, database, SECRET) for database in databases]
    for database in databases:
        database.close()


async def until(condition, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- there is no event to wait for
            await asyncio.sleep(0.01)


# --- the lease ---


def test_one_of_two_processes_has_the_lease_until_it_releases_it(database):
    assert database.read_now(lease.held_until, SCHEDULER, "ann") == lease.FREE
    assert database.transact_now(lease.take, SCHEDULER, "ann")
    assert database.transact_now(lease.take, SCHEDULER, "bob") is None
    assert database.read_now(lease.held_until, SCHEDULER, "bob") is None
    assert database.read_now(lease.held_until, SCHEDULER, "ann") > now()
    database.transact_now(lease.release, SCHEDULER, "bob")  # bob does not hold it
    assert database.read_now(lease.held_until, SCHEDULER, "bob") is None
    database.transact_now(lease.release, SCHEDULER, "ann")
    assert database.transact_now(lease.take, SCHEDULER, "bob")


def test_one_of_many_concurrent_requests_gets_the_lease(migrated):
    """Each of them may have read the lease before the first one writes."""
    databases = [Database(migrated) for _ in range(4)]
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            futures = [
                pool.submit(database.transact_now, lease.take, SCHEDULER, str(number))
                for number, database in enumerate(databases)
            ]
        (winner,) = [number for number, future in enumerate(futures) if future.result()]
        databases[winner].transact_now(lease.release, SCHEDULER, str(winner))
    for database in databases:
        database.close()


@pytest.mark.parametrize("offset", [-timedelta(seconds=1), timedelta(days=1)])
def test_a_lease_that_has_ended_or_ends_too_far_in_the_future_can_be_taken(database, offset):
    database.transact_now(lease.take, SCHEDULER, "ann")

    def shift(session: Session) -> None:
        session.get_one(Lease, SCHEDULER).until = now() + offset

    database.transact_now(shift)
    assert database.read_now(lease.held_until, SCHEDULER, "bob") == lease.FREE
    assert database.transact_now(lease.take, SCHEDULER, "bob")


def test_the_lease_leaves_no_entry_in_the_audit_log(database):
    database.transact_now(lease.take, SCHEDULER, "ann")
    database.transact_now(lease.release, SCHEDULER, "ann")
    assert database.read_now(lambda session: session.scalars(select(Change)).all()) == []


# --- the scheduler ---


async def test_one_of_four_schedulers_runs_the_tasks_and_another_takes_over_when_it_stops(contexts):
    done: list[int] = []

    def tasks_of(number: int) -> list[Task]:
        async def note(context: JobContext) -> None:
            done.append(number)

        return [Task("note", 0, note)]

    schedulers = [Scheduler(context, tasks_of(i)) for i, context in enumerate(contexts)]
    for each in schedulers:
        each.start()
    await until(lambda: len(done) > 5)
    assert len(set(done)) == 1
    first = done[0]
    assert [each.is_held for each in schedulers].count(True) == 1
    await schedulers[first].stop()
    await until(lambda: done[-1] != first)
    assert len(set(done)) == 2
    for each in schedulers:
        await each.stop()


async def test_another_scheduler_takes_over_when_the_lease_of_a_killed_one_ends(contexts):
    done: list[str] = []

    async def note(context: JobContext) -> None:
        done.append("done")

    contexts[0].database.transact_now(lease.take, SCHEDULER, "killed")
    successor = Scheduler(contexts[1], [Task("note", 0, note)])
    successor.start()
    await asyncio.sleep(0.3)
    assert done == [] and not successor.is_held

    def pass_time(session: Session) -> None:
        session.get_one(Lease, SCHEDULER).until = now()

    contexts[0].database.transact_now(pass_time)
    await until(lambda: done)
    await successor.stop()


async def test_a_task_that_fails_is_logged_and_retried_without_delaying_others(contexts, caplog):
    tries: list[str] = []
    ran: list[str] = []

    async def fail(context: JobContext) -> None:
        tries.append("tried")
        raise LookupError("nothing there")

    async def drag(context: JobContext) -> None:
        ran.append("dragged")
        await asyncio.sleep(30)

    async def work(context: JobContext) -> None:
        ran.append("worked")

    all_tasks = [Task("fail", 0, fail), Task("drag", 0, drag), Task("work", 0, work)]
    running = Scheduler(contexts[0], all_tasks)
    running.start()
    await until(lambda: len(tries) > 2 and ran.count("worked") > 2)
    assert ran.count("dragged") == 1  # two runs never overlap
    assert "“fail” failed" in caplog.text and "nothing there" in caplog.text
    await running.stop()


def give_lease_to_another(session: Session) -> None:
    """From now on another process holds the lease."""
    session.get_one(Lease, SCHEDULER).holder = "another"


async def test_a_scheduler_that_loses_the_lease_cancels_its_tasks(contexts):
    began: list[str] = []
    ended: list[str] = []

    async def drag(context: JobContext) -> None:
        began.append("dragged")
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")

    running = Scheduler(contexts[0], [Task("drag", 0, drag)])
    running.start()
    await until(lambda: began)

    contexts[1].database.transact_now(give_lease_to_another)
    await until(lambda: ended)
    assert not running.is_held
    await running.stop()


async def test_a_scheduler_that_loses_the_lease_lets_a_nearly_finished_task_end(contexts):
    """Such as recording that an email was accepted while this process was frozen."""
    began: list[str] = []
    ended: list[str] = []
    lost = asyncio.Event()

    async def work(context: JobContext) -> None:
        began.append("began")
        await lost.wait()
        await asyncio.sleep(0.2)
        ended.append("ended")

    running = Scheduler(contexts[0], [Task("work", 60, work)])
    running.start()
    await until(lambda: began)

    contexts[1].database.transact_now(give_lease_to_another)
    await until(lambda: not running.is_held)
    lost.set()
    await until(lambda: ended or not running._running)
    await running.stop()
    assert ended


@pytest.mark.parametrize(("seconds", "is_finished"), [(0.2, True), (30, False)])
async def test_a_stop_gives_running_tasks_a_moment_and_releases_the_lease(
    contexts, seconds, is_finished
):
    began: list[str] = []
    finished: list[str] = []

    async def work(context: JobContext) -> None:
        began.append("began")
        await asyncio.sleep(seconds)
        finished.append("finished")

    running = Scheduler(contexts[0], [Task("work", 60, work)])
    running.start()
    await until(lambda: began)
    async with asyncio.timeout(10):
        await running.stop()
    assert bool(finished) == is_finished
    assert contexts[1].database.read_now(lease.held_until, SCHEDULER, "next") == lease.FREE


async def test_a_scheduler_waits_until_a_broken_database_works_again(contexts, caplog):
    done: list[str] = []

    async def note(context: JobContext) -> None:
        done.append("done")

    def rename(old: str, new: str) -> None:
        with contexts[0].database.writing.begin() as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("lease", "renamed")
    running = Scheduler(contexts[1], [Task("note", 0, note)])
    running.start()
    await until(lambda: "cannot reach the database" in caplog.text)
    assert done == []
    rename("renamed", "lease")
    await until(lambda: done)
    await running.stop()


def test_an_app_in_test_mode_has_no_scheduler(open_client):
    assert open_client.app.ctx.scheduler is None


def test_every_task_has_its_own_name_and_an_interval_of_at_least_one_second():
    assert len({task.name for task in tasks.TASKS}) == len(tasks.TASKS)
    assert all(task.every >= 1 for task in tasks.TASKS)
    assert create_app(Config(), "blog-with-a-scheduler")


# --- posts that have gone live ---


def announced(database: Database) -> dict[str, object]:
    rows = select(Post.title, Post.announced_at).where(Post.announced_at.is_not(None))
    return dict(database.read_now(lambda session: session.execute(rows).all()))


def test_only_a_post_that_went_live_recently_is_announced(database, world):
    titles = {post.title for post in database.transact_now(announcement.announce)}
    assert titles == set(announced(database))
    # Not scheduled, trashed or unpublished posts, pages, or posts older than a week.
    assert titles == {world.bob_live.title, world.ann_unlisted.title, world.bob_zh.title}
    assert not database.read_now(announcement.has_unannounced)


async def test_four_processes_at_once_announce_a_post_once(contexts, world):
    announced_lists = await asyncio.gather(
        *(context.database.transact(announcement.announce) for context in contexts)
    )
    ids = [post.id for posts in announced_lists for post in posts]
    assert len(ids) == len(set(ids)) == 3


def test_a_post_that_is_unpublished_and_published_again_is_not_announced_twice(database, world):
    database.transact_now(announcement.announce)

    def publish_again(session: Session) -> None:
        session.get_one(Post, world.bob_live.id).publish_at = now() - timedelta(hours=1)

    database.transact_now(publish_again)
    assert database.transact_now(announcement.announce) == []


# --- retention ---


def test_old_rows_are_deleted_in_batches_and_others_stay(database):
    def fill(session: Session) -> None:
        old = now() - timedelta(days=40)
        session.add_all(Attempt(key="login:old", at=old) for _ in range(retention.BATCH_SIZE + 3))
        session.add(Attempt(key="login:new"))
        session.add_all(
            [
                Delivery(kind="test", to="done@x.example", created_at=old, done_at=old),
                Delivery(kind="test", to="failed@x.example", created_at=old, failed_at=old),
                Delivery(kind="test", to="new@x.example", done_at=now()),
            ]
        )

    database.transact_now(fill)
    assert database.transact_now(retention.delete_expired, Attempt) is True
    assert database.transact_now(retention.delete_expired, Attempt) is False
    database.transact_now(retention.delete_expired, Delivery)
    left = database.read_now(lambda session: session.scalars(select(Attempt.key)).all())
    assert left == ["login:new"]
    left = database.read_now(lambda session: session.scalars(select(Delivery.to)).all())
    assert left == ["new@x.example"]


def plant(database: Database, post: int, days: int, number: int = 1) -> list[int]:
    """Add comments with an IP address, so many days old; returns their IDs."""
    values = {"ip": "192.0.2.7", "created_at": now() - timedelta(days=days)}

    def work(session: Session) -> list[int]:
        return [remark(session, post, f"Said {days} days ago.", **values).id for _ in range(number)]

    return database.transact_now(work)


def test_the_ip_address_of_a_comment_is_deleted_after_ninety_days(database, world):
    ids = plant(database, world.ann_live.id, 91, retention.BATCH_SIZE + 1)
    ids += plant(database, world.ann_live.id, 89)
    last_entry = database.read_now(lambda session: session.scalar(select(func.max(Change.id))))
    assert database.transact_now(retention.forget_addresses) is True
    assert database.transact_now(retention.forget_addresses) is False
    known = select(Comment.id).where(Comment.id.in_(ids), Comment.ip != "")
    assert database.read_now(lambda session: session.scalars(known).all()) == ids[-1:]
    assert last_entry == database.read_now(
        lambda session: session.scalar(select(func.max(Change.id)))
    )


async def test_the_sweep_task_cleans_every_table(database, world, config_of):
    old = plant(database, world.ann_live.id, 91)

    def fill(session: Session) -> None:
        session.add(Attempt(key="login:old", at=now() - login_throttle.DAY * 2))

    database.transact_now(fill)
    await tasks.sweep(JobContext(config_of(database), database, SECRET))
    assert database.read_now(lambda session: session.scalars(select(Attempt)).all()) == []
    assert database.read_now(lambda session: session.get_one(Comment, old[0]).ip) == ""


# --- real processes ---


@pytest.fixture
def mail_server() -> Iterator[PostOffice]:
    with PostOffice() as running:
        yield running


@pytest.fixture
def env(config: Config, mail_server: PostOffice) -> dict[str, str]:
    return environment(config, BLOG_SMTP_URL=mail_server.url(), BLOG_MAIL_FROM="blog@ink.example")


def queue_mail(database: Database, *addresses: str) -> None:
    for address in addresses:
        database.transact_now(outbox.enqueue, "test", address, language="en")


def holder(database: Database) -> int:
    """Return the ID of the process that runs the scheduled tasks; 0 if none does."""
    facts = database.read_now(lease.facts, SCHEDULER)
    return int(facts["holder"].split("-")[0]) if facts["until"] > now() else 0


@pytest.mark.server
def test_four_workers_send_each_email_once_despite_restarts_and_a_killed_holder(
    config, mail_server, env
):
    migrate(config)
    with closing(Database(config)) as database:
        queue_mail(database, "before@x.example")
        with Site(config, env=env) as site:
            wait_for(lambda: mail_server.to("before@x.example"))
            assert holder(database) in site.workers().values()
            queue_mail(database, *(f"gus{number}@x.example" for number in range(10)))
            wait_for(lambda: len(mail_server.letters) == 11)
            os.kill(holder(database), signal.SIGKILL)
            queue_mail(database, "after@x.example")
            wait_for(lambda: mail_server.to("after@x.example"))
            assert site.stop() == 0
            assert holder(database) == 0  # given back: nobody has to wait for its end
        queue_mail(database, "between@x.example")
        with Site(config, env=env):
            wait_for(lambda: mail_server.to("between@x.example"), 15)
    assert len(mail_server.letters) == len({sent.to for sent in mail_server.letters}) == 13


@pytest.mark.server
def test_requests_and_a_stop_do_not_wait_for_a_mail_server_that_hangs(config, mail_server, env):
    mail_server.hangs = True
    migrate(config)
    with closing(Database(config)) as database:
        queue_mail(database, "gus@x.example")
        with Site(config, env=env) as site:
            wait_for(lambda: mail_server.tries)
            began = time.monotonic()
            for _ in range(20):
                assert site.get("/").status == 200
            assert time.monotonic() - began < 10  # less than the 20 seconds of the SMTP timeout
            assert site.stop() == 0
            assert time.monotonic() - began < 20
        assert database.read_now(outbox.state).waiting == 1


@pytest.mark.server
def test_blog_tick_runs_the_tasks_and_stops_on_a_signal(config, mail_server, env):
    migrate(config)
    with closing(Database(config)) as database:
        queue_mail(database, "gus@x.example")
        command = [str(Path(sys.executable).parent / "blog"), "tick"]
        running = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: mail_server.letters)
            assert holder(database) == running.pid
            running.send_signal(signal.SIGTERM)
            printed = running.communicate(timeout=30)[1]
        finally:
            running.kill()
        assert running.returncode == 0 and "Traceback" not in printed
        assert re.search(r"runs the scheduled tasks", printed)
        assert holder(database) == 0


@pytest.mark.server
def test_a_single_process_runs_the_tasks_too(config, mail_server, env):
    migrate(config)
    with closing(Database(config)) as database:
        queue_mail(database, "gus@x.example")
        with Site(config, "--single-process", env=env):
            wait_for(lambda: mail_server.letters)
