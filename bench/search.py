"""How long a search takes: p50 and p99 of every query in tests/models/search/queries.toml.

    python -m bench.search data/                a data folder, or what BLOG_DATABASE_URL names
    python -m bench.search --content FOLDER     the blogs below it are moved into a new one first

A search is what a reader's request asks of the models: one transaction that parses the query,
ranks, and cuts the ten snippets. Each round asks every query once, in a random order.
"""

import argparse
import asyncio
import random
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from blog.config import Config
from blog.db import Database
from blog.importer import import_folder
from blog.importer.importer import ImportOptions
from blog.models.search import search
from blog.server import startup

ROOT = Path(__file__).parents[1]
LIMIT = 50  # milliseconds at p99


def main() -> int:
    given = arguments()
    with TemporaryDirectory() as folder:
        config = replace(Config.from_env(), data_dir=given.data_dir or Path(folder))
        startup.prepare(config)
        for blog in blogs_below(given.content):
            asyncio.run(import_folder(config, blog, ImportOptions()))
        database = Database(config)
        try:
            times = measure(database, given.rounds)
        finally:
            database.close()
    return report(times)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("data_dir", nargs="?", type=Path)
    which.add_argument("--content", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    return parser.parse_args()


def blogs_below(folder: Path | None) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder else []


def measure(database: Database, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each query. The first round, which compiles statements, does not count."""
    queries = tomllib.loads((ROOT / "tests/models/search/queries.toml").read_text("utf-8"))["query"]
    times: dict[str, list[float]] = {query["text"]: [] for query in queries}
    for counts in [False] + [True] * rounds:
        for text in random.sample(list(times), len(times)):
            began = time.perf_counter()
            database.read_now(search.find, text)
            if counts:
                times[text].append((time.perf_counter() - began) * 1000)
    return times


def report(times: dict[str, list[float]]) -> int:
    every = [each for several in times.values() for each in several]
    percent = quantiles(every, n=100)
    print(f"{len(every)} searches: p50 {percent[49]:.1f} ms, p99 {percent[98]:.1f} ms")
    slowest = sorted(times, key=lambda text: -quantiles(times[text], n=20)[9])[:5]
    for text in slowest:
        print(f"  {quantiles(times[text], n=20)[9]:6.1f} ms  {text}")
    return 0 if percent[98] < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
