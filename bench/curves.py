"""Measures how results change with the number of connections, workers and posts.

python -m bench.curves              pages of this blog by number of posts
python -m bench.curves --only sqlite
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

from bench.measure import Run, RunOptions, measure, measure_one_worker, measure_pages
from bench.planting import CHINESE, COMMON_TAG, RARE_TAG, measured_id, path_of
from bench.report import Table, number
from bench.rounds import Row
from bench.running import WORKERS
from bench.stage import Stage, staged
from bench.target import Target, TargetError, targets

CONNECTIONS = (64, 256, 1024)
WORKERS_TRIED = (1, 2, 4)
POSTS = (100, 1_000, 10_000, 100_000)
PER_PAGE = 10  # default of a new blog
# A single reader does not wait for other requests.
ONE_READER = RunOptions(connections=1, seconds=3)


def pages(posts: int) -> dict[str, str]:
    """Return a path of each kind of page for this number of posts, by the name in the table."""
    last, half = posts // PER_PAGE, posts // PER_PAGE // 2
    word = quote(CHINESE[:2])
    return {
        "a post": path_of(measured_id(posts)),
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
        "a rare one": f"/search?q=part+{measured_id(posts)}",
        "a Chinese one": f"/search?q={word}",
        "the feed": "/feed.atom",
        "a tag's": f"/tags/tag-{COMMON_TAG}/feed.atom",
        "the sitemap": "/sitemap.xml",
    }


def by_connections(rows: list[Row], stage: Stage) -> Table:
    return Table(
        "By number of connections",
        [
            "target",
            *(f"{many:,}: req/s" for many in CONNECTIONS),
            *(f"{many:,}: p99 ms" for many in CONNECTIONS),
        ],
        [
            [row.target.name, *_rates(runs), *(number(run.load.p99) for run in runs)]
            for row, runs in _runs_of_rows(
                rows, stage, [RunOptions(connections=many) for many in CONNECTIONS]
            )
        ],
    )


def by_workers(rows: list[Row], stage: Stage) -> Table:
    rows = [row for row in rows if row.target.has_workers]
    return Table(
        "By number of workers",
        [
            "target",
            *(f"{workers}: req/s" for workers in WORKERS_TRIED),
            *(f"{workers}: PSS MB" for workers in WORKERS_TRIED),
        ],
        [
            [row.target.name, *_rates(runs), *(number(run.memory) for run in runs)]
            for row, runs in _runs_of_rows(
                rows, stage, [RunOptions(workers=workers) for workers in WORKERS_TRIED]
            )
        ],
    )


def by_posts(target: Target) -> Table:
    """Measure the pages of this blog for one reader, with an increasing number of posts."""
    runs: dict[str, list[Run]] = {name: [] for name in pages(POSTS[0])}
    for many in POSTS:
        with staged(many) as stage:
            options_list = [replace(ONE_READER, path=path) for path in pages(many).values()]
            for name, run in zip(
                runs, _run_or_skip(measure_pages, target, stage, options_list), strict=False
            ):
                runs[name].append(run)
    heads = [f"{many:,}: {what}" for many in POSTS for what in ("p50 / p95 ms", "CPU µs")]
    return Table(
        f"{target.name}, by number of posts",
        ["page", *heads, "p95, most to fewest", "CPU"],
        [[name, *_cells(page_runs)] for name, page_runs in runs.items()],
    )


def _cells(runs: list[Run]) -> list[str]:
    """Return the cells of a page by number of posts, and the ratios of the last to the first."""
    cells = []
    for run in runs:
        cells += [f"{run.load.p50:.1f} / {run.load.p95:.1f}", number(run.cpu)]
    if len(runs) == len(POSTS):
        p95 = runs[-1].load.p95 / runs[0].load.p95
        cells += [f"{p95:.2f}", f"{runs[-1].cpu / runs[0].cpu:.2f}"]
    return cells


def at_rest_table(rows: list[Row], stage: Stage) -> Table:
    """Return a table of startup time, memory without load, and bytes of a first visit."""
    heads = ["target", "start s", f"PSS MB, {WORKERS} workers", "1 worker", "page B", "gzip B"]
    return Table(
        "At rest, and the weight of the page",
        [*heads, "its parts", "their B"],
        [
            [
                row.target.name,
                f"{row.median(lambda run: run.start):.2f}",
                number(row.median(lambda run: run.at_rest)),
                *_one_worker_cells(row, stage),
            ]
            for row in rows
            if row.runs
        ],
    )


def _one_worker_cells(row: Row, stage: Stage) -> list[str]:
    size = [number(row.runs[0].size), number(row.runs[0].zipped)]
    try:
        memory, parts = measure_one_worker(row.target, stage)
    except TargetError:
        return ["–", *size, "–", "–"]
    one = number(memory) if row.target.has_workers else "–"
    return [one, *size, *([str(len(parts)), number(sum(parts))] if parts else ["–", "–"])]


def _runs_of_rows(
    rows: list[Row], stage: Stage, options_list: list[RunOptions]
) -> Iterator[tuple[Row, list[Run]]]:
    for row in (row for row in rows if row.runs and row.target.is_curve):
        if runs := _run_or_skip(_measure_all, row.target, stage, options_list):
            yield row, runs


def _measure_all(target: Target, stage: Stage, options_list: list[RunOptions]) -> list[Run]:
    return [measure(target, stage, options) for options in options_list]


def _run_or_skip(
    work: Callable[[Target, Stage, list[RunOptions]], list[Run]],
    target: Target,
    stage: Stage,
    options_list: list[RunOptions],
) -> list[Run]:
    """Call `work`; if the target fails, print why and return no runs, so that the others go on."""
    print(f"curve    {target.name}", file=sys.stderr, flush=True)
    try:
        return work(target, stage, options_list)
    except TargetError as fault:
        print(fault, file=sys.stderr, flush=True)
        return []


def _rates(runs: list[Run]) -> list[str]:
    return [number(run.load.rate) for run in runs]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.curves")
    parser.add_argument("--only", default="", help="only this database")
    args = parser.parse_args()
    for target in targets():
        if target.is_measured_by_posts and args.only in target.database:
            print(by_posts(target), flush=True)


if __name__ == "__main__":
    main()
