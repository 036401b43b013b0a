"""How the figures change with the number of connections, of workers and of posts.

python -m bench.curves              our own pages by number of posts
python -m bench.curves --only sqlite
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

from bench.measure import Run, Way, alone, measure, measure_pages
from bench.planting import CHINESE, COMMON_TAG, RARE_TAG, measured, path_of
from bench.report import Table, number
from bench.rounds import Row
from bench.running import WORKERS
from bench.stage import Stage, staged
from bench.target import Target, Unfit, targets

MANY = (64, 256, 1024)
WORKED = (1, 2, 4)
POSTS = (100, 1_000, 10_000, 100_000)
PER_PAGE = 10  # as a new blog has it
ALONE = Way(connections=1, seconds=3)  # one reader: what a page takes, and not the queue for it


def pages(posts: int) -> dict[str, str]:
    """One of each kind, where there are so many posts; of lists what lies deep in them, too."""
    last, half = posts // PER_PAGE, posts // PER_PAGE // 2
    word = quote(CHINESE[:2])
    return {
        "a post": path_of(measured(posts)),
        "the front page": "/",
        "its middle": f"/page/{half}",
        "its end": f"/page/{last}",
        "the archive": "/archive",
        "a year": "/archive/2026",
        "a tag": "/tags/tag-1",
        "of half the posts": f"/tags/tag-{COMMON_TAG}",
        "its end, again": f"/tags/tag-{COMMON_TAG}?page={half}",
        "of three posts": f"/tags/tag-{RARE_TAG}",
        "an author": "/authors/ann",
        "a common word": "/search?q=ink",
        "two of them": "/search?q=ink+notes",
        "a rare one": f"/search?q=part+{measured(posts)}",
        "a Chinese one": f"/search?q={word}",
        "the feed": "/feed.atom",
        "a tag's": f"/tags/tag-{COMMON_TAG}/feed.atom",
        "the sitemap": "/sitemap.xml",
    }


def by_connections(rows: list[Row], stage: Stage) -> Table:
    return Table(
        "By number of connections",
        ["target", *(f"{many:,}: req/s" for many in MANY), *(f"{many:,}: p99 ms" for many in MANY)],
        [
            [row.target.name, *_rates(runs), *(number(run.load.p99) for run in runs)]
            for row, runs in _each(rows, stage, [Way(connections=many) for many in MANY])
        ],
    )


def by_workers(rows: list[Row], stage: Stage) -> Table:
    rows = [row for row in rows if row.target.has_workers]
    return Table(
        "By number of workers",
        ["target", *(f"{some}: req/s" for some in WORKED), *(f"{some}: PSS MB" for some in WORKED)],
        [
            [row.target.name, *_rates(runs), *(number(run.memory) for run in runs)]
            for row, runs in _each(rows, stage, [Way(workers=some) for some in WORKED])
        ],
    )


def by_posts(target: Target) -> Table:
    """Our own pages, each as the database grows, for one reader."""
    runs: dict[str, list[Run]] = {name: [] for name in pages(POSTS[0])}
    for many in POSTS:
        with staged(many) as stage:
            ways = [replace(ALONE, path=path) for path in pages(many).values()]
            for name, run in zip(runs, _tried(measure_pages, target, stage, ways), strict=False):
                runs[name].append(run)
    heads = [f"{many:,}: {what}" for many in POSTS for what in ("p50 / p95 ms", "CPU µs")]
    return Table(
        f"{target.name}, by number of posts",
        ["page", *heads, "p95, most to fewest", "CPU"],
        [[name, *_figures(several)] for name, several in runs.items()],
    )


def _figures(runs: list[Run]) -> list[str]:
    """Of a page at each number of posts, and how the last compares with the first."""
    figures = []
    for run in runs:
        figures += [f"{run.load.p50:.1f} / {run.load.p95:.1f}", number(run.cpu)]
    if len(runs) == len(POSTS):
        p95 = runs[-1].load.p95 / runs[0].load.p95
        figures += [f"{p95:.2f}", f"{runs[-1].cpu / runs[0].cpu:.2f}"]
    return figures


def resting(rows: list[Row], stage: Stage) -> Table:
    """What is there before anybody has asked for much, and what a first visit fetches."""
    heads = ["target", "start s", f"PSS MB, {WORKERS} workers", "1 worker", "page B", "gzip B"]
    return Table(
        "At rest, and the weight of the page",
        [*heads, "its parts", "their B"],
        [
            [
                row.target.name,
                f"{row.median(lambda run: run.start):.2f}",
                number(row.median(lambda run: run.at_rest)),
                *_alone(row, stage),
            ]
            for row in rows
            if row.runs
        ],
    )


def _alone(row: Row, stage: Stage) -> list[str]:
    size = [number(row.runs[0].size), number(row.runs[0].zipped)]
    try:
        memory, parts = alone(row.target, stage)
    except Unfit:
        return ["–", *size, "–", "–"]
    one = number(memory) if row.target.has_workers else "–"
    return [one, *size, *([str(len(parts)), number(sum(parts))] if parts else ["–", "–"])]


def _each(rows: list[Row], stage: Stage, ways: list[Way]) -> Iterator[tuple[Row, list[Run]]]:
    for row in (row for row in rows if row.runs and row.target.is_curve):
        if runs := _tried(_measure_ways, row.target, stage, ways):
            yield row, runs


def _measure_ways(target: Target, stage: Stage, ways: list[Way]) -> list[Run]:
    return [measure(target, stage, way) for way in ways]


def _tried(
    work: Callable[[Target, Stage, list[Way]], list[Run]],
    target: Target,
    stage: Stage,
    ways: list[Way],
) -> list[Run]:
    """A target that fails here loses its line, and not everybody's hour."""
    print(f"curve    {target.name}", file=sys.stderr, flush=True)
    try:
        return work(target, stage, ways)
    except Unfit as fault:
        print(fault, file=sys.stderr, flush=True)
        return []


def _rates(runs: list[Run]) -> list[str]:
    return [number(run.load.rate) for run in runs]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.curves")
    parser.add_argument("--only", default="", help="the database, where it is not each")
    given = parser.parse_args()
    for target in targets():
        if target.is_grown and given.only in target.database:
            print(by_posts(target), flush=True)


if __name__ == "__main__":
    main()
