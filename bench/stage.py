"""Prepares what targets need: the blog they serve, PostgreSQL, and the other stacks' programs."""

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
    """One world on SQLite and, when it is first needed, on PostgreSQL."""

    world: World
    cluster: Postgres | None = None

    @cached_property
    def database_url(self) -> str:
        """Start PostgreSQL, fill it with the same world, and return its URL."""
        self.cluster = Postgres().start()
        url = self.cluster.url(self.cluster.create())
        folder = HOME / "postgresql"
        shutil.rmtree(folder, ignore_errors=True)
        fill(Config(data_dir=folder, database_url=url), self.world.posts)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")  # as autovacuum would do within minutes
        return url

    @property
    def database_process(self) -> list[int]:
        if self.cluster is None:
            return []
        first_line = self.cluster.folder.joinpath("data/postmaster.pid").read_text().split()[0]
        return [int(first_line)]


@contextmanager
def staged(posts: int, home: Path = HOME) -> Iterator[Stage]:
    """Provide a stage with this number of posts, and stop PostgreSQL at the end."""
    stage = Stage(world(home, posts))
    try:
        save_page(stage.world)
        yield stage
    finally:
        if stage.cluster:
            stage.cluster.stop()


def save_page(created: World) -> None:
    """Render the common page to a file, for the targets that serve it from disk or memory."""
    config = Config(data_dir=created.folder, port=free_port())
    with Site(config, "-p", str(config.port), "-w", "1") as site:
        reply = site.get(created.path)
    assert reply.status == 200, site.said
    site.log.unlink()
    created.file.parent.mkdir(exist_ok=True)
    created.file.write_bytes(reply.body)


def install_rivals() -> None:
    """Install the packages of rivals.lock into .bench/venv, unless they are already there."""
    installed_lock = RIVALS / LOCK.name
    if installed_lock.exists() and installed_lock.read_bytes() == LOCK.read_bytes():
        return
    print("Installing the other stacks into .bench/venv; this may take a minute …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(RIVALS)], check=True)
    pip = [str(RIVALS / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    subprocess.run([*pip, "install", "--quiet", *locked], check=True)
    shutil.copy(LOCK, installed_lock)
