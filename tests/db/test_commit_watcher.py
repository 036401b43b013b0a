"""The commit watcher: each commit is detected, or the state is reported as unknown."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy.orm import Session

from blog.backup import backup, restore
from blog.cache.invalidator import Invalidator
from blog.config import Config
from blog.db import Database
from blog.db.commit_watcher import PING, PostgresCommitWatcher, watch
from blog.db.migrate import migrate
from blog.models.settings.site import SITE_ID, Site
from tests.support import cast
from tests.support.live_server import wait_for
from tests.support.postgres import Postgres

ON_POSTGRESQL = [pytest.param("postgresql", marks=pytest.mark.postgresql)]
on_postgresql = pytest.mark.parametrize("migrated", ON_POSTGRESQL, indirect=True)
LISTENERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query IN (%s, 'LISTEN blog_change')
"""


@pytest.fixture
def connection(migrated: Config) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def watcher(migrated: Config, connection: psycopg.Connection) -> Iterator[PostgresCommitWatcher]:
    watcher = PostgresCommitWatcher(migrated)
    wait_for(lambda: watcher.count() is not None, 10)
    yield watcher
    watcher.close()


def listener_pid(connection: psycopg.Connection) -> int:
    """Return the process ID of the watcher's connection in the PostgreSQL server."""
    ((pid,),) = connection.execute(LISTENERS.encode(), (PING,)).fetchall()
    return int(pid)


@on_postgresql
def test_the_count_is_unknown_while_the_connection_is_down(
    watcher: PostgresCommitWatcher, connection: psycopg.Connection
) -> None:
    before = watcher.count()
    connection.execute("SELECT pg_terminate_backend(%s, 5000)", (listener_pid(connection),))
    time.sleep(0.05)
    assert watcher.count() is None
    wait_for(lambda: watcher.count() is not None, 10)
    assert watcher.count() != before  # there may have been commits without a notification


@on_postgresql
def test_a_commit_without_a_notification_is_detected_soon(
    watcher: PostgresCommitWatcher, connection: psycopg.Connection
) -> None:
    """Such as a restored backup, or behind a connection pooler that does not support LISTEN."""
    before = watcher.count()
    connection.execute("UPDATE lease SET holder = 'somebody'")
    wait_for(lambda: watcher.count() != before, 2)


@on_postgresql
def test_closing_does_not_wait_for_a_database_that_hangs(
    migrated: Config, connection: psycopg.Connection
) -> None:
    watcher = PostgresCommitWatcher(migrated)
    wait_for(lambda: watcher.count() is not None, 10)
    pid = listener_pid(connection)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: watcher.count() is None, 3)
        began = time.monotonic()
        watcher.close()
        assert time.monotonic() - began < 3
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.postgresql
def test_a_migration_is_detected(postgres: Postgres, config: Config) -> None:
    empty = replace(config, database_url=postgres.url(postgres.create()))
    watcher = PostgresCommitWatcher(empty)
    wait_for(lambda: watcher.count() is not None, 10)
    before = watcher.count()
    migrate(empty)
    wait_for(lambda: watcher.count() not in (None, before), 10)
    watcher.close()


# --- a backup that is restored while the blog runs ---


async def test_a_replaced_database_file_is_read_and_written_at_once(
    config: Config, sqlite_database: Database
) -> None:
    running = sqlite_database
    cast.fill(running)
    invalidator, invalidated = Invalidator(running, watch(config)), list[object]()
    invalidator.listeners.append(invalidated.append)
    await invalidator.catch_up()
    saved = config.data_dir.parent / "backup.tar.gz"
    backup.write(config, saved)
    await running.transact(set_tagline, "Of yesterday.")
    await invalidator.catch_up()
    assert invalidator.site.tagline == "Of yesterday."

    config.data_dir.rename(config.data_dir.with_name("before"))
    await invalidator.catch_up()  # as long as there is no file, the open one stays in use
    assert await running.read(tagline) == "Of yesterday."
    restore.restore_backup(config, saved)
    await invalidator.catch_up()
    assert invalidated[-1] is None  # every cached page is dropped
    assert invalidator.site.tagline == await running.read(tagline) != "Of yesterday."
    await running.transact(set_tagline, "Of today.")
    await invalidator.catch_up()
    assert invalidator.site.tagline == "Of today."
    other = Database(config)
    assert other.read_now(tagline) == "Of today."
    other.close()
    invalidator.close()


def tagline(session: Session) -> str:
    return session.get_one(Site, SITE_ID).tagline


def set_tagline(session: Session, text: str) -> None:
    session.get_one(Site, SITE_ID).tagline = text
