"""Tests that damaged, foreign and malicious files are assert_refused before anything is changed."""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import tarfile
import tracemalloc
import zlib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from blog.backup import backup, restore
from blog.backup.archive import Damaged
from blog.config import Config, UserError
from blog.db import UnusableDatabase
from tests.support import backup_blog


@pytest.fixture(scope="module")
def valid_backup(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Path:
    """Create a valid backup, once for all tests."""
    folder = tmp_path_factory.mktemp("backup")
    config = Config(data_dir=folder / "data")
    config.data_dir.mkdir()
    shutil.copy(empty_sqlite, config.data_dir)
    backup_blog.furnish(config)
    return backup.write(config, folder / "blog.tar.gz").path


@pytest.fixture
def there(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path / "there")


def assert_refused(there: Config, file: Path, *kinds: type[Exception]) -> str:
    """Assert that a restore fails with one sentence and writes nothing. Returns the sentence."""
    with pytest.raises(kinds or (Damaged,)) as caught:
        restore.restore_backup(there, file)
    assert not there.data_dir.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_valid_backup_is_restored(there, valid_backup):
    assert restore.restore_backup(there, valid_backup).title == "The Ink House"
    assert there.sqlite_file.is_file()


@pytest.mark.parametrize("part", [0, 1, 10, 1000, 0.25, 0.5, 0.9, -1, -8, -9])
def test_a_truncated_backup_is_refused(there, valid_backup, tmp_path, part):
    raw = valid_backup.read_bytes()
    end = int(len(raw) * part) if isinstance(part, float) else part
    (tmp_path / "cut").write_bytes(raw[:end])
    assert_refused(there, tmp_path / "cut")


def test_a_backup_with_one_changed_bit_is_refused(there, valid_backup, tmp_path):
    """Bits that do not change the unpacked data may pass: gzip has several encodings of zeros."""
    raw, generator = valid_backup.read_bytes(), random.Random(7)  # noqa: S311 -- reproducible
    positions = {*range(14), len(raw) - 1, len(raw) - 8, *generator.sample(range(10, len(raw)), 60)}
    refusals = 0
    for position in positions:
        changed = bytearray(raw)
        changed[position] ^= 1 << generator.randrange(8)
        (tmp_path / "changed").write_bytes(changed)
        if not have_same_content(bytes(changed), raw):
            assert_refused(there, tmp_path / "changed")
            refusals += 1
    assert refusals > 40


def have_same_content(first: bytes, second: bytes) -> bool:
    try:
        return gzip.decompress(first) == gzip.decompress(second)
    except (OSError, EOFError, zlib.error):
        return False


def tar_of(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a text",
        os.urandom(5000),
        gzip.compress(b"a text"),
        tar_of(("index.html", b"<p>")),
        tar_of(("backup.json", b"{}")),
        tar_of(("backup.json", b"[1]")),
        tar_of(("backup.json", b'{"format": 1, "colour": "red"}')),
        tar_of(("backup.json", b'{"format": "one"}')),
        tar_of(("backup.json", b"\xff")),
    ],
    ids=range(10),
)
def test_a_foreign_file_is_refused(there, tmp_path, raw):
    (tmp_path / "foreign").write_bytes(raw)
    assert_refused(there, tmp_path / "foreign")


def test_a_missing_file_is_refused_with_one_sentence(there, tmp_path):
    assert "No such file" in assert_refused(there, tmp_path / "none", UserError)


def modified_backup(
    valid_backup: Path, target: Path, change: Callable[[dict[str, bytes]], None]
) -> Path:
    """Write a backup with changed files and matching checksums, as an attacker could."""
    with tarfile.open(valid_backup) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]  # all are files
    del files["SHA256SUMS"]
    change(files)
    lines = [f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in files.items()]
    target.write_bytes(tar_of(*files.items(), ("SHA256SUMS", "".join(lines).encode())))
    return target


def test_a_rebuilt_backup_without_changes_is_restored(there, valid_backup, tmp_path):
    restore.restore_backup(
        there, modified_backup(valid_backup, tmp_path / "same", lambda files: None)
    )


@pytest.mark.parametrize(
    "name",
    [
        *("../outside", "/etc/outside", "a/../../outside", "./a", "a//b", "a/.", "C:\\a", "C:/a"),
        *("media/x.png", "media/../secret2", "media/ab/index.html", "static/a.js", "backups/a"),
        *("blog.sqlite3-wal", "backup.lock", ".ssh/authorized_keys", "a\nb", "a/" * 600 + "b"),
        "database.dump.lock",
    ],
)
def test_an_unsafe_or_unexpected_name_is_refused(there, valid_backup, tmp_path, name):
    evil = modified_backup(
        valid_backup, tmp_path / "evil", lambda files: files.update({name: b"x"})
    )
    assert_refused(there, evil)
    assert {path.name for path in tmp_path.iterdir()} == {"evil"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(there, valid_backup, tmp_path, kind):
    with tarfile.open(valid_backup) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    link = tarfile.TarInfo("templates")
    link.type, link.linkname = kind, "/etc"
    (tmp_path / "evil").write_bytes(tar_of(entries[0], link, *entries[1:]))
    assert_refused(there, tmp_path / "evil")


def test_a_duplicate_name_is_refused(there, valid_backup, tmp_path):
    with tarfile.open(valid_backup) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    (tmp_path / "evil").write_bytes(tar_of(*entries[:-1], entries[1], entries[-1]))
    assert_refused(there, tmp_path / "evil")


@pytest.mark.parametrize("where", [1, 2, -1])
def test_a_backup_with_a_removed_file_is_refused(there, valid_backup, tmp_path, where):
    with tarfile.open(valid_backup) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    del entries[where]
    (tmp_path / "less").write_bytes(tar_of(*entries))
    assert_refused(there, tmp_path / "less")


def with_metadata(**values: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["backup.json"] = json.dumps({**json.loads(files["backup.json"]), **values}).encode()

    return change


@pytest.mark.parametrize(
    "values",
    [
        *({"counts": "many"}, {"counts": None}, {"counts": {"post": "x"}}, {"settings": []}),
        *({"settings": {"BLOG_PORT": 1}}, {"made_at": 5}, {"database": []}, {"revision": None}),
    ],
    ids=str,
)
def test_invalid_metadata_is_refused(there, valid_backup, tmp_path, values):
    assert_refused(there, modified_backup(valid_backup, tmp_path / "odd", with_metadata(**values)))


def test_deeply_nested_metadata_is_refused(there, tmp_path):
    (tmp_path / "deep").write_bytes(tar_of(("backup.json", b"[" * 900_000)))
    assert_refused(there, tmp_path / "deep")


def test_control_characters_are_not_printed(there, valid_backup, tmp_path, capsys):
    escaped = with_metadata(made_at="\x1b[2J", settings={"BLOG_\x1b[2J": "\x1b]0;x\x07"})
    assert (
        restore.run(
            there, Namespace(file=modified_backup(valid_backup, tmp_path / "escaped", escaped))
        )
        == 0
    )
    output = capsys.readouterr().out
    assert "?[2J" in output and output.replace("\n", "").isprintable()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_huge_header_is_not_read_into_memory(there, valid_backup, tmp_path, kind, is_first):
    huge = tarfile.TarInfo("huge")
    huge.type, huge.size = kind, 64_000_000
    with tarfile.open(valid_backup) as tar:
        head = tar.extractfile("backup.json").read()  # type: ignore[union-attr]  # it is a file
    size = 512 + len(head) + -len(head) % 512  # the end of the first entry
    before = gzip.decompress(tar_of(("backup.json", head)))[:size]
    raw = (b"" if is_first else before) + huge.tobuf(tarfile.GNU_FORMAT) + bytes(huge.size)
    (tmp_path / "huge").write_bytes(gzip.compress(raw, 1))
    tracemalloc.start()
    try:
        assert_refused(there, tmp_path / "huge")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_backup_of_a_newer_release_is_refused_with_this_reason(there, valid_backup, tmp_path):
    later = modified_backup(valid_backup, tmp_path / "later", with_metadata(format=2, more="?"))
    assert "newer release" in assert_refused(there, later)
    later = modified_backup(valid_backup, tmp_path / "later", with_metadata(revision="9999"))
    assert "newer release" in assert_refused(there, later, UnusableDatabase)


def test_a_backup_of_a_damaged_database_is_refused(there, valid_backup, tmp_path):
    def damage(files: dict[str, bytes]) -> None:
        raw = files["blog.sqlite3"]
        files["blog.sqlite3"] = raw[:30_000] + b"\xff" * 30_000 + raw[60_000:]

    assert_refused(there, modified_backup(valid_backup, tmp_path / "evil", damage), UserError)


def test_a_backup_larger_than_the_free_space_is_refused(there, valid_backup, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    assert "MB" in assert_refused(there, valid_backup, UserError)


# --- where it goes -------------------------------------------------------------------------------


def test_a_restore_never_overwrites_a_blog(valid_backup, tmp_path):
    there = Config(data_dir=tmp_path / "there")
    restore.restore_backup(there, valid_backup)
    before = {path: path.read_bytes() for path in there.data_dir.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="is not empty"):
        restore.restore_backup(there, valid_backup)
    assert before == {p: p.read_bytes() for p in there.data_dir.rglob("*") if p.is_file()}


def test_a_folder_with_nothing_but_backups_in_it_counts_as_empty(valid_backup, tmp_path):
    there = Config(data_dir=tmp_path / "there")
    (there.data_dir / "backups").mkdir(parents=True)
    file = Path(shutil.copy(valid_backup, there.data_dir / "backups"))
    (there.data_dir / ".restoring").mkdir()  # of a killed restore
    restore.restore_backup(there, file)
    assert {path.name for path in there.data_dir.iterdir()} == {
        *("backups", "blog.sqlite3", "backup.json", "media", "secret", "templates", "SHA256SUMS")
    } - {"backup.json", "SHA256SUMS"}


def test_a_backup_of_sqlite_is_not_restored_to_postgresql(there, valid_backup):
    elsewhere = replace(there, database_url="postgresql://nobody@/nothing")
    assert "on SQLite" in assert_refused(elsewhere, valid_backup, UserError)


@pytest.mark.postgresql
def test_a_restore_never_overwrites_a_postgresql_database(postgres, empty_postgres, tmp_path):
    name = postgres.create(template=empty_postgres)
    config = Config(data_dir=tmp_path / "data", database_url=postgres.url(name))
    config.data_dir.mkdir()
    backup_blog.furnish(config)
    result = backup.write(config, tmp_path / "b.tar.gz")
    there = replace(config, data_dir=tmp_path / "there")
    assert "is not empty" in assert_refused(there, result.path, UserError)
    assert "BLOG_DATABASE_URL" in assert_refused(
        replace(there, database_url=""), result.path, UserError
    )
    postgres.drop(name)
