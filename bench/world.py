"""The blog that every target serves: made by our own models, once for each number of posts.

The rivals read the same SQLite file.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench import planting
from bench.planting import COMMENTS, measured, path_of, said, title_of
from blog.config import Config
from blog.db import Database
from blog.db.migrate import VERSIONS
from blog.models.search import search
from blog.server import startup


@dataclass(frozen=True)
class World:
    """A data folder of ours, and what stands in it."""

    folder: Path
    posts: int

    @property
    def config(self) -> Config:
        return Config(data_dir=self.folder)

    @property
    def path(self) -> str:
        """The address of the post whose page everybody serves."""
        return path_of(measured(self.posts))

    @property
    def marks(self) -> tuple[str, ...]:
        """What its page shows: its title, its neighbour's, and the words of its last comment."""
        id = measured(self.posts)
        return title_of(id), title_of(id - 1), said(id, COMMENTS)

    @property
    def file(self) -> Path:
        """The page as we render it, once a stage has been set."""
        return self.folder / "page" / "page.html"

    @property
    def page(self) -> bytes:
        return self.file.read_bytes()


def world(home: Path, posts: int) -> World:
    """The world of this size, made if it is not there or was made by other code."""
    made = World(home / f"world-{posts}", posts)
    stamp = made.folder / "made-by"
    code = Path(planting.__file__).read_text() + max(
        path.name for path in VERSIONS.glob("[0-9]*.py")
    )
    if not stamp.exists() or stamp.read_text() != code:
        shutil.rmtree(made.folder, ignore_errors=True)
        fill(made.config, posts)
        stamp.write_text(code)
    return made


def fill(config: Config, posts: int) -> None:
    startup.prepare(config)
    database = Database(config)
    try:
        planting.plant(database, posts)
        while database.transact_now(search.rebuild):
            pass
    finally:
        database.close()
