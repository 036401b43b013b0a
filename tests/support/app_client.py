"""A test client for a blog that runs in this process, and its fixtures.

Sanic's own server runs in a thread with its own event loop. The client writes raw bytes to a
socket, so that a test can send requests that no client library would.
"""

import asyncio
import itertools
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from jinja2.bccache import Bucket, BytecodeCache
from pysqlite3 import dbapi2 as sqlite
from sanic import Sanic

from blog.app import create_app
from blog.config import Config
from blog.db import Database
from blog.server import startup
from tests.support import cast
from tests.support.cast import Cast
from tests.support.shared_sql import share_sql

TIMEOUT = 20  # seconds
numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """A response, with all headers as they were sent, repeated ones too."""

    status: int
    pairs: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name]

    def header(self, name: str) -> str:
        """Return the header of this name, or "". Fails if it was sent twice."""
        values = self.all(name)
        assert len(values) < 2, f"{name} was sent twice: {values}"
        return values[0] if values else ""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were set, by name. A deleted one is empty."""
        parts = (line.split(";")[0].partition("=") for line in self.all("set-cookie"))
        return {name: value.strip('"') for name, _, value in parts}


class Furnished(NamedTuple):
    """A database file with all example data, to be copied."""

    file: Path
    cast: Cast

    def settle(self, config: Config) -> Cast:
        """Copy the database into a blog that has none yet."""
        config.data_dir.mkdir(exist_ok=True)
        shutil.copy(self.file, config.data_dir)
        return self.cast


class Compiled(BytecodeCache):
    """A cache of compiled templates, shared by all blogs of this process.

    Jinja checks by a checksum whether a template has changed since.
    """

    def __init__(self) -> None:
        self.bytecode: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.bytecode:
            bucket.bytecode_from_string(self.bytecode[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.bytecode[bucket.key] = bucket.bytecode_to_string()


compiled = Compiled()


class AppClient:
    """`with AppClient(config) as client: client.get("/")`.

    The database is migrated first. With `furnished`, it contains all example data. Password
    hashing is as cheap as possible; a test of its cost must set `passwords.hasher`.
    """

    cast: Cast
    is_touched = False

    def __init__(self, config: Config, furnished: Furnished | None = None) -> None:
        if furnished:
            self.cast = furnished.settle(config)
        startup.prepare(config)
        Sanic.test_mode = True
        self.config = config
        self.app = create_app(config, f"blog-{next(numbers)}")
        self.app.ctx.templates.bytecode_cache = compiled
        self.database = share_sql(Database(config))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "AppClient":
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(TIMEOUT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(TIMEOUT)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(TIMEOUT)
        self.loop.close()
        self.database.close()

    async def _open(self) -> None:
        # An own socket, because Sanic treats port 0 as unset and listens on 8000.
        self.server = await self.app.create_server(
            sock=socket.create_server(("127.0.0.1", 0)),
            protocol=self.app.protocol,
            return_asyncio_server=True,
        )
        await self.server.startup()
        await self.server.before_start()
        share_sql(self.app.ctx.database)
        await self.server.after_start()
        await self.server.start_serving()
        self.app.ctx.passwords.hasher = cast.CHEAP
        self.port = self.server.server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        await self.server.before_stop()
        self.server.close()
        await self.server.wait_closed()
        await self.server.after_stop()

    def let_in(self, name: str) -> dict[str, str]:
        """Sign a person of the example data in and return the cookies."""
        return cast.sign_in(self.database, getattr(self.cast, name))

    # --- requests --------------------------------------------------------------------------------

    def get(self, path: str, **how: Any) -> Answer:
        return self.ask("GET", path, **how)

    def post(self, path: str, form: Mapping[str, Any] | None = None, **how: Any) -> Answer:
        """Submit a form as a browser does from one of our own pages."""
        how.setdefault("headers", tuple(cast.OURS.items()))
        return self.ask("POST", path, form=form or {}, **how)

    def ask(
        self,
        method: str,
        path: str,
        *,
        cookies: Mapping[str, str] | None = None,
        headers: Iterable[tuple[str, str]] = (),
        form: Mapping[str, Any] | None = None,
        body: bytes = b"",
        host: str = "ink.example",
    ) -> Answer:
        lines = [("Host", host), ("Connection", "close"), *headers]
        if cookies:
            lines.append(
                ("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()))
            )
        if form is not None:
            body = urlencode(form, doseq=True).encode()
            lines.append(("Content-Type", "application/x-www-form-urlencoded"))
        if body or method == "POST":
            lines.append(("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return self.say(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    def say(self, words: bytes) -> Answer:
        """Send raw bytes and return the response."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as line:
            with suppress(ConnectionError):  # it may respond before it has read everything
                line.sendall(words)
            received = b""
            with suppress(ConnectionError):
                while piece := line.recv(65536):
                    received += piece
        return _answer(received)


def _answer(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    status = int(first.split()[1]) if first else 0
    return Answer(status, headers, body)


# --- fixtures ---


@pytest.fixture(scope="session")
def furnished(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    config = Config(data_dir=tmp_path_factory.mktemp("furnished"))
    shutil.copy(empty_sqlite, config.data_dir)
    database = Database(config)
    people = cast.fill(database)
    database.close()
    return Furnished(config.data_dir / empty_sqlite.name, people)


@pytest.fixture(scope="session")
def served(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """One server for all tests. Other fixtures reset its database for each test."""
    with AppClient(Config(data_dir=tmp_path_factory.mktemp("served")), furnished) as client:
        yield client


def reset_database(client: AppClient, file: Path) -> None:
    """Overwrite the database of a running blog."""
    copy_into(file, client.config.data_dir / file.name)


def copy_into(file: Path, other: Path) -> None:
    """Copy a SQLite database over another one, which may be open."""
    with closing(sqlite.connect(file)) as source, closing(sqlite.connect(other)) as target:
        source.backup(target)


@pytest.fixture
def client(served: AppClient, furnished: Furnished) -> "AppClient":
    """A blog with all example data, for a test that may change anything."""
    reset_database(served, furnished.file)
    served.is_touched = True
    return served


@pytest.fixture
def open_client(served: AppClient, furnished: Furnished) -> "AppClient":
    """A blog with all example data, for a test that changes nothing."""
    if served.is_touched:
        reset_database(served, furnished.file)
        served.is_touched = False
    return served


@pytest.fixture
def empty_client(served: AppClient, empty_sqlite: Path) -> "AppClient":
    """A blog that is not set up yet."""
    reset_database(served, empty_sqlite)
    served.is_touched = True
    return served


@pytest.fixture
def mailing(client: AppClient) -> Iterator[AppClient]:
    """A blog with a mail server. Messages are only queued, not sent."""
    before = client.app.ctx.config
    client.app.ctx.config = replace(
        before, smtp_url="smtp://127.0.0.1:9", mail_from="blog@ink.example"
    )
    yield client
    client.app.ctx.config = before


@pytest.fixture
def world(database: Database, migrated: Config, furnished: Furnished) -> Cast:
    """All example data in `database`. For SQLite it is copied, which is much faster."""
    if not migrated.is_sqlite:
        return cast.fill(database)
    copy_into(furnished.file, migrated.sqlite_file)
    return furnished.cast


@pytest.fixture
def small_blog(config: Config, sqlite_database: Database, furnished: Furnished) -> Config:
    """The settings of a blog with all example data on SQLite, and no uploads."""
    copy_into(furnished.file, config.sqlite_file)
    config.media_dir.mkdir()
    return config
