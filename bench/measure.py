"""One run of a target: started, checked, warmed, loaded, stopped; and what that cost."""

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
QUIET = 0.1  # cores that others may take before a run is made again
TRIES = 3
PARTS = re.compile(
    r"""<(?:link(?=[^>]*stylesheet)|script|img)[^>]*?(?:href|src)=["'](?:http://127[.0-9:]+)?(/[^"']+)"""
)
IDLE = 0.02  # seconds of CPU in a fifth of a second
SETTLING = 1.0  # seconds after the first page until all workers have come up


@dataclass(frozen=True)
class Run:
    """What was seen. Seconds, microseconds of CPU for each request, MiB, bytes."""

    load: Load
    cpu: float
    memory: float
    at_rest: float
    start: float
    size: int
    zipped: int
    others: float


@dataclass(frozen=True)
class Way:
    """How a target is run where that is not as usual."""

    seconds: float = 4
    tries: int = TRIES
    connections: int = CONNECTIONS
    workers: int = WORKERS
    path: str = ""


def measure(target: Target, stage: Stage, way: Way) -> Run:
    """A run that nobody has disturbed; or, of several that somebody has, the least disturbed."""

    def run() -> Run:
        with Running(target, stage, way.workers) as it:
            return under_load(it, way, _resting(it))

    return _undisturbed(run, way.tries)


def measure_pages(target: Target, stage: Stage, ways: list[Way]) -> list[Run]:
    """The same for several pages of a target that is started once."""
    with Running(target, stage) as it:
        return [_undisturbed(partial(under_load, it, way), way.tries) for way in ways]


def alone(target: Target, stage: Stage) -> tuple[float, list[int]]:
    """MiB of the whole stack with one worker after its first page, and the bytes of each style,
    script and picture that this page asks its own server for."""
    with Running(target, stage, workers=1) as it:
        resting = _resting(it)
        replies = [ask(it.asked, path) for path in sorted(set(PARTS.findall(it.page.text)))]
        return resting, [len(reply.body) for reply in replies if reply.status == 200]


def under_load(it: Running, way: Way, resting: float = 0) -> Run:
    readers = partial(load, it.url(way.path), way.connections, headers=it.target.headers)
    readers(seconds=1)
    _wait_until_idle(it)
    stack = it.processes
    began, cpu, others = _clocks(stack)
    seen = readers(seconds=way.seconds)
    ended, cpu_then, others_then = _clocks(stack | it.processes)
    return Run(
        load=seen,
        cpu=(cpu_then - cpu) * 1e6 / max(1, seen.requests),
        memory=processes.memory(it.processes),
        at_rest=resting,
        start=it.took,
        size=len(it.page.body),
        zipped=len(gzip.compress(it.page.body, 6)),
        others=(others_then - others) / (ended - began),
    )


def _undisturbed(run: Callable[[], Run], tries: int) -> Run:
    runs: list[Run] = []
    while len(runs) < tries and all(run.others > QUIET for run in runs):
        runs.append(run())
    return min(runs, key=lambda run: run.others)


def _wait_until_idle(it: Running) -> None:
    """A slow target is still busy with what the warm-up asked for and did not wait for."""
    before = 0.0
    for _ in range(25):
        if (spent := processes.cpu(it.processes)) - before < IDLE:
            return
        before = spent
        time.sleep(0.2)


def _resting(it: Running) -> float:
    time.sleep(SETTLING)
    return processes.memory(it.processes)


def _clocks(stack: set[int]) -> tuple[float, float, float]:
    """Now, what the stack has used by now, and what others have."""
    return time.perf_counter(), processes.cpu(stack), processes.cpu_of_others(stack | {os.getpid()})
