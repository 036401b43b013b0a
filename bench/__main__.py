"""Runs the benchmark: measures the same page on this blog and on other web stacks.

    python -m bench                     everything; writes bench/RESULTS.md and RESULTS.svg
    python -m bench --quick             one short round without the curves
    python -m bench --only 'flask.*gunicorn' --only …

A partial run writes to .bench/ only, so that it does not replace the results of a complete run.
"""

import argparse
import sys
from pathlib import Path

from bench import curves
from bench.measure import RunOptions
from bench.picture import picture
from bench.report import Table, report
from bench.rounds import Row, measure_all
from bench.stage import HOME, Stage, install_rivals, staged
from bench.target import FOLDER, targets

POSTS = 1_000
ROUNDS = 3


def main() -> int:
    args = arguments()
    selected = targets("|".join(args.only))
    if any(target.needs_rivals for target in selected):
        install_rivals()
    rounds, options = (1, RunOptions(seconds=2, tries=1)) if args.quick else (ROUNDS, RunOptions())
    with staged(POSTS) as stage:
        rows = measure_all(selected, stage, rounds, options)
        save(HOME, rows, report(rows, [], rounds))  # in case the curves are interrupted
        tables = [] if args.quick else extra_tables(rows, stage)
    text = report(rows, tables, rounds)
    print(text)
    if not (args.quick or args.only):
        save(FOLDER, rows, text)
    save(HOME, rows, text)
    return int(any(row.fault and not row.target.missing for row in rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short round, no curves")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only targets whose name matches",
    )
    return parser.parse_args()


def save(folder: Path, rows: list[Row], text: str) -> None:
    """Write the report and the chart to a folder."""
    folder.joinpath("RESULTS.md").write_text(text, "utf-8")
    folder.joinpath("RESULTS.svg").write_text(picture(rows), "utf-8")


def extra_tables(rows: list[Row], stage: Stage) -> list[Table]:
    """Measure the startup and the curves, which a quick run leaves out."""
    return [
        curves.at_rest_table(rows, stage),
        curves.by_connections(rows, stage),
        curves.by_workers(rows, stage),
        *(
            curves.by_posts(row.target)
            for row in rows
            if row.target.is_measured_by_posts and row.runs
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
