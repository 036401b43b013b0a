"""How the figures change with the number of connections, of workers and of posts."""

import sys
from collections.abc import Callable, Iterator

from bench.measure import Run, Way, alone, measure, measure_pages
from bench.report import Table, number
from bench.rounds import Row
from bench.running import WORKERS
from bench.stage import Stage, staged
from bench.target import Target, Unfit

MANY = (64, 256, 1024)
WORKED = (1, 2, 4)
POSTS = (100, 1_000, 10_000, 100_000)
FEW = 4  # connections, where a single page may take long
PAGES = {
    "a post": "",
    "the front page": "/",
    "the archive": "/archive",
    "a tag": "/tags/tag-1",
    "a common word": "/search?q=ink",
    "a rare one": "/search?q=part+7",
    "the feed": "/feed.atom",
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
    """Our own pages, each as the database grows, with few readers at once."""
    rows = [[name] for name in PAGES]
    for many in POSTS:
        with staged(many) as stage:
            ways = [Way(path=path, connections=FEW) for path in PAGES.values()]
            for row, run in zip(rows, _tried(measure_pages, target, stage, ways), strict=False):
                row += [number(run.load.p95), number(run.cpu)]
    heads = [f"{many:,}: {what}" for many in POSTS for what in ("p95 ms", "CPU µs")]
    return Table(f"{target.name}, by number of posts", ["page", *heads], rows)


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
