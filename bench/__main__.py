"""The same page on every stack, and ours beside them.

    python -m bench                     all of it; writes bench/RESULTS.md and RESULTS.svg
    python -m bench --quick             one short round without the curves
    python -m bench --only 'flask.*gunicorn' --only …

What is asked for in part is written to .bench/ only, and stands in nobody's way.
"""

import argparse
import sys
from pathlib import Path

from bench import curves
from bench.measure import Way
from bench.picture import picture
from bench.report import Table, report
from bench.rounds import Row, measure_all
from bench.stage import HOME, Stage, install_rivals, staged
from bench.target import FOLDER, targets

POSTS = 1_000
ROUNDS = 3


def main() -> int:
    given = arguments()
    chosen = targets("|".join(given.only))
    if any(target.wants_rivals for target in chosen):
        install_rivals()
    rounds, way = (1, Way(seconds=2, tries=1)) if given.quick else (ROUNDS, Way())
    with staged(POSTS) as stage:
        rows = measure_all(chosen, stage, rounds, way)
        keep(HOME, rows, report(rows, [], rounds))  # should what follows be cut short
        more = [] if given.quick else further(rows, stage)
    text = report(rows, more, rounds)
    print(text)
    if not (given.quick or given.only):
        keep(FOLDER, rows, text)
    keep(HOME, rows, text)
    return int(any(row.fault and not row.target.lacks for row in rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round, no curves")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="rows whose name has it"
    )
    return parser.parse_args()


def keep(folder: Path, rows: list[Row], text: str) -> None:
    folder.joinpath("RESULTS.md").write_text(text, "utf-8")
    folder.joinpath("RESULTS.svg").write_text(picture(rows), "utf-8")


def further(rows: list[Row], stage: Stage) -> list[Table]:
    return [
        curves.resting(rows, stage),
        curves.by_connections(rows, stage),
        curves.by_workers(rows, stage),
        *(curves.by_posts(row.target) for row in rows if row.target.is_grown and row.runs),
    ]


if __name__ == "__main__":
    sys.exit(main())
