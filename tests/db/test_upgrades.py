"""A database that any release wrote is brought up to this one, and nothing in it is lost."""

import ast
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from alembic import command
from sqlalchemy import inspect, text

from blog import __version__, db
from blog.admin import audit_labels
from blog.backup import restore, storage
from blog.config import Config
from blog.db import Database
from blog.db.migrate import VERSIONS, alembic_config, head, migrate, revisions
from blog.models.public import cards, post_page
from blog.models.search import search
from blog.server import startup
from tests.support import old_actions
from tests.support.live_server import environment
from tests.support.paths import RELEASES

pytestmark = pytest.mark.slow

RELEASES = sorted(RELEASES.glob("*.sqlite3"))
MIGRATIONS = sorted(VERSIONS.glob("*.py"))
PREPARE = (
    "from blog import opening; from blog.config import Config; opening.prepare(Config.from_env())"
)


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def old(request, config: Config) -> Path:
    config.data_dir.mkdir()
    return Path(shutil.copy(request.param, config.data_dir / "blog.sqlite3"))


def count_rows(config: Config) -> dict[str, int]:
    engine = db.make_engine(config, writes=False)
    try:
        with engine.connect() as connection:
            tables = text("SELECT name FROM sqlite_master WHERE type = 'table'")
            made_anew = ("sqlite_", "search_", "shelf_", "alembic_")
            names = [n for n in connection.scalars(tables) if not n.startswith(made_anew)]
            return {
                name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0  # noqa: S608 -- names of our own tables
                for name in names
            }
    finally:
        engine.dispose()


def revision(config: Config) -> str:
    engine = db.make_engine(config, writes=False)
    try:
        with engine.connect() as connection:
            return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    finally:
        engine.dispose()


def is_older(config: Config) -> bool:
    """Some releases leave the tables as they were: then there is nothing to back up for."""
    return revision(config) != head()


def test_no_row_is_lost_on_the_way_up(old, config):
    before = count_rows(config)
    migrate(config)
    after = count_rows(config)
    assert {name: after.get(name, 0) for name in before} == before


def test_readers_find_what_they_found_before(old, config):
    startup.prepare(config)
    database = Database(config)
    try:
        shelf = database.read_now(cards.post_list, page=1, per_page=50)
        assert shelf.total >= 2
        for card in shelf.cards:
            assert database.read_now(post_page.at, unquote(card.path)).body_html
            word = card.title.split()[0]
            hits = database.read_now(search.find, word, per_page=50).hits
            assert card.id in [hit.post_id for hit in hits]
    finally:
        database.close()


def test_this_release_has_left_its_database():
    assert __version__ in {path.stem for path in RELEASES}


# --- the log -------------------------------------------------------------------------------------

Labels = dict[str, tuple[str, str | None]]


def test_every_entry_of_the_log_reads_as_it_did_before(old, config):
    check_entries(config, is_first=revision(config) == "0001")


@pytest.mark.postgresql
def test_on_postgresql_every_entry_of_the_log_reads_as_it_did_before(postgres, config):
    name = postgres.create()
    there = replace(config, database_url=postgres.url(name))
    first_release(there)
    check_entries(there, is_first=True)
    postgres.drop(name)


def check_entries(config: Config, *, is_first: bool) -> None:
    """Of every action that a release could store an entry is added to those that it has left."""
    if is_first:
        labels: Labels = old_actions.FIRST_LABELS | old_actions.FIRST_UNLABELLED
    else:
        labels = old_actions.LABELS | old_actions.UNLABELLED
    before = {id: labels[name] for id, name in add_entries(config, list(labels)).items()}
    migrate(config)
    after = actions(config)
    assert {id: shown(after[id]) for id in before} == before
    replaced = (old_actions.LABELS.keys() | old_actions.FIRST_LABELS) - old_actions.UNCHANGED
    assert set(after.values()) & replaced == set()


def shown(action: str) -> tuple[str, str | None]:
    deed = audit_labels.label_of_action(action)
    return audit_labels.words_of(action), deed.kind if deed else None


def add_entries(config: Config, names: list[str]) -> dict[int, str]:
    """Entries as an old release wrote them; the name of each by its id."""
    known = actions(config)
    row = (
        "INSERT INTO change (at, by_name, ip, act, tags, facts) VALUES (:at, '', '', :act, :t, :f)"
    )
    rows = [{"at": "2026-11-20 12:00:00", "act": name, "t": "[]", "f": "{}"} for name in names]
    engine = db.make_engine(config, writes=True)
    with engine.begin() as connection:
        connection.execute(text(row), rows)
    engine.dispose()
    return {id: name for id, name in actions(config).items() if id not in known}


def actions(config: Config) -> dict[int, str]:
    """The name of the action of every entry, by its id."""
    engine = db.make_engine(config, writes=False)
    try:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id, act FROM change"))
            return {row.id: row.act for row in rows}
    finally:
        engine.dispose()


def test_no_new_name_of_an_action_is_the_old_name_of_another():
    """An entry that was renamed cannot be renamed again."""
    names = revisions().get_revision("0008").module
    renamed = names.NAMES | names.FUNCTIONS
    assert set(renamed.values()) & renamed.keys() == set()
    assert set(renamed.values()) <= audit_labels.ACTION_LABELS.keys() | audit_labels.UNLOGGED
    assert old_actions.LABELS.keys() - old_actions.UNCHANGED <= names.NAMES.keys()


# --- the way back --------------------------------------------------------------------------------


def test_before_the_tables_change_a_backup_is_made_and_its_path_printed(old, config, capsys):
    was_older, before = is_older(config), count_rows(config)
    startup.prepare(config)
    made = storage.every(config, upgrades=True)
    said = capsys.readouterr().out
    assert [str(path) for path in made if str(path) not in said] == []
    assert len(made) == was_older
    for path in made:
        there = replace(config, data_dir=config.data_dir.parent / "back")
        restore.read_back(there, path)
        assert count_rows(there) == before  # restored, it is as the old release left it


def test_a_data_folder_named_from_where_the_blog_starts_is_backed_up_too(old, config, monkeypatch):
    monkeypatch.chdir(config.data_dir.parent)  # as in a checkout: BLOG_DATA_DIR is `data`
    was_older, near = is_older(config), replace(config, data_dir=Path(config.data_dir.name))
    startup.prepare(near)
    made = storage.every(near, upgrades=True)
    assert len(made) == was_older and all(path.is_absolute() for path in made)


def test_a_start_that_finds_nothing_to_change_makes_no_backup(old, config):
    startup.prepare(config)
    made = len(storage.every(config, upgrades=True))
    startup.prepare(config)
    assert len(storage.every(config, upgrades=True)) == made


def test_four_who_start_at_once_make_one_backup(old, config):
    was_older = is_older(config)
    children = [
        subprocess.Popen([sys.executable, "-c", PREPARE], env=environment(config)) for _ in range(4)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0, 0]
    assert len(storage.every(config, upgrades=True)) == was_older


def test_without_room_for_the_backup_the_tables_stay_as_they_are(old, config):
    before, was_older = revision(config), is_older(config)
    storage.folder(config).touch()  # no folder can be made here
    done = subprocess.run(
        [sys.executable, "-m", "blog", "import", str(config.data_dir)],
        env=environment(config),
        capture_output=True,
        text=True,
        check=False,
    )
    if was_older:
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert revision(config) == before


def test_a_start_that_fails_again_and_again_does_not_fill_the_disk(old, config):
    if not is_older(config):
        pytest.skip("this release changed no table")
    shutil.copy(config.sqlite_file, config.data_dir / "kept.tmp")
    for _ in range(3):
        startup.prepare(config)
        shutil.copy(config.data_dir / "kept.tmp", config.sqlite_file)
    assert len(storage.every(config, upgrades=True)) == 1


@pytest.mark.postgresql
def test_on_postgresql_the_backup_is_as_the_old_release_left_it(postgres, config):
    names = [postgres.create(), postgres.create()]
    there = replace(config, database_url=postgres.url(names[0]))
    config.data_dir.mkdir()
    first_release(there)
    startup.prepare(there)
    made = storage.every(there, upgrades=True)
    assert len(made) == 1 and revision(there) == head()
    back = replace(there, data_dir=config.data_dir / "back", database_url=postgres.url(names[1]))
    restore.read_back(back, made[0])
    assert revision(back) == "0001"
    for name in names:
        postgres.drop(name)


def first_release(config: Config) -> None:
    """The tables of 0.1.0."""
    engine = db.make_engine(config, writes=True)
    with engine.begin() as connection:
        alembic = alembic_config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "0001")
    engine.dispose()


# --- killed on the way ---------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from blog import db
from blog.config import Config
left = int(sys.argv[1])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *more):
    global left
    if connection.in_transaction() and not statement.startswith(("SELECT", "PRAGMA")):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
db.migrate(Config.from_env())
"""


@pytest.mark.parametrize("statement", [1, 2, 3, 5, 8, 13, 21, 34])
def test_killed_after_any_statement_the_old_state_is_there_and_the_next_start_goes_on(
    old, config, statement
):
    before, rows = revision(config), count_rows(config)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(statement)], env=environment(config), check=False
    )
    if child.returncode == 0:
        pytest.skip("it had fewer statements to say")
    assert child.returncode == -signal.SIGKILL
    assert revision(config) == before and count_rows(config) == rows
    migrate(config)
    assert revision(config) == head()
    after = count_rows(config)
    assert {name: after[name] for name in rows} == rows


# --- old workers go on while new ones come -------------------------------------------------------


def columns(config: Config) -> dict[str, dict[str, dict[str, object]]]:
    engine = db.make_engine(config, writes=False)
    try:
        seen = inspect(engine)
        names = [
            name for name in seen.get_table_names() if not name.startswith(("search", "shelf"))
        ]
        return {n: {c["name"]: dict(c) for c in seen.get_columns(n)} for n in names}
    finally:
        engine.dispose()


def test_whatever_the_old_code_reads_and_writes_is_still_there(old, config):
    """Its columns with their types; and what is new can be left out by who does not know it."""
    before = columns(config)
    migrate(config)
    after = columns(config)
    for table, were in before.items():
        for name, column in were.items():
            assert str(after[table][name]["type"]) == str(column["type"]), f"{table}.{name}"
            assert after[table][name]["nullable"] or not column["nullable"], f"{table}.{name}"
        for name in after[table].keys() - were.keys():
            known = after[table][name]
            assert known["nullable"] or known["default"] is not None, f"{table}.{name}"


def verbs(path: Path) -> Iterator[str]:
    """What a migration does: the last names of its calls on `op` and on a batch."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("op", "batch", "batch_op"):
                yield node.func.attr


ADDING = {"create_table", "add_column", "create_index", "batch_alter_table", "execute", "f"}
ADDING |= {"drop_index"}  # whoever looked by it finds the same, more slowly
ADDING |= {"bulk_insert", "get_bind", "create_foreign_key", "create_unique_constraint"}


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_only_adds(path):
    """What a release no longer needs is dropped one release later: old workers may still run."""
    assert set(verbs(path)) - ADDING == set()
    assert not [word for word in ("DROP ", "RENAME ") if word in path.read_text()]
