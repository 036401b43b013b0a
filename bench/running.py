"""Starts, checks and stops a target: `with Running(target, stage) as running:`."""

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
from bench.target import Target, TargetError
from tests.support.live_server import ROOT, Reply, ask, environment, free_port

WORKERS = 4
START_TIMEOUT = 60.0  # seconds


class Running:
    """A running target: its processes, its port, and the seconds until its first page (`took`)."""

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
        """Return the URL of a path, by default of the page that all targets serve."""
        return f"http://127.0.0.1:{self.asked}{path or self.path}"

    @property
    def processes(self) -> set[int]:
        """Ids of all processes of the stack: server, workers, nginx and PostgreSQL."""
        database = self.stage.database_process if self.target.database == "postgresql" else []
        return family([*(process.pid for process in self.started), *database])

    def __enter__(self) -> Self:
        try:
            env, commands = self._environment(), self.commands()
            self._prepare(env)
            began = time.perf_counter()
            self._start(commands, env)
            self.page = self._first_page(began + START_TIMEOUT)
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
        """Return the commands to start, in this order."""
        written = [self._words(command) for command in self.target.run]
        return [*written, nginx(self.target.front, self.words)] if self.target.front else written

    def _words(self, command: str) -> list[str]:
        return [word.format(**self.words) for word in shlex.split(command)]

    def _environment(self) -> dict[str, str]:
        config = self.stage.world.config
        database = self.target.database == "postgresql" and self.stage.database_url
        variables = {"BLOG_DATABASE_URL": database} if database else {}
        files = {"DATABASE": config.sqlite_file, "PAGE": self.stage.world.file}
        variables |= {f"BENCH_{name}": str(path) for name, path in files.items()}
        variables |= {name: text.format(**self.words) for name, text in self.target.env.items()}
        return environment(config, **variables)

    def _prepare(self, env: dict[str, str]) -> None:
        """Run the `prepare` command of the target.

        Raises `TargetError` if it fails.
        """
        if self.target.prepare:
            command = self._words(self.target.prepare)
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
            if done.returncode:
                raise TargetError(
                    f"{self.target.name} could not be prepared:\n{done.stderr.decode()}"
                )

    def _start(self, commands: list[list[str]], env: dict[str, str]) -> None:
        with self.log.open("wb") as log:
            for command in commands:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                self.started.append(process)

    def _first_page(self, deadline: float) -> Reply:
        """Return the first response with a status below 500.

        Raises `TargetError` if a process ends or the time is up.
        """
        while time.perf_counter() < deadline:
            if any(process.poll() is not None for process in self.started):
                raise TargetError(f"{self.target.name} ended before its first page:\n{self.output}")
            with contextlib.suppress(OSError, HTTPException):
                reply = ask(self.asked, self.path, **self.target.headers)
                if reply.status < 500:
                    return reply
            time.sleep(0.005)
        raise TargetError(f"{self.target.name} did not start in time:\n{self.output}")

    def _check(self, reply: Reply) -> None:
        """Raise `TargetError` if status, length or content of the page are wrong."""
        wanted = len(self.stage.world.page)
        is_right_length = (
            abs(len(reply.body) - wanted) < wanted / 20 or not self.target.is_same_page
        )
        texts = self.stage.world.expected_texts
        texts = texts if self.target.is_same_page else (texts[0], texts[-1])
        missing = [text for text in texts if text not in reply.text]
        if reply.status != 200 or not is_right_length or missing:
            size = f"{len(reply.body)} bytes instead of {wanted}"
            fault = f"{self.target.name} answered {reply.status}, {size}, missing texts: {missing}"
            raise TargetError(f"{fault}:\n{reply.text[:500]}\n{self.output}")

    @property
    def output(self) -> str:
        """The end of what the processes and nginx have logged."""
        logs = [self.log, self.scratch / "nginx.log"]
        return "\n".join(log.read_text("utf-8", "replace")[-2000:] for log in logs if log.exists())

    def stop(self) -> None:
        """Terminate all processes, kill those that remain, and delete the scratch folder."""
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
