"""Turns: they limit concurrent work across processes, and none is lost."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from blog.priority import WorkLimiter

HOLD_THE_LOCK = """
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


def workers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> Iterator[WorkLimiter]:
    """Yield any number of workers' turns, on a machine with so many processors."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    with ExitStack() as stack:
        while True:
            yield stack.enter_context(closing(WorkLimiter(folder, "x")))


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iterator[WorkLimiter]]:
    """Workers on two processors: one of them at a time has its turn."""
    with closing(workers(tmp_path, monkeypatch, 2)) as made:
        yield made


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iterator[WorkLimiter]]:
    """Workers on four processors: two of them at a time have their turn."""
    with closing(workers(tmp_path, monkeypatch, 4)) as made:
        yield made


async def test_two_workers_take_turns_one_after_the_other(two: Iterator[WorkLimiter]) -> None:
    seen: list[str] = []
    here, there = next(two), next(two)
    async with asyncio.TaskGroup() as group:
        for name, turns in (("a", here), ("b", there), ("c", here)):
            group.create_task(turns.take(lambda name=name: do(seen, name)))
    begun, ended = seen[::2], seen[1::2]
    assert [line[0] for line in begun] == [line[0] for line in ended]
    assert len(begun) == 3


async def test_at_most_half_of_the_processors_are_used(
    four: Iterator[WorkLimiter],
) -> None:
    seen: list[str] = []
    turns = [next(four) for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        for name, worker in zip("abc", turns, strict=True):
            group.create_task(worker.take(lambda name=name: do(seen, name)))
    begins = [line for line in seen if line.endswith("begins")]
    assert seen[:2] == begins[:2]
    assert seen[2] != begins[2]


async def test_taking_a_turn_opens_no_file(two: Iterator[WorkLimiter]) -> None:
    turns = next(two)
    before = os.listdir("/proc/self/fd")

    async def opened() -> list[str]:
        return os.listdir("/proc/self/fd")

    assert await turns.take(opened) == before


async def test_work_of_a_cancelled_caller_is_finished_before_the_next_turn(
    two: Iterator[WorkLimiter],
) -> None:
    seen: list[str] = []
    turns = next(two)
    first = asyncio.create_task(turns.take(lambda: do(seen, "a")))
    waiting = asyncio.create_task(turns.take(lambda: do(seen, "b")))
    await asyncio.sleep(0.05)
    first.cancel()
    waiting.cancel()
    await turns.take(lambda: do(seen, "c"))
    assert seen == ["a begins", "a ends", "c begins", "c ends"]


async def test_a_caller_cancelled_while_waiting_takes_no_turn(two: Iterator[WorkLimiter]) -> None:
    seen: list[str] = []
    here, there = next(two), next(two)
    first = asyncio.create_task(there.take(lambda: do(seen, "a")))
    await asyncio.sleep(0.02)
    waiting = asyncio.create_task(here.take(lambda: do(seen, "b")))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.wait_for(here.take(lambda: do(seen, "c")), 5)
    await first
    assert seen == ["a begins", "a ends", "c begins", "c ends"]


async def test_a_killed_process_gives_its_turn_back(
    two: Iterator[WorkLimiter], tmp_path: Path
) -> None:
    turns, seen = next(two), list[str]()
    (seat,) = tmp_path.iterdir()
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(seat)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220 -- starts without waiting
        assert other.stdout and other.stdout.readline() == b"mine\n"
        mine = asyncio.create_task(turns.take(lambda: do(seen, "a")))
        await asyncio.sleep(0.1)
        assert seen == []
        os.kill(other.pid, signal.SIGKILL)
        await mine
    assert seen == ["a begins", "a ends"]


async def test_after_each_turn_there_is_a_pause_of_the_same_length(
    two: Iterator[WorkLimiter],
) -> None:
    seen: list[str] = []
    turns, began = next(two), time.monotonic()
    await turns.take(lambda: do(seen, "a"))
    answered = time.monotonic() - began
    await turns.take(lambda: do(seen, "b"))
    assert time.monotonic() - began > 0.29
    assert answered < 0.29, "A single caller must not wait for the pause."
