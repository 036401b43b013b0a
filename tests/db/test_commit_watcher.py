"""Whether anybody has committed: known at once, or known not to be known."""

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
from blog.models.settings.site import THE_ONE, Site
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
def line(migrated: Config) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated.database_url, autocommit=True) as line:
        yield line


@pytest.fixture
def commits(migrated: Config, line: psycopg.Connection) -> Iterator[PostgresCommitWatcher]:
    watching = PostgresCommitWatcher(migrated)
    wait_for(lambda: watching.count() is not None, 10)
    yield watching
    watching.close()


def listener(line: psycopg.Connection) -> int:
    ((pid,),) = line.execute(LISTENERS.encode(), (PING,)).fetchall()
    return int(pid)


@on_postgresql
def test_while_the_line_is_down_nobody_claims_to_know(
    commits: PostgresCommitWatcher, line: psycopg.Connection
) -> None:
    """What is committed between two lines is told to nobody."""
    known = commits.count()
    line.execute("SELECT pg_terminate_backend(%s, 5000)", (listener(line),))
    time.sleep(0.05)
    assert commits.count() is None
    wait_for(lambda: commits.count() is not None, 10)
    assert commits.count() != known  # whatever was committed meanwhile is asked for


@on_postgresql
def test_what_was_committed_without_a_word_is_seen_soon_after(
    commits: PostgresCommitWatcher, line: psycopg.Connection
) -> None:
    """Such as by a restore; or a pooler, which keeps no line for a listener, lost the word."""
    known = commits.count()
    line.execute("UPDATE lease SET holder = 'somebody'")
    wait_for(lambda: commits.count() != known, 2)


@on_postgresql
def test_a_database_that_hangs_holds_up_no_stop(migrated: Config, line: psycopg.Connection) -> None:
    watching = PostgresCommitWatcher(migrated)
    wait_for(lambda: watching.count() is not None, 10)
    pid = listener(line)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: watching.count() is None, 3)
        began = time.monotonic()
        watching.close()
        assert time.monotonic() - began < 3
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.postgresql
def test_a_migration_is_told(postgres: Postgres, config: Config) -> None:
    empty = replace(config, database_url=postgres.url(postgres.create()))
    watching = PostgresCommitWatcher(empty)
    wait_for(lambda: watching.count() is not None, 10)
    before = watching.count()
    migrate(empty)
    wait_for(lambda: watching.count() not in (None, before), 10)
    watching.close()


# --- a backup that is restored under a blog that runs ---


async def test_another_file_in_the_place_of_the_database_is_read_and_written_at_once(
    config: Config, sqlite_database: Database
) -> None:
    running = sqlite_database
    cast.fill(running)
    follower, told = Invalidator(running, watch(config)), list[object]()
    follower.listeners.append(told.append)
    await follower.catch_up()
    saved = config.data_dir.parent / "backup.tar.gz"
    backup.write(config, saved)
    await running.transact(say, "Of yesterday.")
    await follower.catch_up()
    assert follower.site.tagline == "Of yesterday."

    config.data_dir.rename(config.data_dir.with_name("before"))
    await follower.catch_up()  # while there is none, the old one is all that there is
    assert await running.read(said) == "Of yesterday."
    restore.read_back(config, saved)
    await follower.catch_up()
    assert told[-1] is None  # nothing is kept
    assert follower.site.tagline == await running.read(said) != "Of yesterday."
    await running.transact(say, "Of today.")
    await follower.catch_up()
    assert follower.site.tagline == "Of today."
    other = Database(config)
    assert other.read_now(said) == "Of today."
    other.close()
    follower.close()


def said(session: Session) -> str:
    return session.get_one(Site, THE_ONE).tagline


def say(session: Session, words: str) -> None:
    session.get_one(Site, THE_ONE).tagline = words
