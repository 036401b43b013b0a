"""Measures all targets in interleaved rounds (A B C, A B C, A B C) and computes medians."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bench.measure import QUIET, Run, RunOptions, measure
from bench.stage import Stage
from bench.target import Target, TargetError


@dataclass
class Row:
    """A target and its runs, one for each round. `fault` is the reason if it was not measured."""

    target: Target
    runs: list[Run] = field(default_factory=list)
    fault: str = ""

    def median(self, value: Callable[[Run], float]) -> float:
        """Return the median of a value of each run."""
        return median(map(value, self.runs))

    @property
    def rate(self) -> float:
        return self.median(lambda run: run.load.rate)

    @property
    def spread(self) -> float:
        """The difference between the fastest and the slowest run, relative to the median."""
        rates = [run.load.rate for run in self.runs]
        return (max(rates) - min(rates)) / self.rate if self.rate else 0

    @property
    def is_disturbed(self) -> bool:
        return any(run.others > QUIET for run in self.runs)

    @property
    def has_errors(self) -> bool:
        return any(run.load.broken or run.load.refused for run in self.runs)

    def ratio_to(self, base: "Row | None") -> float | None:
        """Return the median ratio of request rates; each compares two runs of the same round."""
        others = base.runs if base else []
        if len(others) != len(self.runs) or not all(run.load.rate for run in others):
            return None
        pairs = zip(self.runs, others, strict=True)
        return median(run.load.rate / other.load.rate for run, other in pairs)


def measure_all(targets: list[Target], stage: Stage, rounds: int, options: RunOptions) -> list[Row]:
    """Measure each target once per round; one that fails is skipped from then on."""
    rows = [Row(target, fault=missing_programs(target)) for target in targets]
    for number in range(1, rounds + 1):
        for row in rows:
            if not row.fault:
                _add_run(row, stage, options)
                print_progress(f"round {number}", row)
    return rows


def missing_programs(target: Target) -> str:
    """Return a message that names the missing programs, or an empty string."""
    return f"needs {', '.join(target.missing)}" if target.missing else ""


def _add_run(row: Row, stage: Stage, options: RunOptions) -> None:
    try:
        row.runs.append(measure(row.target, stage, options))
    except TargetError as fault:
        row.fault = str(fault).partition("\n")[0]
        print(fault, file=sys.stderr, flush=True)


def print_progress(label: str, row: Row) -> None:
    """Print one line of progress to stderr."""
    if row.fault:
        text = row.fault
    else:
        run = row.runs[-1]
        text = f"{run.load.rate:8.0f}/s {run.cpu:7.0f} µs, others {run.others:.2f} cores"
    print(f"{label}  {row.target.name:46} {text}", file=sys.stderr, flush=True)
