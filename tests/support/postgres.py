"""Runs a PostgreSQL cluster for the tests, with Debian's programs."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg

from tests.support.live_server import program

BINARIES = "/usr/lib/postgresql/*/bin"


class Postgres:
    """A temporary cluster, reached through a socket in its folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.numbers = itertools.count(1)
        # PostgreSQL refuses to run as root.
        self.user = _other_user() if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, user=self.user[1].partition("=")[2])

    def start(self) -> Self:
        data = str(self.folder / "data")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c full_page_writes=off"
        self._run(
            "initdb",
            "-D",
            data,
            "-U",
            "blog",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-N",
            "--locale=C.UTF-8",
        )
        self._run("pg_ctl", "-D", data, "-l", f"{data}/log", "-w", "-o", options, "start")
        return self

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self.user, str(program(name, BINARIES)), *arguments]
        log_path = self.folder / "output"
        with log_path.open("ab") as log:  # the started server would keep a pipe open
            process = subprocess.run(command, cwd=self.folder, stdout=log, stderr=log, check=False)
        assert process.returncode == 0, log_path.read_text()

    def url(self, name: str) -> str:
        return f"postgresql://blog@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Create a database, by default an empty one, and return its name."""
        name = f"blog_{next(self.numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def _other_user() -> list[str]:
    """Return the start of a command that runs the rest as a user other than root."""
    users = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in users else "nobody"
    group = pwd.getpwnam(name).pw_gid
    return ["setpriv", f"--reuid={name}", f"--regid={group}", "--clear-groups"]
