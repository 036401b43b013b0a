"""No cached page is ever stale: random changes while real workers serve pages.

After each change, every page of every worker equals a fresh rendering, byte for byte. Concurrent
readers get either the page from before the change or the one from after it.

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

READER_COUNT = 8
MAX_DELAY = {True: 0.010, False: 0.050}  # seconds, on SQLite and on PostgreSQL
PATHS = (
    "/",
    "/page/2",
    "/archive",
    f"/archive/{now():%Y}",
    f"/archive/{now():%Y}/{now().month}",
    "/tags/marmalade",
    "/tags/ink",
    "/tags/ink/feed.atom",
    "/tags/ink/rss.xml",
    "/authors/ann",
    "/authors/ann/feed.atom",
    "/feed.atom",
    "/feed.atom/page/2",
    "/feed.json",
    "/sitemap.xml",
    "/robots.txt",
    "/about",
    "/brought",
    "/posts/a-marmalade-morning",
    "/posts/a-saffronly-morning",
    "/posts/a-celadonic-morning",
    quote(f"/posts/{ZH_TITLE}"),
)
Page = tuple[int, bytes]


@dataclass
class Reading:
    """A page that a reader got, and when it was requested (monotonic time)."""

    asked_at: float
    answered_at: float
    path: str
    page: Page


@dataclass
class Readers:
    """Threads that request pages until they are stopped: `with Readers(port) as readers:`."""

    port: int
    readings: list[Reading] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self.read, args=(n,)) for n in range(READER_COUNT)]
        for reader in self.threads:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for reader in self.threads:
            reader.join()
        assert self.faults == []

    def read(self, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 -- the same paths each time
        try:
            with RawConnection(self.port) as connection:
                while not self.is_over.is_set():
                    path = chance.choice(PATHS)
                    asked_at = time.monotonic()
                    page = page_of(connection.ask(plain(path)))
                    self.readings.append(Reading(asked_at, time.monotonic(), path, page))
                    time.sleep(0.02)  # eight readers leave the workers some time on two cores
        except BaseException as fault:  # reported by the test's own thread
            self.faults.append(fault)

    def check(
        self, done: Done, before: dict[str, Page], after: dict[str, Page], max_delay: float
    ) -> None:
        """Check the pages that they got since the last check."""
        readings, self.readings = self.readings, []
        for reading in readings:
            is_late = reading.asked_at > done.true_from + max_delay
            current, earlier = after[reading.path], before[reading.path]
            may_be = [current] if is_late else [earlier, current]
            # A 404 page queries similar addresses afterwards: the change may come in between.
            was_missing = reading.page[0] == earlier[0] == 404 and not is_late
            if (is_late or done.is_one) and not was_missing:
                assert reading.page in may_be, f"{done.what}: {unexpected(reading, may_be)}"


def unexpected(reading: Reading, may_be: list[Page]) -> str:
    """Describe the lines that are in none of the pages that would have been right."""
    known = {line for _, page in may_be for line in page.decode().splitlines()}
    lines = [line for line in reading.page[1].decode().splitlines() if line not in known]
    statuses = [status for status, _ in may_be]
    return f"{reading.path} was {reading.page[0]} with {lines}, and not {statuses}"


def page_of(response: Heard) -> Page:
    return response.status, response.body


@pytest.fixture
def changes(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--changes")


@pytest.fixture
def fresh(migrated: Config, world: Cast) -> Iterator[RawConnection]:
    """A second server of the same blog, which caches no page."""
    port = free_port()
    variables = environment(migrated, BLOG_PAGES_MB="0", BLOG_PORT=str(port))
    with (
        Site(replace(migrated, port=port), "-w", "1", env=variables) as site,
        RawConnection(site.port) as connection,
    ):
        yield connection


@pytest.mark.fuzz
def test_no_reader_ever_gets_a_stale_page(
    migrated: Config, database: Database, world: Cast, fresh: RawConnection, changes: int
) -> None:
    blog = World(migrated, database, world, random.Random(4))  # noqa: S311 -- the same each time
    began, counts = time.monotonic(), Counter[str]()
    with Site(migrated) as site, ExitStack() as stack:
        connections = connect_to_each_worker(stack, site)
        (true,) = ask_all([fresh])
        with Readers(migrated.port) as readers:
            for number in range(changes):
                done, before = change(blog), true
                wait_until(done.true_from + MAX_DELAY[migrated.is_sqlite])
                true = compare(f"change {number} ({done.what})", connections, fresh)
                readers.check(done, before, true, MAX_DELAY[migrated.is_sqlite])
                counts[done.what] += 1
    print(f"{changes} changes in {time.monotonic() - began:.0f} s: {dict(counts)}")


def compare(when: str, connections: list[RawConnection], fresh: RawConnection) -> dict[str, Page]:
    """Compare the pages of every worker with fresh renderings, and return the latter."""
    *shown, true = ask_all([*connections, fresh])
    for worker, pages in enumerate(shown):
        stale = [path for path in PATHS if pages[path] != true[path]]
        assert not stale, f"{when}: worker {worker} shows old {stale}"
    return true


def ask_all(connections: list[RawConnection]) -> list[dict[str, Page]]:
    """Request each page on all connections at once, and return the pages by connection."""
    shown: list[dict[str, Page]] = [{} for _ in connections]
    for path in PATHS:
        for connection in connections:
            connection.say(plain(path))
        for connection, pages in zip(connections, shown, strict=True):
            pages[path] = page_of(connection.hear())
    return shown


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def test_a_scheduled_post_appears_within_a_second_of_being_due(
    migrated: Config, database: Database, world: Cast
) -> None:
    with Site(migrated) as site, ExitStack() as stack:
        connections = connect_to_each_worker(stack, site)
        for _ in range(3):
            assert all(world.ann_draft.title not in front(connection) for connection in connections)
        due = now() + timedelta(seconds=2)
        database.transact_now(schedule, world.ann_draft.id, due, by=world.ann)
        while now() < due - timedelta(seconds=0.3):
            assert all(world.ann_draft.title not in front(connection) for connection in connections)
        wait_for(
            lambda: all(world.ann_draft.title in front(connection) for connection in connections), 5
        )
        assert now() - due < timedelta(seconds=1)


def front(connection: RawConnection) -> str:
    return connection.ask(plain("/")).text


def schedule(session: Session, id: int, at: datetime, *, by: User) -> None:
    post = session.get_one(Post, id)
    publishing.publish(session, id, render(post.body), post.version, at, by=by)


def connect_to_each_worker(stack: ExitStack, site: Site) -> list[RawConnection]:
    """Return one connection to each of the four workers.

    A new connection goes to whichever worker wakes first, so it takes many to reach all.
    """
    site.workers()  # wait until all have started
    by_worker: dict[str, RawConnection] = {}
    for _ in range(2000):
        connection = stack.enter_context(RawConnection(site.port))
        worker = connection.ask(plain("/health/live")).text
        if worker not in by_worker:
            by_worker[worker] = connection
        if len(by_worker) == 4:
            return list(by_worker.values())
    raise AssertionError(f"Only {len(by_worker)} workers answered.")
