"""PostgreSQL's own programs, which write a database into a file and read it back."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from blog.config import N_, Config, UserError

ALIKE = ("--no-owner", "--no-privileges")


def dump(config: Config, target: Path) -> None:
    """One consistent snapshot of a database that others go on writing to."""
    with _address(config, target.parent) as address:
        _run(
            *("pg_dump", "--format=custom", "--compress=0", *ALIKE),
            *(f"--file={target}", f"--dbname={address}"),
        )


def load(config: Config, source: Path) -> None:
    """Into an empty database: everything or nothing."""
    with _address(config, source.parent) as address:
        _run(
            *("pg_restore", "--single-transaction", "--exit-on-error", "--no-comments", *ALIKE),
            *(f"--dbname={address}", str(source)),
        )


@contextmanager
def _address(config: Config, folder: Path) -> Iterator[str]:
    """The database's address without its password, which every user of the machine could read."""
    parts = urlsplit(config.database_url)
    person, at, host = parts.netloc.rpartition("@")
    name, colon, password = person.partition(":")
    if not colon:
        yield config.database_url
        return
    kept = folder / ".pgpass"
    kept.touch(mode=0o600)
    try:
        plain = unquote(password).replace("\\", "\\\\").replace(":", "\\:")
        kept.write_text(f"*:*:*:*:{plain}\n")
        query = f"{parts.query}&" if parts.query else ""
        query += f"passfile={quote(str(kept))}"
        yield urlunsplit((parts.scheme, f"{name}{at}{host}", parts.path, query, ""))
    finally:
        kept.unlink(missing_ok=True)


def _run(name: str, *arguments: str) -> None:
    program = shutil.which(name)
    if program is None:
        message = N_(
            "The program %(name)s is required but not installed: apt-get install postgresql-client"
        )
        raise UserError(message, name=name)
    done = subprocess.run(  # noqa: S603 -- a list of words, and no shell
        [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise UserError(N_("%(name)s failed: %(why)s"), name=name, why=said[0])
