"""How long readers wait while everything heavy goes on at once, and how long they wait alone.

    python -m bench.mixed --rounds 3 --workers 4
    python -m bench.mixed --work import         only some of it, to see which it is that hurts

Meanwhile people sign in, twenty photographs of twelve million pixels are uploaded, 700 posts are
imported, eight connections search without a pause, and mails are due to a server that takes every
call and never says a word. Readers ask for pages that are kept and for pages that are rendered.
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
READERS, PAUSE = 8, 0.05  # each asks, gets its page, and pauses for so many seconds
FIRST, ALONE = 5.0, 20.0  # seconds: until each worker has met its statements; read alone
LISTS = ("/", "/archive", "/tags/tag-1", "/feed.atom")
RENDERED = "Cookie: waiting=x"  # whose comment waits has pages of their own, rendered each time
LAG = re.compile(r'_lag_(p99|worst)_seconds\{worker="([^"]+)".*\} (\S+)')
MORE, LATE = 25, 10  # milliseconds at p99: that readers may wait longer, and the loop be late


@dataclass
class Seen:
    """Milliseconds that readers waited for pages that are kept and for others, and that the event
    loops of the workers were late."""

    kept: list[float] = field(default_factory=list)
    rendered: list[float] = field(default_factory=list)
    lag: dict[str, list[float]] = field(default_factory=dict)
    held: int = 0  # times that the log tells of
    done: str = ""

    @property
    def p99(self) -> float:
        return share(self.kept + self.rendered, 0.99)


def main() -> int:
    given = arguments()
    pairs = []
    with TemporaryDirectory() as folder:
        load = Load(heavy.old_blog(Path(folder)), heavy.photographs(), given.work or WORK)
        for _ in range(given.rounds):
            pairs.append([look(Path(folder), given.workers, what) for what in (None, load)])
            for seen in pairs[-1]:
                tell(seen)
    return report(pairs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--work", action="append", choices=WORK)
    return parser.parse_args()


def look(folder: Path, workers: int, load: Load | None) -> Seen:
    """A blog of its own, started, read, and stopped."""
    config = Config(data_dir=folder / "data", port=free_port())
    config.data_dir.mkdir()
    shutil.copy(world(HOME, POSTS).config.sqlite_file, config.data_dir)
    told = environment(config, **(heavy.prepare(config, load) if load else {}))
    try:
        with Site(config, "-w", str(workers), env=told) as site:
            seen = asyncio.run(watch(config, load))
            seen.lag, seen.held = lag(site, workers), site.said.count("event loop was blocked")
            return seen
    finally:
        shutil.rmtree(config.data_dir)


async def watch(config: Config, load: Load | None) -> Seen:
    with reading(config.port):
        await asyncio.sleep(FIRST)
    began, done = time.monotonic(), ""
    with reading(config.port) as seen:
        if load:
            done = await Heavy(config, load).work()
        else:
            await asyncio.sleep(ALONE)
    seen.done = f"{time.monotonic() - began:.0f} s, {done or 'nobody else'}"
    return seen


def lag(site: Site, workers: int) -> dict[str, list[float]]:
    """Milliseconds at p99 and at worst, of each worker."""
    found: dict[str, list[float]] = {}
    while len(found) < workers:
        for _, worker, seconds in LAG.findall(ask(site.port, "/health/metrics").text):
            found.setdefault(worker, []).append(float(seconds) * 1000)
    return {worker: numbers[:2] for worker, numbers in found.items()}


# --- readers, in a process of their own ---


@contextlib.contextmanager
def reading(port: int) -> Iterator[Seen]:
    """Readers, from here to the end of the block; then what they saw."""
    seen, (ours, theirs) = Seen(), Pipe()
    crowd = Process(target=read_all, args=(port, theirs))
    crowd.start()
    try:
        yield seen
        ours.send("enough")
        seen.kept, seen.rendered = ours.recv()
    finally:
        crowd.join(30)
        crowd.kill()


def read_all(port: int, line: Connection) -> None:
    _go_first()
    waits: tuple[list[float], list[float]] = ([], [])
    is_over = threading.Event()
    crowd = [threading.Thread(target=read, args=(n, port, waits, is_over)) for n in range(READERS)]
    for reader in crowd:
        reader.start()
    line.recv()
    is_over.set()
    for reader in crowd:
        reader.join()
    line.send(waits)


def _go_first() -> None:
    """They stand for readers elsewhere, who need no processor of ours. Where the kernel shares out
    by sessions, niceness counts only within one."""
    os.setsid()
    with contextlib.suppress(OSError):  # as root
        Path("/proc/self/autogroup").write_text("-15")
        os.nice(-10)


def read(
    number: int, port: int, waits: tuple[list[float], list[float]], is_over: threading.Event
) -> None:
    chance = random.Random(number)  # noqa: S311 -- the same pages each time
    with RawConnection(port) as wire:
        while not is_over.wait(PAUSE * chance.uniform(0.5, 1.5)):
            is_rendered = number % 2 == 0
            path = chance.choice([*LISTS, *map(path_of, range(POSTS - 20, POSTS))])
            words = plain(path, RENDERED) if is_rendered else plain(path)
            began = time.perf_counter()
            status = wire.ask(words).status
            waits[is_rendered].append((time.perf_counter() - began) * 1000)
            assert status == 200, f"{path} answered {status}"


# --- what came of it ---


def share(waits: list[float], of: float) -> float:
    """What this share of them did not exceed."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * of))]


def tell(seen: Seen) -> None:
    print(seen.done)
    for kind, waits in (("kept", seen.kept), ("rendered", seen.rendered)):
        half, most, all_ = (share(waits, of) for of in (0.5, 0.99, 1))
        print(f"  {len(waits)} pages {kind}: {half:.1f} ms, p99 {most:.1f}, worst {all_:.1f}")
    each = ", ".join(f"{p99:.1f}/{worst:.0f}" for p99, worst in sorted(seen.lag.values()))
    print(f"  the loops were late by (p99/worst) {each} ms; {seen.held} were held", flush=True)


def report(pairs: list[list[Seen]]) -> int:
    more = median(meanwhile.p99 - alone.p99 for alone, meanwhile in pairs)
    late = median(max(p99 for p99, _ in meanwhile.lag.values()) for _, meanwhile in pairs)
    print(f"readers' p99: {more:+.1f} ms (asked: {MORE} at most)")
    print(f"the latest loop's p99: {late:.1f} ms (asked: below {LATE})")
    return int(more > MORE or late >= LATE)


if __name__ == "__main__":
    sys.exit(main())
