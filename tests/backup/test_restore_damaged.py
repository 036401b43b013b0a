"""What is no whole backup of ours is refused before anything is touched."""

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
def whole(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Path:
    """A good backup, made once."""
    folder = tmp_path_factory.mktemp("whole")
    config = Config(data_dir=folder / "data")
    config.data_dir.mkdir()
    shutil.copy(empty_sqlite, config.data_dir)
    backup_blog.furnish(config)
    return backup.write(config, folder / "blog.tar.gz").path


@pytest.fixture
def there(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path / "there")


def refused(there: Config, file: Path, *kinds: type[Exception]) -> str:
    """One sentence; nothing has been written, nor is the folder there."""
    with pytest.raises(kinds or (Damaged,)) as caught:
        restore.read_back(there, file)
    assert not there.data_dir.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_one_is_taken(there, whole):
    assert restore.read_back(there, whole).title == "The Ink House"
    assert there.sqlite_file.is_file()


@pytest.mark.parametrize("part", [0, 1, 10, 1000, 0.25, 0.5, 0.9, -1, -8, -9])
def test_one_that_was_cut_off_is_refused(there, whole, tmp_path, part):
    raw = whole.read_bytes()
    end = int(len(raw) * part) if isinstance(part, float) else part
    (tmp_path / "cut").write_bytes(raw[:end])
    refused(there, tmp_path / "cut")


def test_a_single_bit_that_changes_anything_is_enough_to_be_refused(there, whole, tmp_path):
    """Some change nothing: of a run of zeros it is all the same where they are repeated from."""
    raw, chance = whole.read_bytes(), random.Random(7)  # noqa: S311 -- the same places each time
    places = {*range(14), len(raw) - 1, len(raw) - 8, *chance.sample(range(10, len(raw)), 60)}
    refusals = 0
    for place in places:
        changed = bytearray(raw)
        changed[place] ^= 1 << chance.randrange(8)
        (tmp_path / "changed").write_bytes(changed)
        if not is_the_same(bytes(changed), raw):
            refused(there, tmp_path / "changed")
            refusals += 1
    assert refusals > 40


def is_the_same(one: bytes, other: bytes) -> bool:
    try:
        return gzip.decompress(one) == gzip.decompress(other)
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
    refused(there, tmp_path / "foreign")


def test_a_file_that_is_not_there_is_told_in_one_sentence(there, tmp_path):
    assert "No such file" in refused(there, tmp_path / "none", UserError)


def remade(whole: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The same backup with other files in it, and sums that fit: somebody meant it."""
    with tarfile.open(whole) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]  # all are files
    del files["SHA256SUMS"]
    change(files)
    lines = [f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in files.items()]
    target.write_bytes(tar_of(*files.items(), ("SHA256SUMS", "".join(lines).encode())))
    return target


def test_remade_without_a_change_it_is_taken(there, whole, tmp_path):
    restore.read_back(there, remade(whole, tmp_path / "same", lambda files: None))


@pytest.mark.parametrize(
    "name",
    [
        *("../outside", "/etc/outside", "a/../../outside", "./a", "a//b", "a/.", "C:\\a", "C:/a"),
        *("media/x.png", "media/../secret2", "media/ab/index.html", "static/a.js", "backups/a"),
        *("blog.sqlite3-wal", "backup.lock", ".ssh/authorized_keys", "a\nb", "a/" * 600 + "b"),
        "database.dump.lock",
    ],
)
def test_a_name_that_leads_elsewhere_or_is_no_business_of_it_is_refused(
    there, whole, tmp_path, name
):
    evil = remade(whole, tmp_path / "evil", lambda files: files.update({name: b"x"}))
    refused(there, evil)
    assert {path.name for path in tmp_path.iterdir()} == {"evil"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(there, whole, tmp_path, kind):
    with tarfile.open(whole) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    link = tarfile.TarInfo("templates")
    link.type, link.linkname = kind, "/etc"
    (tmp_path / "evil").write_bytes(tar_of(entries[0], link, *entries[1:]))
    refused(there, tmp_path / "evil")


def test_the_same_name_twice_is_refused(there, whole, tmp_path):
    with tarfile.open(whole) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    (tmp_path / "evil").write_bytes(tar_of(*entries[:-1], entries[1], entries[-1]))
    refused(there, tmp_path / "evil")


@pytest.mark.parametrize("where", [1, 2, -1])
def test_a_file_that_was_taken_out_is_missed(there, whole, tmp_path, where):
    with tarfile.open(whole) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]  # all are files
    del entries[where]
    (tmp_path / "less").write_bytes(tar_of(*entries))
    refused(there, tmp_path / "less")


def headed(**said: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["backup.json"] = json.dumps({**json.loads(files["backup.json"]), **said}).encode()

    return change


@pytest.mark.parametrize(
    "said",
    [
        *({"counts": "many"}, {"counts": None}, {"counts": {"post": "x"}}, {"settings": []}),
        *({"settings": {"BLOG_PORT": 1}}, {"made_at": 5}, {"database": []}, {"revision": None}),
    ],
    ids=str,
)
def test_one_that_says_of_itself_what_none_would_is_refused(there, whole, tmp_path, said):
    refused(there, remade(whole, tmp_path / "odd", headed(**said)))


def test_one_whose_head_is_nested_without_end_is_refused(there, tmp_path):
    (tmp_path / "deep").write_bytes(tar_of(("backup.json", b"[" * 900_000)))
    refused(there, tmp_path / "deep")


def test_what_a_terminal_would_obey_is_not_said(there, whole, tmp_path, capsys):
    loud = headed(made_at="\x1b[2J", settings={"BLOG_\x1b[2J": "\x1b]0;x\x07"})
    assert restore.run(there, Namespace(file=remade(whole, tmp_path / "loud", loud))) == 0
    said = capsys.readouterr().out
    assert "?[2J" in said and said.replace("\n", "").isprintable()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_says_it_is_huge_is_not_read_into_memory(
    there, whole, tmp_path, kind, is_first
):
    huge = tarfile.TarInfo("huge")
    huge.type, huge.size = kind, 64_000_000
    with tarfile.open(whole) as tar:
        head = tar.extractfile("backup.json").read()  # type: ignore[union-attr]  # it is a file
    size = 512 + len(head) + -len(head) % 512  # up to the end of its head, where more may come
    before = gzip.decompress(tar_of(("backup.json", head)))[:size]
    raw = (b"" if is_first else before) + huge.tobuf(tarfile.GNU_FORMAT) + bytes(huge.size)
    (tmp_path / "huge").write_bytes(gzip.compress(raw, 1))
    tracemalloc.start()
    try:
        refused(there, tmp_path / "huge")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_one_that_a_newer_program_wrote_is_refused_as_such(there, whole, tmp_path):
    later = remade(whole, tmp_path / "later", headed(format=2, more="?"))
    assert "newer release" in refused(there, later)
    later = remade(whole, tmp_path / "later", headed(revision="9999"))
    assert "newer release" in refused(there, later, UnusableDatabase)


def test_a_database_that_was_damaged_before_it_was_packed_is_refused(there, whole, tmp_path):
    def damage(files: dict[str, bytes]) -> None:
        raw = files["blog.sqlite3"]
        files["blog.sqlite3"] = raw[:30_000] + b"\xff" * 30_000 + raw[60_000:]

    refused(there, remade(whole, tmp_path / "evil", damage), UserError)


def test_more_than_the_disk_holds_is_refused_before_it_is_written(there, whole, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1000))
    assert "MB" in refused(there, whole, UserError)


# --- where it goes -------------------------------------------------------------------------------


def test_it_never_overwrites_a_blog(whole, tmp_path):
    there = Config(data_dir=tmp_path / "there")
    restore.read_back(there, whole)
    before = {path: path.read_bytes() for path in there.data_dir.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="is not empty"):
        restore.read_back(there, whole)
    assert before == {p: p.read_bytes() for p in there.data_dir.rglob("*") if p.is_file()}


def test_a_folder_with_nothing_but_backups_in_it_counts_as_empty(whole, tmp_path):
    there = Config(data_dir=tmp_path / "there")
    (there.data_dir / "backups").mkdir(parents=True)
    file = Path(shutil.copy(whole, there.data_dir / "backups"))
    (there.data_dir / ".restoring").mkdir()  # of one that was killed
    restore.read_back(there, file)
    assert {path.name for path in there.data_dir.iterdir()} == {
        *("backups", "blog.sqlite3", "backup.json", "media", "secret", "templates", "SHA256SUMS")
    } - {"backup.json", "SHA256SUMS"}


def test_a_backup_of_sqlite_is_not_for_postgresql_and_that_is_said(there, whole):
    elsewhere = replace(there, database_url="postgresql://nobody@/nothing")
    assert "on SQLite" in refused(elsewhere, whole, UserError)


@pytest.mark.postgresql
def test_on_postgresql_it_never_overwrites_a_blog_either(postgres, empty_postgres, tmp_path):
    name = postgres.create(template=empty_postgres)
    config = Config(data_dir=tmp_path / "data", database_url=postgres.url(name))
    config.data_dir.mkdir()
    backup_blog.furnish(config)
    made = backup.write(config, tmp_path / "b.tar.gz")
    there = replace(config, data_dir=tmp_path / "there")
    assert "is not empty" in refused(there, made.path, UserError)
    assert "BLOG_DATABASE_URL" in refused(replace(there, database_url=""), made.path, UserError)
    postgres.drop(name)
