"""Thousands of random changes through real workers: after each, every kept page is what a fresh
rendering is, to the byte, on a connection held to each worker; and whoever reads meanwhile is shown
what was true before or what is true after.

`pytest tests/cache/test_never_stale.py --changes 10000` takes an hour or two.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote

import pytest
from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.markup import render
from blog.models.base import now
from blog.models.posts import publishing
from blog.models.posts.post import Post
from blog.models.users.user import User
from tests.support.cast import ZH_TITLE, Cast
from tests.support.live_server import Site, environment, free_port, wait_for
from tests.support.random_changes import Done, World, change
from tests.support.raw_connection import Heard, RawConnection, plain

pytestmark = [pytest.mark.server, pytest.mark.slow]

READERS = 8
WITHIN = {True: 0.010, False: 0.050}  # seconds, on SQLite and on PostgreSQL
PATHS = (
    "/",
    "/page/2",
    "/archive",
    f"/archive/{now():%Y}",
    f"/archive/{now():%Y}/{now().month}",
    "/tags/marmalade",
    "/tags/ink",
    "/tags/ink/feed.atom",
    "/authors/ann",
    "/authors/ann/feed.atom",
    "/feed.atom",
    "/sitemap.xml",
    "/robots.txt",
    "/about",
    "/brought",
    "/posts/a-marmalade-morning",
    "/posts/a-saffronly-morning",
    "/posts/a-celadonic-morning",
    quote(f"/posts/{ZH_TITLE}"),
)
Seen = tuple[int, bytes]


@dataclass
class Reading:
    """What a reader was shown, and when they asked for it."""

    asked_at: float
    shown_at: float
    path: str
    seen: Seen


@dataclass
class Crowd:
    """Readers on connections of their own, who never stop: `with Crowd(port) as crowd:`."""

    port: int
    readings: list[Reading] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.people = [threading.Thread(target=self.read, args=(n,)) for n in range(READERS)]
        for reader in self.people:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for reader in self.people:
            reader.join()
        assert self.faults == []

    def read(self, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 -- the same paths each time
        try:
            with RawConnection(self.port) as wire:
                while not self.is_over.is_set():
                    path = chance.choice(PATHS)
                    asked_at = time.monotonic()
                    shown = seen(wire.ask(plain(path)))
                    self.readings.append(Reading(asked_at, time.monotonic(), path, shown))
                    time.sleep(0.02)  # eight of them leave the workers something of two cores
        except BaseException as fault:  # told by the test's own thread
            self.faults.append(fault)

    def check(
        self, done: Done, before: dict[str, Seen], true: dict[str, Seen], within: float
    ) -> None:
        """What they were shown since the last check."""
        readings, self.readings = self.readings, []
        for one in readings:
            is_late = one.asked_at > done.true_from + within
            may_be = [true[one.path]] if is_late else [before[one.path], true[one.path]]
            # What is near an address that shows nothing is asked for when that is clear.
            was_nothing = one.seen[0] == before[one.path][0] == 404 and not is_late
            if (is_late or done.is_one) and not was_nothing:
                assert one.seen in may_be, f"{done.what}: {one.path} was {news(one, may_be)}"


def news(shown: Reading, may_be: list[Seen]) -> str:
    """The lines that stand in neither of the pages that it might have been."""
    known = {line for _, page in may_be for line in page.decode().splitlines()}
    lines = [line for line in shown.seen[1].decode().splitlines() if line not in known]
    return f"{shown.seen[0]} with {lines}, and not {[status for status, _ in may_be]}"


def seen(heard: Heard) -> Seen:
    return heard.status, heard.body


@pytest.fixture
def changes(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--changes")


@pytest.fixture
def fresh(migrated: Config, world: Cast) -> Iterator[RawConnection]:
    """A server beside the other, of the same blog, that keeps no page."""
    port = free_port()
    told = environment(migrated, BLOG_PAGES_MB="0", BLOG_PORT=str(port))
    with (
        Site(replace(migrated, port=port), "-w", "1", env=told) as site,
        RawConnection(site.port) as wire,
    ):
        yield wire


@pytest.mark.fuzz
def test_no_reader_is_ever_shown_what_is_no_longer_true(
    migrated: Config, database: Database, world: Cast, fresh: RawConnection, changes: int
) -> None:
    it = World(migrated, database, world, random.Random(4))  # noqa: S311 -- the same each time
    began, seen_acts = time.monotonic(), Counter[str]()
    with Site(migrated) as site, ExitStack() as stack:
        wires = one_to_each_worker(stack, site)
        (true,) = ask_all([fresh])
        with Crowd(migrated.port) as crowd:
            for number in range(changes):
                done, before = change(it), true
                wait_until(done.true_from + WITHIN[migrated.is_sqlite])
                true = compare(f"change {number} ({done.what})", wires, fresh)
                crowd.check(done, before, true, WITHIN[migrated.is_sqlite])
                seen_acts[done.what] += 1
    print(f"{changes} changes in {time.monotonic() - began:.0f} s: {dict(seen_acts)}")


def compare(when: str, wires: list[RawConnection], fresh: RawConnection) -> dict[str, Seen]:
    """What is true now, and what every worker shows."""
    *shown, true = ask_all([*wires, fresh])
    for worker, pages in enumerate(shown):
        stale = [path for path in PATHS if pages[path] != true[path]]
        assert not stale, f"{when}: worker {worker} shows old {stale}"
    return true


def ask_all(wires: list[RawConnection]) -> list[dict[str, Seen]]:
    """What each of them shows; for one page after the other, all are asked at once."""
    shown: list[dict[str, Seen]] = [{} for _ in wires]
    for path in PATHS:
        for wire in wires:
            wire.say(plain(path))
        for wire, pages in zip(wires, shown, strict=True):
            pages[path] = seen(wire.hear())
    return shown


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def test_a_scheduled_post_appears_within_a_second_of_its_moment(
    migrated: Config, database: Database, world: Cast
) -> None:
    with Site(migrated) as site, ExitStack() as stack:
        wires = one_to_each_worker(stack, site)
        for _ in range(3):
            assert all(world.ann_draft.title not in front(wire) for wire in wires)
        due = now() + timedelta(seconds=2)
        database.transact_now(schedule, world.ann_draft.id, due, by=world.ann)
        while now() < due - timedelta(seconds=0.3):
            assert all(world.ann_draft.title not in front(wire) for wire in wires)
        wait_for(lambda: all(world.ann_draft.title in front(wire) for wire in wires), 5)
        assert now() - due < timedelta(seconds=1)


def front(wire: RawConnection) -> str:
    return wire.ask(plain("/")).text


def schedule(session: Session, id: int, at: datetime, *, by: User) -> None:
    post = session.get_one(Post, id)
    publishing.publish(session, id, render(post.body), post.version, at, by=by)


def one_to_each_worker(stack: ExitStack, site: Site) -> list[RawConnection]:
    """Connections are handed to whichever worker wakes first; enough of them reach all."""
    site.workers()  # all have come up
    held: dict[str, RawConnection] = {}
    for _ in range(2000):
        wire = stack.enter_context(RawConnection(site.port))
        who = wire.ask(plain("/health/live")).text
        if who not in held:
            held[who] = wire
        if len(held) == 4:
            return list(held.values())
    raise AssertionError(f"Only {len(held)} workers answered.")
