"""Starts and stops the real server with its workers, and sends requests to it."""

import asyncio
import contextlib
import http.client
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from blog.config import Config
from tests.support.paths import ROOT

WORKERS = 4
PATIENCE = 90.0  # seconds; generous, because the machine may be busy


def program(name: str, *folders: str) -> str | None:
    """Return the path of a program or None, also from folders that are not on the PATH."""
    for folder in folders:
        for found in sorted(Path("/").glob(f"{folder.lstrip('/')}/{name}"), reverse=True):
            return str(found)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], object], seconds: float = PATIENCE, why: str = "") -> None:
    """Wait until `what()` is true. Fails after `seconds`."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"Waited {seconds:.0f} s in vain. {why}")
        time.sleep(0.05)


def environment(config: Config, **more: str) -> dict[str, str]:
    """Return the environment of a process that uses `config`, without BLOG_… variables of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BLOG_")}
    ours |= {
        "BLOG_DATA_DIR": str(config.data_dir),
        "BLOG_PORT": str(config.port),
        "LANG": "C.UTF-8",
    }
    if config.database_url:
        ours["BLOG_DATABASE_URL"] = config.database_url
    if config.site_url:
        ours["BLOG_SITE_URL"] = config.site_url
    return ours | more


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(port: int, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Reply:
    """Send one request on a new connection. Redirects are not followed."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path, body or None, {"Connection": "close", **named})
        answer = line.getresponse()
        known = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, known, answer.read())
    finally:
        line.close()


class Metrics:
    """What `/health/metrics` reports, read with the parser of prometheus_client."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {
            family.name: family for family in text_string_to_metric_families(text)
        }

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of all samples of this name that have these labels."""
        return [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of those values."""
        return sum(self.values(name, **labels))

    def value(self, name: str) -> float:
        """Return the value of the only sample of this name."""
        (value,) = self.values(name)
        return value


class Site:
    """`sanic blog.app -w 4` as a site owner starts it: `with Site(config) as site:`."""

    def __init__(
        self,
        config: Config,
        *arguments: str,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        programs: Path = Path(sys.executable).parent,
    ) -> None:
        self.config = config
        self.port = config.port
        self.url = f"http://127.0.0.1:{config.port}"
        self.command = [str(programs / "sanic"), "blog.app"]
        self.command += arguments or ("-w", str(WORKERS))
        self.cwd, self.env = cwd, dict(env or environment(config))
        self.log = config.data_dir.parent / f"site-{config.port}.log"

    def start(self) -> Self:
        """Start without waiting, in a new session, so that its processes can be counted."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if kind is None and self.process.poll() is None:
            self.stop()
        else:
            self.kill()

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, f"It ended before it was ready:\n{self.said}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/health/ready").status == 200
            return False

        wait_for(is_ready, why=self.said)

    def get(self, path: str, **headers: str) -> Reply:
        return ask(self.port, path, **headers)

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit code. Fails if a process is left behind."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.wait_until_gone()
        return code

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_until_gone(self, seconds: float = PATIENCE) -> None:
        wait_for(lambda: not self.processes(), seconds, f"left behind: {self.processes()}")

    def processes(self) -> dict[int, str]:
        """Return the command of every running process of this server by its id."""
        return dict(_session(self.process.pid))

    def workers(self, count: int = WORKERS) -> dict[str, int]:
        """Return the process ids of `count` workers by name, once they have responded."""
        found: dict[str, int] = {}

        def all_found() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                worker = self.get("/health/live").text
                name, pid = re.findall(r'"worker": ?"([^"]+)", ?"pid": ?(\d+)', worker)[0]
                found[name] = int(pid)
            return len(found) >= count

        wait_for(all_found, why=f"Only {found} answered.\n{self.said}")
        return found

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
        """Yield a client for each worker, with one open connection to it."""
        await asyncio.to_thread(self.workers)  # the last of them may not have started yet
        async with contextlib.AsyncExitStack() as stack:
            clients: dict[str, aiohttp.ClientSession] = {}
            for number in itertools.count():
                client = await stack.enter_async_context(self._client())
                async with client.get("/health/live") as answer:
                    clients.setdefault((await answer.json())["worker"], client)
                if len(clients) == WORKERS:
                    break
                assert number < 400, f"Only {sorted(clients)} take connections."
            yield clients

    def _client(self) -> aiohttp.ClientSession:
        """Return a client with one connection that also keeps cookies of numeric addresses."""
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=PATIENCE)
        jar = aiohttp.CookieJar(unsafe=True)
        return aiohttp.ClientSession(self.url, connector=connector, cookie_jar=jar)


def _session(leader: int) -> Iterator[tuple[int, str]]:
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = place.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                command = place.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
                yield int(place.name), command
