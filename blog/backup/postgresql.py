"""Dumps and restores a PostgreSQL database with `pg_dump` and `pg_restore`."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from blog.config import N_, Config, UserError

COMMON_OPTIONS = ("--no-owner", "--no-privileges")


def dump(config: Config, target: Path) -> None:
    """Write a consistent snapshot of the database to a file, while it is in use."""
    with _address(config, target.parent) as address:
        _run(
            *("pg_dump", "--format=custom", "--compress=0", *COMMON_OPTIONS),
            *(f"--file={target}", f"--dbname={address}"),
        )


def load(config: Config, source: Path) -> None:
    """Load a dump into an empty database, in one transaction."""
    with _address(config, source.parent) as address:
        _run(
            *(
                "pg_restore",
                "--single-transaction",
                "--exit-on-error",
                "--no-comments",
                *COMMON_OPTIONS,
            ),
            *(f"--dbname={address}", str(source)),
        )


@contextmanager
def _address(config: Config, folder: Path) -> Iterator[str]:
    """Yield the URL of the database with the password moved to a file.

    Every user of the machine can read the arguments of a process.
    """
    parts = urlsplit(config.database_url)
    credentials, at, host = parts.netloc.rpartition("@")
    name, colon, password = credentials.partition(":")
    if not colon:
        yield config.database_url
        return
    password_file = folder / ".pgpass"
    password_file.touch(mode=0o600)
    try:
        escaped = unquote(password).replace("\\", "\\\\").replace(":", "\\:")
        password_file.write_text(f"*:*:*:*:{escaped}\n")
        query = f"{parts.query}&" if parts.query else ""
        query += f"passfile={quote(str(password_file))}"
        yield urlunsplit((parts.scheme, f"{name}{at}{host}", parts.path, query, ""))
    finally:
        password_file.unlink(missing_ok=True)


def _run(name: str, *arguments: str) -> None:
    """Run a program. Raises `UserError` if it is not installed or fails."""
    program = shutil.which(name)
    if program is None:
        message = N_(
            "The program %(name)s is required but not installed: apt-get install postgresql-client"
        )
        raise UserError(message, name=name)
    result = subprocess.run(  # noqa: S603 -- a list of arguments, without a shell
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if result.returncode:
        lines = result.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise UserError(N_("%(name)s failed: %(why)s"), name=name, why=lines[0])
