"""Creating and migrating the database: once, also if several processes start together."""

import fcntl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from pysqlite3 import dbapi2
from sqlalchemy import text

from blog import db
from blog.config import Config
from blog.db import Database, UnusableDatabase
from blog.db.migrate import head, migrate, revisions
from blog.models.base import Base

MIGRATE = (
    "from blog.config import Config; from blog.db.migrate import migrate; "
    "migrate(Config.from_env())"
)


@pytest.mark.slow
def test_four_processes_at_once_create_one_database(config, environment):
    children = [
        subprocess.Popen([sys.executable, "-c", MIGRATE], env=environment) for _ in range(4)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0, 0]
    with db.make_engine(config, writes=False).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_a_second_process_does_not_open_a_new_file_before_the_first_has_migrated_it(config):
    """SQLite fails at once, without waiting, if two connections switch a new file to WAL mode."""
    config.data_dir.mkdir(parents=True)
    with (
        (config.data_dir / "migrate.lock").open("w") as lock,
        closing(dbapi2.connect(config.sqlite_file, isolation_level=None)) as first,
        ThreadPoolExecutor() as threads,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        first.execute("BEGIN IMMEDIATE")
        second = threads.submit(migrate, config)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        first.execute("COMMIT")
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.result(timeout=20)


def test_a_database_of_a_newer_release_is_refused(database, config_of):
    config = config_of(database)
    with database.writing.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(UnusableDatabase, match="newer release"):
        migrate(config)


def test_a_file_that_others_can_read_is_made_private(config):
    migrate(config)
    config.sqlite_file.chmod(0o644)  # as an older release created it
    migrate(config)
    assert config.sqlite_file.stat().st_mode & 0o777 == 0o600


def test_the_last_migration_file_is_the_only_head():
    assert revisions().get_heads() == [head()]


def test_migrating_again_changes_nothing(database, config_of):
    before = count_rows(database)
    migrate(config_of(database))
    assert count_rows(database) == before


def count_rows(database: Database) -> dict[str, int]:
    with database.reading.connect() as connection:
        return {
            name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0  # noqa: S608 -- our own table names
            for name in Base.metadata.tables
        }


def test_the_models_and_the_migrations_describe_the_same_tables(database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from blog.migrations import is_ours

    with database.writing.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        assert compare_metadata(context, Base.metadata) == []


def test_an_sqlite_version_with_the_wal_bug_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(db.dbapi2, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(UnusableDatabase, match="can damage the database"):
        db.make_engine(Config(data_dir=tmp_path), writes=False)


def test_the_sqlite_pragmas_are_set(sqlite_database):
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    for engine in (sqlite_database.reading, sqlite_database.writing):
        with engine.connect() as connection:
            for pragma, value in wanted.items():
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_reader_does_not_wait_for_a_writer(sqlite_database):
    with sqlite_database.writing.connect() as writer, writer.begin():
        writer.execute(text("SELECT 1"))  # BEGIN IMMEDIATE has taken the write lock
        with sqlite_database.reading.connect() as reader:
            assert reader.scalar(text("SELECT count(*) FROM post")) == 0


def test_a_new_file_is_private_in_a_folder_that_others_can_read(tmp_path):
    tmp_path.chmod(0o755)
    migrate(Config(data_dir=tmp_path))
    assert (tmp_path / "blog.sqlite3").stat().st_mode & 0o077 == 0
