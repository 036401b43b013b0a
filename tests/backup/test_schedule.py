"""Backups that nobody has to think of: when one is due, how many stay, and what is told of them."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from blog.backup import backup, restore, schedule, storage
from blog.config import Config, UserError
from blog.db import Database
from blog.jobs.tasks import TASKS
from blog.models.base import now
from blog.models.settings.site import THE_ONE, Site
from tests.support import cast
from tests.support.live_server import environment

pytestmark = pytest.mark.slow


@pytest.fixture
def blog(config: Config, sqlite_database: Database, monkeypatch) -> Config:
    """Set up two days ago; this process is told of it as the server would be."""
    cast.fill(sqlite_database)
    sqlite_database.transact_now(set_up_at, now() - timedelta(days=2))
    for name, value in environment(config).items():
        monkeypatch.setenv(name, value)
    return config


def set_up_at(session: Session, moment: object) -> None:
    session.get_one(Site, THE_ONE).set_up_at = moment  # type: ignore[assignment]  # a time


def choose(session: Session, **choices: int) -> None:
    session.get_one(Site, THE_ONE).choices = choices


def look(config: Config) -> None:
    """One round of the clock."""
    database = Database(config)
    try:
        asyncio.run(schedule.look_after(config, database))
    finally:
        database.close()


def laid(config: Config, count: int) -> list[Path]:
    """So many good backups of earlier days."""
    made = backup.write(config, storage.new_path(config))
    paths = [
        storage.folder(config) / f"2026-01-{day:02}-030000.tar.gz" for day in range(1, count + 1)
    ]
    for path in paths:
        shutil.copy(made.path, path)
    made.path.unlink()
    return paths


def test_the_clock_looks_after_it():
    assert "back up" in {chore.name for chore in TASKS}


def test_one_that_is_due_is_made_once(blog):
    look(blog)
    look(blog)
    made = storage.every(blog)
    assert len(made) == 1
    restore.check(made[0])
    last = storage.last(blog)
    assert last.place == str(made[0]) and last.size == made[0].stat().st_size
    assert last.moment and now() - last.moment < timedelta(minutes=5) and not last.fault


def test_while_one_is_made_for_a_worker_that_was_killed_no_second_is_begun(blog):
    with storage.lock(blog):
        look(blog)
    assert storage.every(blog) == []


def test_a_blog_of_today_needs_none_yet(blog, sqlite_database):
    sqlite_database.transact_now(set_up_at, now() - timedelta(hours=2))
    look(blog)
    assert storage.every(blog) == []


def test_where_none_is_wanted_none_is_made(blog, sqlite_database):
    sqlite_database.transact_now(choose, backup_every=0)
    look(blog)
    assert storage.every(blog) == []


def test_as_many_stay_as_are_wanted_and_the_newest_always(blog, sqlite_database):
    old = laid(blog, 5)
    (storage.folder(blog) / storage.LAST).unlink()
    sqlite_database.transact_now(choose, backup_keep=2)
    look(blog)
    left = storage.every(blog)
    assert len(left) == 2 and left[0] == old[-1]
    assert storage.prune(blog, 0) == [left[0]]
    assert storage.every(blog) == [left[1]]


def test_what_is_no_whole_backup_is_not_counted_nor_deleted(blog):
    good = laid(blog, 3)
    others = ["2026-02-01-030000.tar.gz", "notes.txt", "my-own.tar.gz", "2026-02-02-030000.tar"]
    for name in others:
        (storage.folder(blog) / name).write_bytes(b"no backup")
    upgrade = Path(
        shutil.copy(good[0], storage.folder(blog) / "2026-01-01-040000-before-0002.tar.gz")
    )
    assert storage.every(blog) == good and storage.every(blog, upgrades=True) == [upgrade]
    storage.prune(blog, 1)
    left = {path.name for path in storage.folder(blog).iterdir()} - {storage.LAST}
    assert left == {*others, good[-1].name, upgrade.name}


def test_one_that_fails_is_told_noted_and_tried_again_after_an_hour(blog, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    with pytest.raises(UserError, match="No backup was made"):
        look(blog)
    assert "free" in storage.last(blog).fault
    look(blog)  # not again at once
    later = now() + timedelta(minutes=61)
    monkeypatch.setattr(storage, "now", lambda: later)
    with pytest.raises(UserError):
        look(blog)
    assert storage.every(blog) == []


def test_what_its_process_says_of_a_fault_is_told(blog):
    with blog.sqlite_file.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(os.urandom(4096 * 20))
    database = Database(blog)
    try:
        with pytest.raises(UserError):
            asyncio.run(schedule._run(blog, 3))
    finally:
        database.close()
    assert storage.last(blog).fault and not storage.last(blog).made_at


async def test_a_stop_in_the_middle_leaves_no_process_and_no_half_backup(blog):
    (blog.media_dir / "ab").mkdir(parents=True)
    for number in range(30):
        (blog.media_dir / "ab" / f"ab{number:030}.png").write_bytes(os.urandom(2_000_000))
    task = asyncio.create_task(schedule._run(blog, 3))
    while not list(storage.folder(blog).glob(".*.unfinished/draft")):
        await asyncio.sleep(0.02)
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert storage.every(blog) == []
    await schedule._run(blog, 3)
    assert len(storage.every(blog)) == 1 and not list(storage.folder(blog).glob(".*"))
