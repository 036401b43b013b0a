"""Interleaved rounds: A B C, A B C, A B C; and what comes of them, in medians."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bench.measure import QUIET, Run, Way, measure
from bench.stage import Stage
from bench.target import Target, Unfit


@dataclass
class Row:
    """A target and its runs, one for each round; `fault` says why there are none."""

    target: Target
    runs: list[Run] = field(default_factory=list)
    fault: str = ""

    def median(self, of: Callable[[Run], float]) -> float:
        return median(map(of, self.runs))

    @property
    def rate(self) -> float:
        return self.median(lambda run: run.load.rate)

    @property
    def spread(self) -> float:
        """From the slowest run to the fastest, as a part of the median."""
        rates = [run.load.rate for run in self.runs]
        return (max(rates) - min(rates)) / self.rate if self.rate else 0

    @property
    def is_disturbed(self) -> bool:
        return any(run.others > QUIET for run in self.runs)

    @property
    def has_errors(self) -> bool:
        return any(run.load.broken or run.load.refused for run in self.runs)

    def ratio_to(self, base: "Row | None") -> float | None:
        """Each run against the base's run of the same round."""
        others = base.runs if base else []
        if len(others) != len(self.runs) or not all(run.load.rate for run in others):
            return None
        pairs = zip(self.runs, others, strict=True)
        return median(one.load.rate / other.load.rate for one, other in pairs)


def measure_all(targets: list[Target], stage: Stage, rounds: int, way: Way) -> list[Row]:
    rows = [Row(target, fault=lacking(target)) for target in targets]
    for number in range(1, rounds + 1):
        for row in rows:
            if not row.fault:
                _add_run(row, stage, way)
                tell(f"round {number}", row)
    return rows


def lacking(target: Target) -> str:
    return f"needs {', '.join(target.lacks)}" if target.lacks else ""


def _add_run(row: Row, stage: Stage, way: Way) -> None:
    try:
        row.runs.append(measure(row.target, stage, way))
    except Unfit as fault:
        row.fault = str(fault).partition("\n")[0]
        print(fault, file=sys.stderr, flush=True)


def tell(when: str, row: Row) -> None:
    """A line for whoever waits."""
    if row.fault:
        seen = row.fault
    else:
        run = row.runs[-1]
        seen = f"{run.load.rate:8.0f}/s {run.cpu:7.0f} µs, others {run.others:.2f} cores"
    print(f"{when}  {row.target.name:46} {seen}", file=sys.stderr, flush=True)
