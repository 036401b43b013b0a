"""A target that is started, checked and stopped: `with Running(target, stage) as it:`."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.front import nginx
from bench.processes import family
from bench.stage import HOME, OURS, RIVALS, Stage
from bench.target import Target, Unfit
from tests.support.live_server import ROOT, Reply, ask, environment, free_port

WORKERS = 4
PATIENCE = 60.0  # seconds


class Running:
    """Its processes, the port to ask, and how long it took until the first good page."""

    def __init__(self, target: Target, stage: Stage, workers: int = WORKERS) -> None:
        self.target, self.stage = target, stage
        self.path = target.path or stage.world.path
        self.asked = free_port()
        self.scratch = Path(tempfile.mkdtemp(prefix="bench-"))
        self.log = self.scratch / "log"
        self.started: list[subprocess.Popen[bytes]] = []
        self.words = {
            "workers": workers,
            "front_workers": target.front_workers,
            "asked": self.asked,
            "port": free_port() if target.front else self.asked,
            "socket": self.scratch / "socket",
            "scratch": self.scratch,
            "data": stage.world.folder,
            "ours": OURS,
            "rivals": RIVALS / "bin",
            "home": HOME,
        }

    def url(self, path: str = "") -> str:
        """Of another page than the one that all serve, if one is named."""
        return f"http://127.0.0.1:{self.asked}{path or self.path}"

    @property
    def processes(self) -> set[int]:
        """The whole stack: server, workers, nginx, the database's own."""
        on_it = self.stage.database_process if self.target.database == "postgresql" else []
        return family([*(process.pid for process in self.started), *on_it])

    def __enter__(self) -> Self:
        try:
            told, commands = self._told(), self.commands()
            self._prepare(told)
            began = time.perf_counter()
            self._start(commands, told)
            self.page = self._first_page(began + PATIENCE)
            self.took = time.perf_counter() - began
            self._check(self.page)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.stop()

    def commands(self) -> list[list[str]]:
        """What is started, in this order."""
        written = [self._words(command) for command in self.target.run]
        return [*written, nginx(self.target.front, self.words)] if self.target.front else written

    def _words(self, command: str) -> list[str]:
        return [word.format(**self.words) for word in shlex.split(command)]

    def _told(self) -> dict[str, str]:
        config = self.stage.world.config
        database = self.target.database == "postgresql" and self.stage.database_url
        more = {"BLOG_DATABASE_URL": database} if database else {}
        files = {"DATABASE": config.sqlite_file, "PAGE": self.stage.world.file}
        more |= {f"BENCH_{name}": str(path) for name, path in files.items()}
        more |= {name: text.format(**self.words) for name, text in self.target.env.items()}
        return environment(config, **more)

    def _prepare(self, told: dict[str, str]) -> None:
        """What must be there before it starts; it sees for itself whether it is."""
        if self.target.prepare:
            command = self._words(self.target.prepare)
            done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, check=False)
            if done.returncode:
                raise Unfit(f"{self.target.name} was not prepared:\n{done.stderr.decode()}")

    def _start(self, commands: list[list[str]], told: dict[str, str]) -> None:
        with self.log.open("wb") as log:
            for command in commands:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=told,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                self.started.append(process)

    def _first_page(self, until: float) -> Reply:
        """A target may refuse or answer with an error until it has come up, and no longer."""
        while time.perf_counter() < until:
            if any(process.poll() is not None for process in self.started):
                raise Unfit(f"{self.target.name} ended at once:\n{self.said}")
            with contextlib.suppress(OSError, HTTPException):
                reply = ask(self.asked, self.path, **self.target.headers)
                if reply.status < 500:
                    return reply
            time.sleep(0.005)
        raise Unfit(f"{self.target.name} did not come up:\n{self.said}")

    def _check(self, reply: Reply) -> None:
        """The page, whole: its status, its length, and what it must show."""
        wanted = len(self.stage.world.page)
        is_long_enough = abs(len(reply.body) - wanted) < wanted / 20 or not self.target.is_alike
        marks = self.stage.world.marks
        marks = marks if self.target.is_alike else (marks[0], marks[-1])
        missing = [mark for mark in marks if mark not in reply.text]
        if reply.status != 200 or not is_long_enough or missing:
            size = f"{len(reply.body)} bytes where ours has {wanted}"
            fault = f"{self.target.name} answered {reply.status}, {size}, without {missing}"
            raise Unfit(f"{fault}:\n{reply.text[:500]}\n{self.said}")

    @property
    def said(self) -> str:
        logs = [self.log, self.scratch / "nginx.log"]
        return "\n".join(log.read_text("utf-8", "replace")[-2000:] for log in logs if log.exists())

    def stop(self) -> None:
        left = family([process.pid for process in self.started])
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        for pid in left & family(left):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
