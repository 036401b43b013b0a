"""Thousands of random changes through real workers: after each, every kept page is what a fresh
rendering is, to the byte, on a connection held to each worker, while readers go on reading.

`pytest tests/test_never_stale.py --changes 10000` takes a quarter of an hour.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.markup import render
from blog.models import moderation, tagging, writing
from blog.models.base import Refusal, now
from blog.models.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.post import Post
from blog.models.tag import Tag
from blog.models.user import User
from blog.models.writing import WorkingCopy
from tests import cast
from tests.cast import Cast
from tests.door import Door
from tests.live import Site
from tests.wire import Heard, Wire, plain

pytestmark = [pytest.mark.server, pytest.mark.slow]

READERS = 8
WITHIN = {True: 0.010, False: 0.050}  # seconds, on SQLite and on PostgreSQL
PATHS = (
    "/",
    "/archive",
    "/tags/marmalade",
    "/authors/ann",
    "/feed.atom",
    "/sitemap.xml",
    "/posts/a-marmalade-morning",
    "/posts/a-saffronly-morning",
    "/posts/a-celadonic-morning",
)
Seen = tuple[int, bytes]


@dataclass
class Reading:
    """What a reader was shown, and when they asked for it."""

    asked_at: float
    path: str
    seen: Seen


@dataclass
class Crowd:
    """Readers on connections of their own, who never stop."""

    port: int
    readings: list[Reading] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def read(self, number: int) -> None:
        chance = random.Random(number)  # noqa: S311 -- the same paths each time
        try:
            with Wire(self.port) as wire:
                while not self.is_over.is_set():
                    path = chance.choice(PATHS)
                    asked_at = time.monotonic()
                    self.readings.append(Reading(asked_at, path, seen(wire.ask(plain(path)))))
                    time.sleep(0.02)  # eight of them leave the workers something of two cores
        except BaseException as fault:  # told by the test's own thread
            self.faults.append(fault)


def seen(heard: Heard) -> Seen:
    return heard.status, heard.body


# --- what may happen ---


@dataclass
class World:
    database: Database
    cast: Cast
    chance: random.Random

    def posts(self, session: Session) -> list[Post]:
        mine = [post.id for post in self.cast.posts.values()]
        return list(session.scalars(select(Post).where(Post.id.in_(mine)).order_by(Post.id)))

    def by(self, name: str) -> User:
        person: User = getattr(self.cast, name)
        return person

    def do(self, work: Callable[..., object], *args: Any, by: str = "eve", **kwargs: Any) -> None:
        self.database.transact_now(work, *args, by=self.by(by), **kwargs)


def some_post(world: World) -> int:
    return world.chance.choice([post.id for post in world.cast.posts.values()])


def edit(world: World, at_in: float | None = None) -> None:
    """Typed, saved and published, or scheduled for a moment from now."""
    number = world.chance.randrange(10_000)
    tags = ", ".join(world.chance.sample(["marmalade", "Saffronly", "ink", "瓷器"], 2))

    def work(session: Session, id: int, *, by: User) -> None:
        post = session.get_one(Post, id)
        copy = WorkingCopy(
            title=f"Number {number}",
            slug=post.slug if post.path else "",
            body=f"Some *{number}* words.",
            tags=tags,
            language=post.language,
            is_listed=world.chance.random() < 0.9,
            version=post.version,
        )
        version = writing.keep(session, id, copy, by=by)
        at = now() + timedelta(seconds=at_in) if at_in and not post.is_live(now()) else None
        writing.publish(session, id, render(copy.body), version, at, by=by)

    world.do(work, some_post(world))


def save_only(world: World) -> None:
    def work(session: Session, id: int, *, by: User) -> None:
        post = session.get_one(Post, id)
        copy = WorkingCopy(post.title, body=f"Half {world.chance.random()}", version=post.version)
        writing.keep(session, id, copy, by=by)

    world.do(work, some_post(world))


def withdraw(world: World) -> None:
    world.do(writing.unpublish, some_post(world))


def trash(world: World) -> None:
    world.do(writing.trash, some_post(world))


def restore(world: World) -> None:
    world.do(writing.restore, some_post(world))


def decide(world: World) -> None:
    state = world.chance.choice([APPROVED, REJECTED, SPAM])

    def work(session: Session, *, by: User) -> None:
        ids = list(session.scalars(select(Comment.id).order_by(Comment.id)))
        moderation.decide(session, world.chance.sample(ids, 2), state, by=by)

    world.do(work)


def undo(world: World) -> None:
    comment = world.cast.comments["paul"].id

    def work(session: Session, *, by: User) -> None:
        moderation.decide(session, [comment], REJECTED, by=by)
        done = moderation.decide(session, [comment], APPROVED, by=by)
        moderation.undo(session, done.id, by=by)

    world.do(work)


def wait_again(world: World) -> None:
    def work(session: Session) -> None:
        for comment in session.scalars(select(Comment)):
            comment.state = PENDING if world.chance.random() < 0.3 else comment.state

    world.do(work)


def rename_tag(world: World) -> None:
    name = f"{world.chance.choice(['Marmalade', 'Ink', '瓷器'])} {world.chance.randrange(9)}"

    def work(session: Session, *, by: User) -> None:
        ids = list(session.scalars(select(Tag.id).order_by(Tag.id)))
        tagging.rename(session, world.chance.choice(ids), name=name)

    world.do(work)


def merge_tags(world: World) -> None:
    def work(session: Session, *, by: User) -> None:
        rows = list(session.scalars(select(Tag).order_by(Tag.id)))
        if len(rows) > 3:
            one, other = world.chance.sample(rows, 2)
            tagging.merge(session, one.id, into=other.name)

    world.do(work)


def change_setting(world: World) -> None:
    cast.choose(
        world.database,
        **world.chance.choice(
            [
                {"icp": f"京ICP备{world.chance.randrange(10**7, 10**8)}号-1"},
                {"front": world.chance.choice(["cards", "list"])},
                {"accent": world.chance.choice(["#1b4a8a", "#8a1b4a", "#0a5c36"])},
                {"comments": world.chance.choice(["open", "closed"])},
                {"comments_days": world.chance.choice([0, 3, 41])},
            ]
        ),
    )


def rename_author(world: World) -> None:
    def work(session: Session) -> None:
        ann = session.get_one(User, world.by("ann").id)
        ann.display_name = f"Ann {world.chance.randrange(100)}"

    world.do(work)


ACTS = [
    *[edit] * 6,
    save_only,
    withdraw,
    trash,
    *[restore] * 2,
    *[decide] * 2,
    undo,
    wait_again,
    rename_tag,
    merge_tags,
    change_setting,
    rename_author,
]
FALLS_DUE_IN = 0.12  # seconds


def change(world: World) -> float:
    """One change, whole or refused. Returns the moment from which everybody is to see it."""
    if world.chance.random() < 0.1:
        with suppress(Refusal):
            edit(world, at_in=FALLS_DUE_IN)
        time.sleep(FALLS_DUE_IN)  # nothing is committed when it falls due
        return time.monotonic()
    with suppress(Refusal):  # such as to withdraw what is not public
        world.chance.choice(ACTS)(world)
    return time.monotonic()


# --- the test ---


@pytest.fixture
def changes(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--changes"))


@pytest.fixture
def fresh(migrated: Config, world: Cast) -> Iterator[Door]:
    """The same blog in this process, which forgets before it answers."""
    with Door(migrated) as door:
        yield door


def test_no_reader_is_ever_shown_what_is_no_longer_true(
    migrated: Config, database: Database, world: Cast, fresh: Door, changes: int
) -> None:
    it = World(database, world, random.Random(4))  # noqa: S311 -- the same changes each time
    with Site(migrated) as site, ExitStack() as stack:
        wires = one_to_each_worker(stack, site)
        crowd = Crowd(migrated.port)
        readers = [threading.Thread(target=crowd.read, args=(n,)) for n in range(READERS)]
        for reader in readers:
            reader.start()
        try:
            within = WITHIN[migrated.is_sqlite]
            for number in range(changes):
                step(it, fresh, wires, crowd, within, number)
        finally:
            crowd.is_over.set()
            for reader in readers:
                reader.join()
        assert crowd.faults == []


def step(
    world: World, fresh: Door, wires: list[Wire], crowd: Crowd, within: float, number: int
) -> None:
    true_from = change(world)
    time.sleep(max(0.0, true_from + within - time.monotonic()))
    shown = [{path: seen(wire.ask(plain(path))) for path in PATHS} for wire in wires]
    fresh.app.ctx.pages.drop(None)
    with Wire(fresh.port) as wire:
        true = {path: seen(wire.ask(plain(path))) for path in PATHS}
    for worker, pages in enumerate(shown):
        stale = [path for path in PATHS if pages[path] != true[path]]
        assert not stale, f"change {number}: worker {worker} shows old {stale}"
    readings, crowd.readings = crowd.readings, []
    late = [one for one in readings if one.asked_at > true_from + within]
    stale_readings = {one.path for one in late if one.seen != true[one.path]}
    assert not stale_readings, f"change {number}: readers were shown old {stale_readings}"


def one_to_each_worker(stack: ExitStack, site: Site) -> list[Wire]:
    """Connections are handed to whichever worker wakes first; enough of them reach all."""
    held: dict[str, Wire] = {}
    for _ in range(2000):
        wire = stack.enter_context(Wire(site.port))
        who = wire.ask(plain("/health/live")).text
        if who not in held:
            held[who] = wire
        if len(held) == 4:
            return list(held.values())
    raise AssertionError(f"Only {len(held)} workers answered.")
