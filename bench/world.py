"""Creates the blog that all targets serve, once for each number of posts.

The blog's own models fill it. The other stacks read the same SQLite file.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench import planting
from bench.planting import COMMENTS, comment_text, measured_id, path_of, title_of
from blog.config import Config
from blog.db import Database
from blog.db.migrate import VERSIONS
from blog.models.search import search
from blog.server import startup


@dataclass(frozen=True)
class World:
    """A data folder of this blog with a known number of posts."""

    folder: Path
    posts: int

    @property
    def config(self) -> Config:
        return Config(data_dir=self.folder)

    @property
    def path(self) -> str:
        """The address of the post whose page all targets serve."""
        return path_of(measured_id(self.posts))

    @property
    def expected_texts(self) -> tuple[str, ...]:
        """Texts on its page: its title, the title of its older neighbour, and its last comment."""
        id = measured_id(self.posts)
        return title_of(id), title_of(id - 1), comment_text(id, COMMENTS)

    @property
    def file(self) -> Path:
        """The page as this blog renders it; written by `bench.stage.staged`."""
        return self.folder / "page" / "page.html"

    @property
    def page(self) -> bytes:
        return self.file.read_bytes()


def world(parent: Path, posts: int) -> World:
    """Return the world of this size; create it if it is missing or other code created it."""
    created = World(parent / f"world-{posts}", posts)
    stamp = created.folder / "made-by"
    code = Path(planting.__file__).read_text() + max(
        path.name for path in VERSIONS.glob("[0-9]*.py")
    )
    if not stamp.exists() or stamp.read_text() != code:
        shutil.rmtree(created.folder, ignore_errors=True)
        fill(created.config, posts)
        stamp.write_text(code)
    return created


def fill(config: Config, posts: int) -> None:
    """Create the tables, the posts and the search index in an empty database."""
    startup.prepare(config)
    database = Database(config)
    try:
        planting.plant(database, posts)
        while database.transact_now(search.rebuild):
            pass
    finally:
        database.close()
