"""Formats the results as Markdown tables, with the machine and the versions of all programs."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite

from bench.rounds import Row
from bench.stage import HOME, RIVALS
from bench.target import PARTS
from tests.support.live_server import program
from tests.support.postgres import BINARIES

HEADS = ["target", "requests/s", "spread", "p50 ms", "p99 ms", "CPU µs/req", "PSS MB", "of ours"]
MARKS = "(!): wrk met broken connections or errors. (~): others took over 0.1 core meanwhile."
OURS = ("sanic", "uvloop", "httptools", "sqlalchemy", "jinja2")


@dataclass(frozen=True)
class Table:
    """A Markdown table under a heading."""

    title: str
    heads: list[str]
    rows: list[list[str]]

    def __str__(self) -> str:
        """Return Markdown: the first column is left-aligned, all others right-aligned."""
        ruler = ["---", *(["---:"] * (len(self.heads) - 1))]
        lines = ("| " + " | ".join(row) + " |" for row in [self.heads, ruler, *self.rows])
        return "\n".join([f"## {self.title}", "", *lines, ""])


def report(rows: list[Row], extra_tables: Iterable[Table], rounds: int) -> str:
    """Return the text of RESULTS.md."""
    done = [row for row in rows if row.runs]
    base = next((row for row in done if row.target.is_base), None)
    parts = [_part(part, done, base) for part in PARTS]
    not_measured = [f"- {row.target.name}: {row.fault}" for row in rows if row.fault]
    return "\n".join(
        [
            "# One page on every stack",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, rounds: {rounds}, interleaved; medians. {MARKS}",
            "The method is described in [README.md](README.md).",
            "",
            "![Requests per second of each](RESULTS.svg)",
            "",
            *(str(table) for table in [*filter(None, parts), *extra_tables]),
            *_comparisons(done),
            *(["## Not measured", "", *not_measured, ""] if not_measured else []),
            "## Machine and versions",
            "",
            *(f"- {line}" for line in _machine()),
            "",
        ]
    )


def _part(part: str, rows: list[Row], base: Row | None) -> Table | None:
    cells = [_cells(row, base) for row in rows if row.target.part == part]
    return Table(PARTS[part], HEADS, cells) if cells else None


def _comparisons(rows: list[Row]) -> Iterator[str]:
    """Yield a sentence for each row that is compared with another row."""
    named = {row.target.name: row for row in rows}
    for row in rows:
        if ratio := row.ratio_to(named.get(row.target.compared_with)):
            yield f"“{row.target.name}” reaches {number(ratio)}× of “{row.target.compared_with}”.\n"


def _cells(row: Row, base: Row | None) -> list[str]:
    ratio = row.ratio_to(base)
    marks = " (!)" if row.has_errors else ""
    marks += " (~)" if row.is_disturbed else ""
    return [
        row.target.name + marks,
        number(row.rate),
        f"{row.spread:.0%}",
        number(row.median(lambda run: run.load.p50)),
        number(row.median(lambda run: run.load.p99)),
        number(row.median(lambda run: run.cpu)),
        number(row.median(lambda run: run.memory)),
        "–" if ratio is None else f"{number(ratio)}×",
    ]


def number(value: float) -> str:
    """Format with three significant digits, or as a whole number from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


# --- the machine ---


def _machine() -> list[str]:
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {_memory():.0f} GB, {_system()}",
        f"Linux {platform.release()}, {_program_version('nginx', '-v')}, "
        f"{_program_version('wrk', '-v')}, "
        f"{_program_version('postgres', '--version')}",
        f"Ours: Python {platform.python_version()}, {', '.join(map(_package_version, OURS))}, "
        f"SQLite {sqlite.sqlite_version}",
        f"Theirs: {', '.join([*_rival_versions(), *_wordpress_versions()])}",
    ]


def _cpu() -> str:
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return match[1] if match else platform.machine()


def _memory() -> float:
    """Return the size of the memory in GB."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def _system() -> str:
    match = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return match[1] if match else platform.system()


def _program_version(name: str, option: str) -> str:
    """Return the first line that a program prints about its version."""
    path = program(name, BINARIES)
    if not path:
        return f"no {name}"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].partition(" [")[0]


def _package_version(package: str) -> str:
    return f"{package} {version(package)}"


def _rival_versions() -> list[str]:
    """Return the packages of rivals.in with their installed versions."""
    if not RIVALS.exists():
        return ["not installed"]
    wanted = re.findall(r"(?m)^[\w-]+", RIVALS.parents[1].joinpath("bench/rivals.in").read_text())
    code = "import sys, importlib.metadata as m; print([(n, m.version(n)) for n in sys.argv[1:]])"
    command = [str(RIVALS / "bin/python"), "-c", code, *wanted]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [" ".join(pair) for pair in re.findall(r"\('(.*?)', '(.*?)'\)", output)]


def _wordpress_versions() -> list[str]:
    """Return the versions of WordPress, PHP and MariaDB from the names of the unpacked packages."""
    names = " ".join(path.name for path in HOME.glob("debian/debs/*.deb"))
    match = re.findall(r"(wordpress|php[\d.]+-fpm|mariadb-server)_(?:\d+%3a)?([\d.]+)", names)
    return [" ".join(pair) for pair in match]
