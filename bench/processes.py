"""Reads the CPU time and memory of processes from /proc."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
KERNEL = 2  # process id of kthreadd, the parent of all kernel threads


def all_processes() -> dict[int, tuple[int, float]]:
    """Return the parent id and CPU seconds, including those of ended children, by process id."""
    processes = {}
    for place in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = place.joinpath("stat").read_text().rpartition(")")[2].split()
            processes[int(place.name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICK
    return processes


def family(roots: Iterable[int]) -> set[int]:
    """Return the ids of these processes and of all their descendants."""
    parents = {pid: parent for pid, (parent, _) in all_processes().items()}
    known = set(roots) & parents.keys()
    while children := {pid for pid, parent in parents.items() if parent in known} - known:
        known |= children
    return known


def cpu(pids: set[int]) -> float:
    """Return the CPU seconds that these processes have used."""
    return sum(seconds for pid, (_, seconds) in all_processes().items() if pid in pids)


def cpu_of_others(ours: set[int]) -> float:
    """Return the CPU seconds of other processes without kernel threads, plus the steal time."""
    excluded = ours | {KERNEL}
    others = sum(
        seconds
        for pid, (parent, seconds) in all_processes().items()
        if pid not in excluded and parent != KERNEL
    )
    stolen = int(PROC.joinpath("stat").read_text().split(maxsplit=9)[8]) / TICK
    return others + stolen


def memory(pids: Iterable[int]) -> float:
    """Return the PSS of these processes in MiB; shared memory is counted only once."""
    return sum(map(_proportional, pids)) / 1024


def _proportional(pid: int) -> int:
    try:
        lines = PROC.joinpath(str(pid), "smaps_rollup").read_text().splitlines()
    except OSError:  # the process has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
