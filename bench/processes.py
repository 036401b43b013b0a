"""What processes cost, as the kernel counts it."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
KERNEL = 2  # the parent of the kernel's own threads


def all_of_them() -> dict[int, tuple[int, float]]:
    """Each process: its parent, and its seconds of CPU with those of children that have ended."""
    found = {}
    for place in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = place.joinpath("stat").read_text().rpartition(")")[2].split()
            found[int(place.name)] = int(words[1]), sum(map(int, words[11:15])) / TICK
    return found


def family(roots: Iterable[int]) -> set[int]:
    """These processes and all that descend from them."""
    parents = {pid: parent for pid, (parent, _) in all_of_them().items()}
    known = set(roots) & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in known} - known:
        known |= more
    return known


def cpu(pids: set[int]) -> float:
    """Seconds of CPU."""
    return sum(spent for pid, (_, spent) in all_of_them().items() if pid in pids)


def cpu_of_others(ours: set[int]) -> float:
    """Seconds of CPU of everybody else, the kernel aside, and what the machine's host took away."""
    aside = ours | {KERNEL}
    others = sum(
        spent
        for pid, (parent, spent) in all_of_them().items()
        if pid not in aside and parent != KERNEL
    )
    stolen = int(PROC.joinpath("stat").read_text().split(maxsplit=9)[8]) / TICK
    return others + stolen


def memory(pids: Iterable[int]) -> float:
    """MiB of PSS: what several processes share is counted once."""
    return sum(map(_proportional, pids)) / 1024


def _proportional(pid: int) -> int:
    try:
        lines = PROC.joinpath(str(pid), "smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
