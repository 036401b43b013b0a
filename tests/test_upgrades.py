"""A database that any release wrote is brought up to this one, and nothing in it is lost."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from blog import __version__, db, opening
from blog.config import Config
from blog.db import Database
from blog.models import reading, search
from tests.keep_release import KEPT

RELEASES = sorted(KEPT.glob("*.sqlite3"))


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def old(request, config: Config) -> Path:
    config.data_dir.mkdir()
    return Path(shutil.copy(request.param, config.data_dir / "blog.sqlite3"))


def count_rows(config: Config) -> dict[str, int]:
    engine = db.make_engine(config, writes=False)
    try:
        with engine.connect() as connection:
            tables = text("SELECT name FROM sqlite_master WHERE type = 'table'")
            made_anew = ("sqlite_", "search_", "alembic_")
            names = [n for n in connection.scalars(tables) if not n.startswith(made_anew)]
            return {
                name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0  # noqa: S608 -- names of our own tables
                for name in names
            }
    finally:
        engine.dispose()


def test_no_row_is_lost_on_the_way_up(old, config):
    before = count_rows(config)
    db.migrate(config)
    after = count_rows(config)
    assert {name: after.get(name, 0) for name in before} == before


def test_readers_find_what_they_found_before(old, config):
    opening.prepare(config)
    database = Database(config)
    try:
        shelf = database.read_now(reading.shelf, page=1, per_page=50)
        assert shelf.total >= 2
        for card in shelf.cards:
            assert database.read_now(reading.post_page, card.id).body_html
            word = card.title.split()[0]
            hits = database.read_now(search.find, word, per_page=50).hits
            assert card.id in [hit.post_id for hit in hits]
    finally:
        database.close()


def test_this_release_has_left_its_database():
    assert __version__ in {path.stem for path in RELEASES}
