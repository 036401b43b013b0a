"""Measures one run of a target: start, check, warm-up, load, stop."""

import gzip
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import processes
from bench.load import Load, load
from bench.running import WORKERS, Running
from bench.stage import Stage
from bench.target import Target
from tests.support.live_server import ask

CONNECTIONS = 64
QUIET = 0.1  # a run is repeated if other processes use more cores than this
TRIES = 3
PARTS = re.compile(
    r"""<(?:link(?=[^>]*stylesheet)|script|img)[^>]*?(?:href|src)=["'](?:http://127[.0-9:]+)?(/[^"']+)"""
)
IDLE = 0.02  # CPU seconds in 0.2 seconds, below which a target is idle
SETTLING = 1.0  # seconds after the first page until all workers have come up


@dataclass(frozen=True)
class Run:
    """The results of a run.

    `cpu` is in microseconds per request, `memory` and `at_rest` are MiB of PSS, `start` is in
    seconds, `size` and `zipped` are bytes of the page, and
    `others` is the number of cores that other processes used.
    """

    load: Load
    cpu: float
    memory: float
    at_rest: float
    start: float
    size: int
    zipped: int
    others: float


@dataclass(frozen=True)
class RunOptions:
    """Settings of a run. An empty `path` is the page that all targets serve."""

    seconds: float = 4
    tries: int = TRIES
    connections: int = CONNECTIONS
    workers: int = WORKERS
    path: str = ""


def measure(target: Target, stage: Stage, options: RunOptions) -> Run:
    """Return the first undisturbed run or, after all tries, the least disturbed one."""

    def run() -> Run:
        with Running(target, stage, options.workers) as running:
            return under_load(running, options, _memory_at_rest(running))

    return _undisturbed(run, options.tries)


def measure_pages(target: Target, stage: Stage, options_list: list[RunOptions]) -> list[Run]:
    """Measure several pages of a target that is started only once."""
    with Running(target, stage) as running:
        return [
            _undisturbed(partial(under_load, running, options), options.tries)
            for options in options_list
        ]


def measure_one_worker(target: Target, stage: Stage) -> tuple[float, list[int]]:
    """Start a target with one worker, without load.

    Returns the MiB of the whole stack after its first page, and the sizes in bytes of the style
    sheets, scripts and images of this page that its own server serves.
    """
    with Running(target, stage, workers=1) as running:
        at_rest = _memory_at_rest(running)
        replies = [
            ask(running.asked, path) for path in sorted(set(PARTS.findall(running.page.text)))
        ]
        return at_rest, [len(reply.body) for reply in replies if reply.status == 200]


def under_load(running: Running, options: RunOptions, at_rest: float = 0) -> Run:
    readers = partial(
        load, running.url(options.path), options.connections, headers=running.target.headers
    )
    readers(seconds=1)
    _wait_until_idle(running)
    stack = running.processes
    start, cpu, others = _read_counters(stack)
    result = readers(seconds=options.seconds)
    end, cpu_then, others_then = _read_counters(stack | running.processes)
    return Run(
        load=result,
        cpu=(cpu_then - cpu) * 1e6 / max(1, result.requests),
        memory=processes.memory(running.processes),
        at_rest=at_rest,
        start=running.took,
        size=len(running.page.body),
        zipped=len(gzip.compress(running.page.body, 6)),
        others=(others_then - others) / (end - start),
    )


def _undisturbed(run: Callable[[], Run], tries: int) -> Run:
    runs: list[Run] = []
    while len(runs) < tries and all(run.others > QUIET for run in runs):
        runs.append(run())
    return min(runs, key=lambda run: run.others)


def _wait_until_idle(running: Running) -> None:
    """Wait at most five seconds, because a slow target still handles requests of the warm-up."""
    before = 0.0
    for _ in range(25):
        cpu = processes.cpu(running.processes)
        if cpu - before < IDLE:
            return
        before = cpu
        time.sleep(0.2)


def _memory_at_rest(running: Running) -> float:
    time.sleep(SETTLING)
    return processes.memory(running.processes)


def _read_counters(stack: set[int]) -> tuple[float, float, float]:
    """Return the time, the CPU seconds of the stack, and those of other processes."""
    return time.perf_counter(), processes.cpu(stack), processes.cpu_of_others(stack | {os.getpid()})
