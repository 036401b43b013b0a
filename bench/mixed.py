"""Measures how long readers wait while all heavy work runs at once, and without any of it.

    python -m bench.mixed --rounds 3 --workers 4
    python -m bench.mixed --work import         only this work, to find out what slows readers

The work: people sign in, 20 photographs of 12 megapixels are uploaded, 700 posts are imported,
eight connections search without a pause, and emails are due for a mail server that
accepts connections but never responds. Readers request cached pages and pages that are rendered for
each request.
"""

import argparse
import asyncio
import contextlib
import os
import random
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import heavy
from bench.heavy import WORK, Heavy, Load
from bench.planting import path_of
from bench.stage import HOME
from bench.world import world
from blog.config import Config
from tests.support.live_server import Site, ask, environment, free_port
from tests.support.raw_connection import RawConnection, plain

POSTS = 1_000
READERS, PAUSE = 8, 0.05  # number of readers; seconds each pauses after a response
WARM_UP, ALONE = 5.0, 20.0  # seconds: for warming up every worker; for reading without work
LISTS = ("/", "/archive", "/tags/tag-1", "/feed.atom")
RENDERED = "Cookie: waiting=x"  # a reader with a pending comment gets personal, uncached pages
LAG = re.compile(r'_lag_(p99|worst)_seconds\{worker="([^"]+)".*\} (\S+)')
# Limits at p99, in milliseconds: the extra waiting time of readers, and the lag of the event loop.
MAX_EXTRA_WAIT, MAX_LAG = 25, 10


@dataclass
class Result:
    """The result of one measurement.

    `cached` and `rendered` are the waiting times of readers, and `lag` is the p99 and the worst
    lag of the event loop of each worker, all in milliseconds.
    """

    cached: list[float] = field(default_factory=list)
    rendered: list[float] = field(default_factory=list)
    lag: dict[str, list[float]] = field(default_factory=dict)
    blocked: int = 0  # how often the log reports a blocked event loop
    work: str = ""  # what was done meanwhile

    @property
    def p99(self) -> float:
        return share(self.cached + self.rendered, 0.99)


def main() -> int:
    args = arguments()
    pairs = []
    with TemporaryDirectory() as folder:
        load = Load(heavy.old_blog(Path(folder)), heavy.photographs(), args.work or WORK)
        for _ in range(args.rounds):
            pairs.append([run_once(Path(folder), args.workers, work) for work in (None, load)])
            for result in pairs[-1]:
                print_result(result)
    return report(pairs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--work", action="append", choices=WORK)
    return parser.parse_args()


def run_once(folder: Path, workers: int, load: Load | None) -> Result:
    """Start a new blog, measure its readers with or without work, and stop it."""
    config = Config(data_dir=folder / "data", port=free_port())
    config.data_dir.mkdir()
    shutil.copy(world(HOME, POSTS).config.sqlite_file, config.data_dir)
    env = environment(config, **(heavy.prepare(config, load) if load else {}))
    try:
        with Site(config, "-w", str(workers), env=env) as site:
            result = asyncio.run(watch(config, load))
            result.lag = lag(site, workers)
            result.blocked = site.said.count("event loop was blocked")
            return result
    finally:
        shutil.rmtree(config.data_dir)


async def watch(config: Config, load: Load | None) -> Result:
    with reading(config.port):
        await asyncio.sleep(WARM_UP)
    began, done = time.monotonic(), ""
    with reading(config.port) as result:
        if load:
            done = await Heavy(config, load).work()
        else:
            await asyncio.sleep(ALONE)
    result.work = f"{time.monotonic() - began:.0f} s, {done or 'no other work'}"
    return result


def lag(site: Site, workers: int) -> dict[str, list[float]]:
    """Return the p99 and the worst lag of the event loop of each worker, in milliseconds."""
    lags: dict[str, list[float]] = {}
    while len(lags) < workers:
        for _, worker, seconds in LAG.findall(ask(site.port, "/health/metrics").text):
            lags.setdefault(worker, []).append(float(seconds) * 1000)
    return {worker: numbers[:2] for worker, numbers in lags.items()}


# --- readers, in a separate process ---


@contextlib.contextmanager
def reading(port: int) -> Iterator[Result]:
    """Run readers during the block, then fill the result with their waiting times."""
    result, (pipe, readers_end) = Result(), Pipe()
    readers = Process(target=read_all, args=(port, readers_end))
    readers.start()
    try:
        yield result
        pipe.send("stop")
        result.cached, result.rendered = pipe.recv()
    finally:
        readers.join(30)
        readers.kill()


def read_all(port: int, pipe: Connection) -> None:
    _raise_priority()
    waits: tuple[list[float], list[float]] = ([], [])
    stop = threading.Event()
    readers = [threading.Thread(target=read, args=(n, port, waits, stop)) for n in range(READERS)]
    for reader in readers:
        reader.start()
    pipe.recv()
    stop.set()
    for reader in readers:
        reader.join()
    pipe.send(waits)


def _raise_priority() -> None:
    """Raise the priority of this process, because real readers run on other machines.

    Where the kernel schedules by session (autogroup), niceness counts only within a session.
    """
    os.setsid()
    with contextlib.suppress(OSError):  # only root may do this
        Path("/proc/self/autogroup").write_text("-15")
        os.nice(-10)


def read(
    number: int, port: int, waits: tuple[list[float], list[float]], stop: threading.Event
) -> None:
    chance = random.Random(number)  # noqa: S311 -- the same pages each time
    with RawConnection(port) as connection:
        while not stop.wait(PAUSE * chance.uniform(0.5, 1.5)):
            is_rendered = number % 2 == 0
            path = chance.choice([*LISTS, *map(path_of, range(POSTS - 20, POSTS))])
            request = plain(path, RENDERED) if is_rendered else plain(path)
            began = time.perf_counter()
            status = connection.ask(request).status
            waits[is_rendered].append((time.perf_counter() - began) * 1000)
            assert status == 200, f"{path} returned status {status}"


# --- results ---


def share(waits: list[float], part: float) -> float:
    """Return the waiting time that this share of requests did not exceed."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * part))]


def print_result(result: Result) -> None:
    print(result.work)
    for kind, waits in (("cached", result.cached), ("rendered", result.rendered)):
        p50, p99, longest = (share(waits, part) for part in (0.5, 0.99, 1))
        print(
            f"  {len(waits)} {kind} pages: p50 {p50:.1f} ms, p99 {p99:.1f}, longest {longest:.1f}"
        )
    each = ", ".join(f"{p99:.1f}/{worst:.0f}" for p99, worst in sorted(result.lag.values()))
    print(f"  event loop lag (p99/worst): {each} ms; blocked {result.blocked} times", flush=True)


def report(pairs: list[list[Result]]) -> int:
    extra_wait = median(meanwhile.p99 - alone.p99 for alone, meanwhile in pairs)
    worst_lag = median(max(p99 for p99, _ in meanwhile.lag.values()) for _, meanwhile in pairs)
    print(f"p99 of readers: {extra_wait:+.1f} ms (limit: {MAX_EXTRA_WAIT})")
    print(f"highest p99 of event loop lag: {worst_lag:.1f} ms (limit: below {MAX_LAG})")
    return int(extra_wait > MAX_EXTRA_WAIT or worst_lag >= MAX_LAG)


if __name__ == "__main__":
    sys.exit(main())
