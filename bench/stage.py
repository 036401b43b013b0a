"""Where targets run: the world they serve, the programs of both environments, and the database."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from bench.world import World, fill, world
from blog.config import Config
from tests.support.live_server import ROOT, Site, free_port
from tests.support.postgres import Postgres

HOME = ROOT / ".bench"
RIVALS = HOME / "venv"
LOCK = ROOT / "bench" / "rivals.lock"
OURS = Path(sys.executable).parent


@dataclass
class Stage:
    """One world, on SQLite and, once somebody asks for it, on PostgreSQL."""

    world: World
    cluster: Postgres | None = None

    @cached_property
    def database_url(self) -> str:
        """PostgreSQL with the same world in it."""
        self.cluster = Postgres().start()
        url = self.cluster.url(self.cluster.create())
        folder = HOME / "postgresql"
        shutil.rmtree(folder, ignore_errors=True)
        fill(Config(data_dir=folder, database_url=url), self.world.posts)
        with psycopg.connect(url, autocommit=True) as line:
            line.execute("ANALYZE")  # as its own housekeeping does within some minutes
        return url

    @property
    def database_process(self) -> list[int]:
        if self.cluster is None:
            return []
        first_line = self.cluster.folder.joinpath("data/postmaster.pid").read_text().split()[0]
        return [int(first_line)]


@contextmanager
def staged(posts: int, home: Path = HOME) -> Iterator[Stage]:
    stage = Stage(world(home, posts))
    try:
        keep_page(stage.world)
        yield stage
    finally:
        if stage.cluster:
            stage.cluster.stop()


def keep_page(made: World) -> None:
    """The page as this very code renders it, for those who serve it as a file."""
    config = Config(data_dir=made.folder, port=free_port())
    with Site(config, "-p", str(config.port), "-w", "1") as site:
        reply = site.get(made.path)
    assert reply.status == 200, site.said
    site.log.unlink()
    made.file.parent.mkdir(exist_ok=True)
    made.file.write_bytes(reply.body)


def install_rivals() -> None:
    """Into an environment of their own what the lock names; nothing if it holds that already."""
    noted = RIVALS / LOCK.name
    if noted.exists() and noted.read_bytes() == LOCK.read_bytes():
        return
    print("Installing what this blog is compared with, once; it may take a minute …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(RIVALS)], check=True)
    pip = [str(RIVALS / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    subprocess.run([*pip, "install", "--quiet", *locked], check=True)
    shutil.copy(LOCK, noted)
