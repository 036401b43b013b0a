"""Tests of backing up a blog while it is running, and of restoring it on another machine."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import select

from blog import media
from blog.backup import backup, restore, storage
from blog.config import Config, UserError
from blog.db import Database
from blog.models.posts import editing
from blog.models.posts.post import Post
from blog.models.uploads import upload
from blog.sandbox.images import prepare
from tests.support import backup_blog, cast
from tests.support.app_client import AppClient
from tests.support.live_server import environment, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Config], Config]]:
    """Return a function that gives the configuration of another machine.

    Its database is empty and of the same kind.
    """
    databases = []

    def machine(config: Config) -> Config:
        there = replace(config, data_dir=tmp_path / "elsewhere")
        if config.is_sqlite:
            return there
        databases.append(request.getfixturevalue("postgres").create())
        return replace(there, database_url=request.getfixturevalue("postgres").url(databases[-1]))

    yield machine
    for name in databases:
        request.getfixturevalue("postgres").drop(name)


def command(config: Config, *words: str, max_size: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `blog …` in a new process, with at most `max_size` bytes per file, if given."""
    limit = (
        (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (max_size, max_size)))
        if max_size
        else None
    )
    return subprocess.run(
        [sys.executable, "-m", "blog", *words],
        env=environment(config),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )


# --- there and back ------------------------------------------------------------------------------


def test_after_a_restore_every_public_page_is_identical(kept_blog, elsewhere, tmp_path):
    before = backup_blog.seen(kept_blog)
    assert len(before) > 50 and not [path for path in before if before[path][0] >= 500]
    assert any(path.startswith("/media/") for path in before)
    completed = command(kept_blog, "backup", str(tmp_path / "blog.tar.gz"))
    assert completed.returncode == 0, completed.stderr
    there = elsewhere(kept_blog)
    completed = command(there, "restore", str(tmp_path / "blog.tar.gz"))
    assert completed.returncode == 0, completed.stderr
    after = backup_blog.seen(there)
    assert after.keys() == before.keys()
    assert [path for path in before if after[path] != before[path]] == []


def test_sessions_are_still_valid_after_a_restore(small_blog, tmp_path):
    database = Database(small_blog)
    cookies = cast.sign_in(database, _people(database)["ann"])
    database.close()
    (small_blog.data_dir / "secret").write_text("ab" * 32)
    backup.write(small_blog, tmp_path / "b.tar.gz")
    there = replace(small_blog, data_dir=tmp_path / "there")
    restore.restore_backup(there, tmp_path / "b.tar.gz")
    with AppClient(there) as client:
        assert client.get("/control-panel", cookies=cookies).status == 200
    assert (there.data_dir / "secret").stat().st_mode & 0o777 == 0o600


def _people(database: Database) -> dict[str, object]:
    from blog.models.users.user import User

    return {
        u.name: u for u in database.read_now(lambda session: session.scalars(select(User)).all())
    }


def test_an_unpacked_backup_is_a_data_folder_with_valid_checksums(kept_blog, tmp_path):
    result = backup.write(kept_blog, tmp_path / "b.tar.gz")
    folder = tmp_path / "by hand"
    folder.mkdir()
    subprocess.run(["tar", "xzf", result.path, "-C", folder], check=True)
    check = ["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"]
    subprocess.run(check, cwd=folder, check=True)
    listed = {line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert listed == found - {"SHA256SUMS"}
    assert {"backup.json", "secret", "templates/error.html"} < listed
    assert not any(name.startswith(("static/", "backups/")) or ".lock" in name for name in listed)


def test_a_backup_is_private_and_contains_no_password_of_a_server(kept_blog, tmp_path):
    configured = replace(kept_blog, smtp_url="smtp://kim:swordfish@mail.example:587")
    result = backup.write(configured, tmp_path / "b.tar.gz")
    assert result.path.stat().st_mode & 0o777 == 0o600
    head, _ = restore.check(result.path)
    assert "mail.example" in head.settings["BLOG_SMTP_URL"]
    assert "swordfish" not in str(head)


# --- while the blog goes on ----------------------------------------------------------------------


def test_uploads_during_a_backup_do_not_break_it(small_blog, tmp_path):
    """Every picture in the copied database is in the backup."""
    stop = threading.Event()
    writer = threading.Thread(target=keep_uploading, args=(small_blog, stop))
    writer.start()
    try:
        results = [backup.write(small_blog, tmp_path / f"{number}.tar.gz") for number in range(4)]
    finally:
        stop.set()
        writer.join()
    assert results[-1].pictures > results[0].pictures
    for result in results:
        assert result.missing == ()
        there = replace(small_blog, data_dir=tmp_path / result.path.name.partition(".")[0])
        restore.restore_backup(there, result.path)
        database = Database(there)
        names = database.read_now(lambda s: s.scalars(select(upload.Upload.name)).all())
        database.close()
        assert len(names) == result.pictures
        assert all(media.path_of(there, name).is_file() for name in names)


def keep_uploading(config: Config, stop: threading.Event) -> None:
    import asyncio

    database = Database(config)
    for number in range(400):
        if stop.is_set():
            break
        out = BytesIO()
        Image.new("RGB", (8, 8), (number % 256, number // 256, 7)).save(out, "PNG")
        picture = prepare(out.getvalue(), "p.png", 40)
        asyncio.run(media.store(config, picture))  # type: ignore[arg-type]  # it has the attributes that are used
        facts = {k: v for k, v in picture.metadata.items() if k != "name"}
        database.transact_now(upload.record_upload, name=picture.name, original="p.png", **facts)
        time.sleep(0.005)
    database.close()


def test_a_missing_picture_is_named_and_the_rest_is_backed_up(small_blog, tmp_path):
    database = Database(small_blog)
    name = f"ab/ab{'0' * 30}.png"
    facts = {"original": "x", "width": 1, "height": 1, "size": 1, "type": "image/png"}
    database.transact_now(upload.record_upload, name=name, **facts)
    database.close()
    completed = command(small_blog, "backup", str(tmp_path / "b.tar.gz"))
    assert completed.returncode == 0 and name in completed.stdout
    restore.check(tmp_path / "b.tar.gz")


# --- complete or absent --------------------------------------------------------------------------


@pytest.mark.parametrize("max_size", [20_000, 60_000, 150_000, 280_000, 330_000])
def test_a_full_disk_leaves_no_file_and_keeps_the_previous_backup(small_blog, tmp_path, max_size):
    noise = Image.effect_noise((400, 400), 90)
    out = BytesIO()
    noise.save(out, "PNG")
    folder = small_blog.media_dir / "ab"
    folder.mkdir()
    (folder / f"ab{'1' * 30}.png").write_bytes(os.urandom(300_000))
    target = tmp_path / "backups" / "blog.tar.gz"
    target.parent.mkdir()
    target.write_bytes(b"the one before")
    completed = command(small_blog, "backup", str(target), max_size=max_size)
    assert completed.returncode == 1
    assert len(completed.stderr.strip().splitlines()) == 1, completed.stderr
    assert [path.name for path in target.parent.iterdir()] == ["blog.tar.gz"]
    assert target.read_bytes() == b"the one before"
    assert storage.last_backup(small_blog).fault and not storage.last_backup(small_blog).made_at


def test_a_small_disk_that_is_full_is_left_empty(small_blog, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        completed = command(small_blog, "backup", str(disk / "blog.tar.gz"))
        assert completed.returncode == 1 and len(completed.stderr.strip().splitlines()) == 1, (
            completed.stderr
        )
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_next_backup_removes_the_files_of_a_killed_one(small_blog):
    (small_blog.media_dir / "ab").mkdir()
    for number in range(20):
        (small_blog.media_dir / "ab" / f"ab{number:030}.png").write_bytes(os.urandom(3_000_000))
    child = subprocess.Popen([sys.executable, "-m", "blog", "backup"], env=environment(small_blog))
    folder = storage.folder(small_blog)
    wait_for(lambda: list(folder.glob(".*.unfinished/draft")))
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert storage.list_backups(small_blog) == [] and list(folder.glob(".*.unfinished"))
    assert command(small_blog, "backup").returncode == 0
    assert len(storage.list_backups(small_blog)) == 1
    assert list(folder.glob(".*")) == []


def test_a_backup_succeeds_if_its_result_cannot_be_recorded(small_blog, tmp_path):
    storage.folder(small_blog).touch()
    assert backup.write(small_blog, tmp_path / "b.tar.gz").posts == 12
    restore.check(tmp_path / "b.tar.gz")


def test_concurrent_backups_wait_for_each_other(small_blog, tmp_path):
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "blog", "backup", str(tmp_path / "same.tar.gz")],
            env=environment(small_blog),
        )
        for _ in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    restore.check(tmp_path / "same.tar.gz")


# --- what cannot be backed up --------------------------------------------------------------------


def test_a_backup_without_a_blog_is_refused(config, tmp_path):
    completed = command(config, "backup", str(tmp_path / "b.tar.gz"))
    assert completed.returncode == 1 and "There is no blog" in completed.stderr
    assert not (tmp_path / "b.tar.gz").exists() and not config.data_dir.exists()


def test_a_damaged_database_is_not_backed_up(small_blog, tmp_path):
    with contextlib.closing(sqlite.connect(small_blog.sqlite_file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with small_blog.sqlite_file.open("r+b") as file:
        for page in range(5, 40):
            file.seek(page * size)
            file.write(b"\xff" * size)
    with pytest.raises(UserError):
        backup.write(small_blog, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.postgresql
def test_a_missing_pg_dump_is_named_with_the_command_to_install_it(
    small_blog, request, tmp_path, monkeypatch
):
    cluster = request.getfixturevalue("postgres")
    name = cluster.create(template=request.getfixturevalue("empty_postgres"))
    monkeypatch.setenv("PATH", str(tmp_path))
    configured = replace(small_blog, database_url=cluster.url(name))
    with pytest.raises(UserError, match="pg_dump.*apt-get install postgresql-client"):
        backup.write(configured, tmp_path / "b.tar.gz")
    assert list(tmp_path.glob("*.gz")) == []
    cluster.drop(name)


def test_a_post_written_after_the_backup_is_not_in_it(small_blog, tmp_path):
    result = backup.write(small_blog, tmp_path / "b.tar.gz")
    database = Database(small_blog)
    kim = _people(database)["kim"]
    database.transact_now(editing.start, "post", "en", by=kim)
    database.close()
    there = replace(small_blog, data_dir=tmp_path / "there")
    restore.restore_backup(there, result.path)
    opened = Database(there)
    assert len(opened.read_now(lambda s: s.scalars(select(Post.id)).all())) == result.posts
    opened.close()
    assert shutil.disk_usage(tmp_path).free
