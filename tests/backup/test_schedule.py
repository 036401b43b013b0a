"""Tests of automatic backups: when one is due, how many are kept, and how failures are recorded."""

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
from blog.models.settings.site import SITE_ID, Site
from tests.support import cast
from tests.support.live_server import environment

pytestmark = pytest.mark.slow


@pytest.fixture
def blog(config: Config, sqlite_database: Database, monkeypatch) -> Config:
    """Set up a blog two days ago, with the environment variables of its server."""
    cast.fill(sqlite_database)
    sqlite_database.transact_now(set_up_at, now() - timedelta(days=2))
    for name, value in environment(config).items():
        monkeypatch.setenv(name, value)
    return config


def set_up_at(session: Session, moment: object) -> None:
    session.get_one(Site, SITE_ID).set_up_at = moment  # type: ignore[assignment]  # a datetime


def change_settings(session: Session, **settings: int) -> None:
    session.get_one(Site, SITE_ID).choices = settings


def run_task(config: Config) -> None:
    """Run the scheduled task once."""
    database = Database(config)
    try:
        asyncio.run(schedule.back_up_if_due(config, database))
    finally:
        database.close()


def make_backups(config: Config, count: int) -> list[Path]:
    """Create `count` valid backups of earlier days."""
    result = backup.write(config, storage.new_path(config))
    paths = [
        storage.folder(config) / f"2026-01-{day:02}-030000.tar.gz" for day in range(1, count + 1)
    ]
    for path in paths:
        shutil.copy(result.path, path)
    result.path.unlink()
    return paths


def test_backing_up_is_a_scheduled_task():
    assert "back up" in {task.name for task in TASKS}


def test_a_backup_that_is_due_is_made_once(blog):
    run_task(blog)
    run_task(blog)
    backups = storage.list_backups(blog)
    assert len(backups) == 1
    restore.check(backups[0])
    last = storage.last_backup(blog)
    assert last.place == str(backups[0]) and last.size == backups[0].stat().st_size
    assert last.moment and now() - last.moment < timedelta(minutes=5) and not last.fault


def test_no_backup_is_started_while_another_is_being_made(blog):
    with storage.lock(blog):
        run_task(blog)
    assert storage.list_backups(blog) == []


def test_a_new_blog_is_not_backed_up_yet(blog, sqlite_database):
    sqlite_database.transact_now(set_up_at, now() - timedelta(hours=2))
    run_task(blog)
    assert storage.list_backups(blog) == []


def test_automatic_backups_can_be_turned_off(blog, sqlite_database):
    sqlite_database.transact_now(change_settings, backup_every=0)
    run_task(blog)
    assert storage.list_backups(blog) == []


def test_old_backups_are_deleted_but_never_the_newest(blog, sqlite_database):
    old = make_backups(blog, 5)
    (storage.folder(blog) / storage.RESULT_FILE).unlink()
    sqlite_database.transact_now(change_settings, backup_keep=2)
    run_task(blog)
    remaining = storage.list_backups(blog)
    assert len(remaining) == 2 and remaining[0] == old[-1]
    assert storage.prune(blog, 0) == [remaining[0]]
    assert storage.list_backups(blog) == [remaining[1]]


def test_other_files_are_neither_counted_nor_deleted(blog):
    good = make_backups(blog, 3)
    others = ["2026-02-01-030000.tar.gz", "notes.txt", "my-own.tar.gz", "2026-02-02-030000.tar"]
    for name in others:
        (storage.folder(blog) / name).write_bytes(b"no backup")
    upgrade = Path(
        shutil.copy(good[0], storage.folder(blog) / "2026-01-01-040000-before-0002.tar.gz")
    )
    assert storage.list_backups(blog) == good and storage.list_backups(blog, upgrades=True) == [
        upgrade
    ]
    storage.prune(blog, 1)
    remaining = {path.name for path in storage.folder(blog).iterdir()} - {storage.RESULT_FILE}
    assert remaining == {*others, good[-1].name, upgrade.name}


def test_a_failed_backup_is_recorded_and_retried_after_an_hour(blog, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    with pytest.raises(UserError, match="No backup was made"):
        run_task(blog)
    assert "free" in storage.last_backup(blog).fault
    run_task(blog)  # no second attempt within the hour
    later = now() + timedelta(minutes=61)
    monkeypatch.setattr(storage, "now", lambda: later)
    with pytest.raises(UserError):
        run_task(blog)
    assert storage.list_backups(blog) == []


def test_the_error_of_the_backup_process_is_recorded(blog):
    with blog.sqlite_file.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(os.urandom(4096 * 20))
    database = Database(blog)
    try:
        with pytest.raises(UserError):
            asyncio.run(schedule._run(blog, 3))
    finally:
        database.close()
    assert storage.last_backup(blog).fault and not storage.last_backup(blog).made_at


async def test_a_cancelled_backup_leaves_no_process_and_no_incomplete_file(blog):
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
    assert storage.list_backups(blog) == []
    await schedule._run(blog, 3)
    assert len(storage.list_backups(blog)) == 1 and not list(storage.folder(blog).glob(".*"))
