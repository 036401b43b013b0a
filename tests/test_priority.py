"""Turns: one by one in all processes together, and nobody's turn is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from blog.priority import Turns

HOLDS = """
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("mine", flush=True)
time.sleep(60)
"""


async def do(seen: list[str], name: str) -> None:
    seen.append(f"{name} begins")
    await asyncio.sleep(0.1)
    seen.append(f"{name} ends")


async def test_one_comes_after_the_other_in_two_workers(tmp_path: Path) -> None:
    seen: list[str] = []
    here, there = Turns(tmp_path, "x"), Turns(tmp_path, "x")
    async with asyncio.TaskGroup() as group:
        for name, turns in (("a", here), ("b", there), ("c", here)):
            group.create_task(turns.take(lambda name=name: do(seen, name)))
    begun, ended = seen[::2], seen[1::2]
    assert [line[0] for line in begun] == [line[0] for line in ended]
    assert len(begun) == 3


async def test_what_was_begun_is_finished_before_the_next_turn_whoever_leaves(
    tmp_path: Path,
) -> None:
    seen: list[str] = []
    turns = Turns(tmp_path, "x")
    first = asyncio.create_task(turns.take(lambda: do(seen, "a")))
    waiting = asyncio.create_task(turns.take(lambda: do(seen, "b")))
    await asyncio.sleep(0.05)
    first.cancel()
    waiting.cancel()
    await turns.take(lambda: do(seen, "c"))
    assert seen == ["a begins", "a ends", "c begins", "c ends"]


async def test_whoever_dies_takes_no_turn_along(tmp_path: Path) -> None:
    turns, seen = Turns(tmp_path, "x"), list[str]()
    (seat,) = tmp_path.iterdir()
    told = [sys.executable, "-c", HOLDS, str(seat)]
    with subprocess.Popen(told, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220 -- nobody waits
        assert other.stdout and other.stdout.readline() == b"mine\n"
        mine = asyncio.create_task(turns.take(lambda: do(seen, "a")))
        await asyncio.sleep(0.1)
        assert seen == []
        os.kill(other.pid, signal.SIGKILL)
        await mine
    assert seen == ["a begins", "a ends"]
