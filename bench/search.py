"""Measures search: p50 and p99 of all queries in tests/models/search/queries.toml.

    python -m bench.search data/                a data folder; or the database of BLOG_DATABASE_URL
    python -m bench.search --content FOLDER     a new blog, with the blogs of this folder imported

A search is one transaction, as in a request: it parses the query, ranks the posts, and creates ten
snippets. Each round runs every query once, in random order.
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
LIMIT = 50  # maximum p99 in milliseconds


def main() -> int:
    args = arguments()
    with TemporaryDirectory() as folder:
        config = replace(Config.from_env(), data_dir=args.data_dir or Path(folder))
        startup.prepare(config)
        for blog in blogs_below(args.content):
            asyncio.run(import_folder(config, blog, ImportOptions()))
        database = Database(config)
        try:
            times = measure(database, args.rounds)
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
    """Return the milliseconds of each query, without the first round, which compiles statements."""
    queries = tomllib.loads((ROOT / "tests/models/search/queries.toml").read_text("utf-8"))["query"]
    times: dict[str, list[float]] = {query["text"]: [] for query in queries}
    for is_counted in [False] + [True] * rounds:
        for text in random.sample(list(times), len(times)):
            start = time.perf_counter()
            database.read_now(search.find, text)
            if is_counted:
                times[text].append((time.perf_counter() - start) * 1000)
    return times


def report(times: dict[str, list[float]]) -> int:
    """Print the percentiles and the slowest queries; return 1 if p99 exceeds the limit, else 0."""
    all_times = [duration for durations in times.values() for duration in durations]
    percentiles = quantiles(all_times, n=100)
    print(f"{len(all_times)} searches: p50 {percentiles[49]:.1f} ms, p99 {percentiles[98]:.1f} ms")
    slowest = sorted(times, key=lambda text: -quantiles(times[text], n=20)[9])[:5]
    for text in slowest:
        print(f"  {quantiles(times[text], n=20)[9]:6.1f} ms  {text}")
    return 0 if percentiles[98] < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
