"""Upgrades from the database of each release: nothing is lost, and a backup is made first."""

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
from tests.db import old_actions
from tests.support.live_server import environment
from tests.support.paths import RELEASES

pytestmark = pytest.mark.slow

RELEASES = sorted(RELEASES.glob("*.sqlite3"))
MIGRATIONS = sorted(VERSIONS.glob("*.py"))
PREPARE = (
    "from blog.config import Config; from blog.server import startup; "
    "startup.prepare(Config.from_env())"
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
            derived = ("sqlite_", "search_", "shelf_", "alembic_")
            names = [n for n in connection.scalars(tables) if not n.startswith(derived)]
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
    """Tell whether the schema is older. If it is not, no backup is made."""
    return revision(config) != head()


def test_an_upgrade_loses_no_row(old, config):
    before = count_rows(config)
    migrate(config)
    after = count_rows(config)
    assert {name: after.get(name, 0) for name in before} == before


def test_lists_posts_and_search_work_after_an_upgrade(old, config):
    startup.prepare(config)
    database = Database(config)
    try:
        posts = database.read_now(cards.post_list, page=1, per_page=50)
        assert posts.total >= 2
        for card in posts.cards:
            assert database.read_now(post_page.at, unquote(card.path)).body_html
            word = card.title.split()[0]
            hits = database.read_now(search.find, word, per_page=50).hits
            assert card.id in [hit.post_id for hit in hits]
    finally:
        database.close()


def test_the_database_of_this_release_is_stored_with_the_tests():
    assert __version__ in {path.stem for path in RELEASES}


# --- the log -------------------------------------------------------------------------------------

Labels = dict[str, tuple[str, str | None]]
# Releases that stored an action as `module.function`.
OLD_NAMES = [path for path in RELEASES if path.stem in {"0.1.0", "0.2.0", "0.3.0"}]


@pytest.mark.parametrize("old", OLD_NAMES, ids=lambda path: path.stem, indirect=True)
def test_an_upgrade_keeps_the_label_of_every_log_entry(old, config):
    check_entries(config, is_first=revision(config) == "0001")


@pytest.mark.postgresql
def test_an_upgrade_keeps_the_label_of_every_log_entry_on_postgresql(postgres, config):
    name = postgres.create()
    target = replace(config, database_url=postgres.url(name))
    first_release(target)
    check_entries(target, is_first=True)
    postgres.drop(name)


def check_entries(config: Config, *, is_first: bool) -> None:
    """Add an entry for each action that the release could store, and compare labels by entry."""
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
    label = audit_labels.find_label(action)
    return audit_labels.action_text(action), label.kind if label else None


def add_entries(config: Config, names: list[str]) -> dict[int, str]:
    """Add entries as an old release wrote them; returns their action names by ID."""
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
    """Return the action name of every entry, by its ID."""
    engine = db.make_engine(config, writes=False)
    try:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id, act FROM change"))
            return {row.id: row.act for row in rows}
    finally:
        engine.dispose()


def test_no_new_action_name_is_the_old_name_of_another():
    """Otherwise an entry could be renamed twice."""
    names = revisions().get_revision("0008").module
    renamed = names.NAMES | names.FUNCTIONS
    assert set(renamed.values()) & renamed.keys() == set()
    assert set(renamed.values()) <= audit_labels.ACTION_LABELS.keys() | audit_labels.UNLOGGED
    assert old_actions.LABELS.keys() - old_actions.UNCHANGED <= names.NAMES.keys()


# --- the way back --------------------------------------------------------------------------------


def test_a_backup_is_made_before_the_schema_changes_and_its_path_is_printed(old, config, capsys):
    was_older, before = is_older(config), count_rows(config)
    startup.prepare(config)
    backups = storage.list_backups(config, upgrades=True)
    printed = capsys.readouterr().out
    assert [str(path) for path in backups if str(path) not in printed] == []
    assert len(backups) == was_older
    for path in backups:
        target = replace(config, data_dir=config.data_dir.parent / "back")
        restore.restore_backup(target, path)
        assert count_rows(target) == before  # the restored data is that of the old release


def test_a_data_folder_with_a_relative_path_is_backed_up(old, config, monkeypatch):
    monkeypatch.chdir(config.data_dir.parent)  # as in a checkout: BLOG_DATA_DIR is `data`
    was_older, relative = is_older(config), replace(config, data_dir=Path(config.data_dir.name))
    startup.prepare(relative)
    backups = storage.list_backups(relative, upgrades=True)
    assert len(backups) == was_older and all(path.is_absolute() for path in backups)


def test_a_start_without_a_schema_change_makes_no_backup(old, config):
    startup.prepare(config)
    backups = len(storage.list_backups(config, upgrades=True))
    startup.prepare(config)
    assert len(storage.list_backups(config, upgrades=True)) == backups


def test_four_processes_at_once_make_one_backup(old, config):
    was_older = is_older(config)
    children = [
        subprocess.Popen([sys.executable, "-c", PREPARE], env=environment(config)) for _ in range(4)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0, 0]
    assert len(storage.list_backups(config, upgrades=True)) == was_older


def test_the_schema_stays_as_it_is_if_the_backup_fails(old, config):
    before, was_older = revision(config), is_older(config)
    storage.folder(config).touch()  # a file where the folder would be created
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


def test_repeated_failed_starts_keep_only_one_backup(old, config):
    if not is_older(config):
        pytest.skip("this release changed no table")
    shutil.copy(config.sqlite_file, config.data_dir / "kept.tmp")
    for _ in range(3):
        startup.prepare(config)
        shutil.copy(config.data_dir / "kept.tmp", config.sqlite_file)
    assert len(storage.list_backups(config, upgrades=True)) == 1


@pytest.mark.postgresql
def test_a_backup_on_postgresql_holds_the_data_of_the_old_release(postgres, config):
    names = [postgres.create(), postgres.create()]
    target = replace(config, database_url=postgres.url(names[0]))
    config.data_dir.mkdir()
    first_release(target)
    startup.prepare(target)
    backups = storage.list_backups(target, upgrades=True)
    assert len(backups) == 1 and revision(target) == head()
    back = replace(target, data_dir=config.data_dir / "back", database_url=postgres.url(names[1]))
    restore.restore_backup(back, backups[0])
    assert revision(back) == "0001"
    for name in names:
        postgres.drop(name)


def first_release(config: Config) -> None:
    """Create the tables of version 0.1.0."""
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
from blog.config import Config
from blog.db.migrate import migrate
left = int(sys.argv[1])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *more):
    global left
    if connection.in_transaction() and not statement.startswith(("SELECT", "PRAGMA")):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
migrate(Config.from_env())
"""


@pytest.mark.parametrize("statement", [1, 2, 3, 5, 8, 13, 21, 34])
def test_a_killed_migration_leaves_the_old_state_and_the_next_start_completes_it(
    old, config, statement
):
    before, rows = revision(config), count_rows(config)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(statement)], env=environment(config), check=False
    )
    if child.returncode == 0:
        pytest.skip("the migration had fewer statements")
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
        inspector = inspect(engine)
        names = [
            name for name in inspector.get_table_names() if not name.startswith(("search", "shelf"))
        ]
        return {n: {c["name"]: dict(c) for c in inspector.get_columns(n)} for n in names}
    finally:
        engine.dispose()


def test_the_old_code_can_still_read_and_write_every_column(old, config):
    """Old columns keep their types, and new ones are nullable or have a default."""
    before = columns(config)
    migrate(config)
    after = columns(config)
    for table, old_columns in before.items():
        for name, column in old_columns.items():
            assert str(after[table][name]["type"]) == str(column["type"]), f"{table}.{name}"
            assert after[table][name]["nullable"] or not column["nullable"], f"{table}.{name}"
        for name in after[table].keys() - old_columns.keys():
            added = after[table][name]
            assert added["nullable"] or added["default"] is not None, f"{table}.{name}"


def verbs(path: Path) -> Iterator[str]:
    """Yield the names of the operations that a migration calls on `op` or on a batch."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("op", "batch", "batch_op"):
                yield node.func.attr


ADDING = {"create_table", "add_column", "create_index", "batch_alter_table", "execute", "f"}
ADDING |= {"drop_index"}  # queries of the old code only get slower
ADDING |= {"bulk_insert", "get_bind", "create_foreign_key", "create_unique_constraint"}


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_a_migration_removes_nothing(path):
    """Unused columns are dropped one release later: workers of the old one may still run."""
    assert set(verbs(path)) - ADDING == set()
    assert not [word for word in ("DROP ", "RENAME ") if word in path.read_text()]
