"""The numbers that are kept are those one would count, at each moment and whatever has happened."""

import contextlib
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from bench import planting
from blog.config import Config
from blog.db import Database
from blog.markup import render
from blog.models.base import Refusal, now
from blog.models.posts import publishing
from blog.models.posts.post import PAGE, POST, Post
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.public import archives, cards, page_queries, post_counts, post_page
from blog.models.public.cards import PostPage
from blog.models.public.post_counts import Part
from blog.models.search import search
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag
from blog.models.users.user import User
from tests.support import cast

UNTOLD = {"tags": (), "synchronize_session": False}
ZONES = [ZoneInfo(name) for name in ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu")]
TAGS = ("ink", "paper", "瓷器", "salt")
FOLLOWED = "SELECT shelf, publish_at, post_id, withdraw_at, language FROM shelf_wanted"
STANDING = "SELECT shelf, publish_at, post_id, withdraw_at, language FROM shelf_post"
NUMBERS = "SELECT shelf, month, posts FROM shelf_number WHERE posts != 0"
COUNTED = """
    SELECT shelf, '', count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf
    UNION ALL
    SELECT shelf, month, count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf, month
"""


# --- what may happen ---


class World:
    """A blog of a few people and posts, to which things happen by chance."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self.database, self.chance = database, chance
        self.eve = cast.fill(database).eve

    def do(self, work: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        self.database.transact_now(work, *args, by=self.eve, **kwargs)

    def moment(self) -> datetime:
        """Somewhere around now, often on the edge of a month."""
        edge = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        some = self.chance.choice([now(), edge, edge - timedelta(days=400)])
        return some + timedelta(hours=self.chance.choice([-1000, -9, -8, 0, 1, 9, 1000]))

    def some(self, session: Session, column: Any) -> Any:
        return self.chance.choice(session.scalars(select(column).order_by(column)).all())


def write(world: World) -> None:
    def work(session: Session) -> None:
        tags = ", ".join(world.chance.sample(TAGS, world.chance.randrange(2)))
        post = Post(title="One", body="Words.", tags=tags, language="en")
        post.kind = world.chance.choice([POST, POST, POST, PAGE])
        post.is_listed = world.chance.random() < 0.8
        post.publish_at = world.moment()
        session.add(post)
        session.flush()
        publishing.show(session, post, render(post.body), by=None)
        if world.chance.random() < 0.4:
            post.withdraw_at = world.moment()

    world.do(work)


def edit(world: World) -> None:
    def work(session: Session, *, by: User) -> None:
        post = session.get_one(Post, world.some(session, Post.id))
        post.is_listed, post.tags = (
            world.chance.random() < 0.8,
            ", ".join(world.chance.sample(TAGS, 2)),
        )
        publishing.show(session, post, render("Other words."), by=None)

    world.do(work)


def move(world: World) -> None:
    """As an import does, or a statement of many rows."""
    columns = world.chance.choice([["publish_at"], ["withdraw_at"], ["publish_at", "withdraw_at"]])
    values = {name: world.chance.choice([None, world.moment()]) for name in columns}
    few = Post.id % 5 == world.chance.randrange(5)
    world.do(
        lambda session: session.execute(
            update(Post).where(few).values(values), execution_options=UNTOLD
        )
    )


def press(world: World) -> None:
    verb = world.chance.choice([publishing.unpublish, publishing.trash, publishing.restore])
    world.do(lambda session, *, by: verb(session, world.some(session, Post.id), by=by))


def delete_one(world: World) -> None:
    def work(session: Session, *, by: User) -> None:
        id = world.some(session, Post.id)
        publishing.trash(session, id, by=by)
        publishing.delete_permanently(session, id, by=by)

    world.do(work)


def retag(world: World) -> None:
    def work(session: Session) -> None:
        tags = session.scalars(select(Tag).order_by(Tag.id)).all()
        one, other = world.chance.sample(tags, 2)
        if world.chance.random() < 0.2 and len(tags) > 3:
            tag_admin.merge(session, one.id, into=other.name)
        else:
            tag_admin.rename(session, one.id, name=f"Name {world.chance.randrange(99)}")

    world.do(work)


def rewrite(world: World) -> None:
    """What no act of ours does, but somebody's own statement might."""

    def work(session: Session) -> None:
        live = select(Post.live_revision_id).where(Post.id == world.some(session, Post.id))
        revision = session.scalar(live)
        if revision is None:
            return
        for statement in world.chance.choice(
            [
                [
                    update(Revision)
                    .where(Revision.id == revision)
                    .values(is_listed=~Revision.is_listed)
                ],
                [delete(RevisionTag).where(RevisionTag.revision_id == revision)],
                [
                    delete(RevisionAuthor).where(RevisionAuthor.revision_id == revision),
                    insert(RevisionAuthor).values(revision_id=revision, user_id=world.eve.id),
                ],
                [update(Post).where(Post.live_revision_id == revision).values(kind=POST)],
            ]
        ):
            session.execute(statement, execution_options=UNTOLD)

    world.do(work)


def think_better(world: World) -> None:
    """Rolled back, whole or to a savepoint."""

    def work(session: Session) -> None:
        with session.begin_nested() as savepoint:
            session.execute(update(Post).values(trashed_at=now()), execution_options=UNTOLD)
            savepoint.rollback()
        if world.chance.random() < 0.5:
            session.execute(update(Post).values(publish_at=None), execution_options=UNTOLD)
            raise Refusal("no")

    world.do(work)


ACTS = (write, write, write, edit, move, press, press)
ACTS += (delete_one, retag, rewrite, rewrite, think_better)


# --- what must be so after each ---


def refuse_wrong_numbers(session: Session) -> None:
    """Each row follows from the posts, and each number from the rows."""
    rows = [Counter(session.execute(text(query)).all()) for query in (STANDING, FOLLOWED)]
    assert rows[0] == rows[1]
    numbers = [Counter(session.execute(text(query)).all()) for query in (NUMBERS, COUNTED)]
    assert numbers[0] == numbers[1]


def refuse_wrong_pages(session: Session, part: Part, at: datetime, *which: Any) -> None:
    """Total, order and place of each post are those of a query that counts."""
    query = cards.listed_at(at).where(*which).with_only_columns(Post.id)
    counted = list(session.scalars(query))
    for offset in {0, 3, max(0, len(counted) - 2), len(counted)}:
        found = post_counts.page(session, part, at, offset, 5)
        assert found == (counted[offset : offset + 5], len(counted)), (part, at, offset)


def refuse_wrong_months(session: Session, at: datetime) -> None:
    times = list(session.scalars(cards.listed_at(at).with_only_columns(Post.publish_at)))
    for zone in ZONES:
        local = Counter((time.year, time.month) for time in (t.astimezone(zone) for t in times))
        found = post_counts.by_month(session, at, zone)
        assert found == dict(sorted(local.items())) and list(found) == sorted(found)


def refuse_wrong_names(session: Session) -> None:
    """What the archive says of tags and authors."""
    live = select(Post.live_revision_id).where(Post.is_live(now()), Post.kind == POST)
    shown = select(Revision.id).where(Revision.id.in_(live), Revision.is_listed)
    for found, query, link in (
        (archives.all_tags(session), select(Tag.slug).join(RevisionTag), RevisionTag),
        (archives.all_authors(session), select(User.name).join(RevisionAuthor), RevisionAuthor),
    ):
        counted = Counter(session.scalars(query.where(link.revision_id.in_(shown))))
        assert {name.slug: name.posts for name in found} == counted
        assert [name.posts for name in found] == sorted(counted.values(), reverse=True)


def check(session: Session, chance: random.Random) -> None:
    refuse_wrong_numbers(session)
    refuse_wrong_names(session)
    day = now().replace(hour=0, minute=0, second=0, microsecond=0)
    for at in (now(), now() + timedelta(days=60), now() - timedelta(days=30)):
        refuse_wrong_pages(session, Part(), at)
        refuse_wrong_months(session, at)
        for tag in session.scalars(select(Tag)).all():
            marked = select(RevisionTag.revision_id).where(RevisionTag.tag_id == tag.id)
            refuse_wrong_pages(
                session, Part(post_counts.of_tag(tag.id)), at, Revision.id.in_(marked)
            )
        for days in (400, 40, 0):
            start = day - timedelta(days=days, hours=chance.randrange(30))
            end = start + timedelta(days=chance.choice([1, 31, 365]))
            span = (Post.publish_at >= start, Post.publish_at < end)
            refuse_wrong_pages(session, Part(start=start, end=end), at, *span)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_the_kept_numbers_are_those_one_counts(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(post_counts, "ONE_BY_ONE", 2)  # so that a few posts have far pages
    chance = random.Random(seed)  # noqa: S311 -- the same acts each time
    world = World(database, chance)
    for _ in range(60):
        act = chance.choice(ACTS)
        with contextlib.suppress(Refusal, LookupError):
            act(world)
        database.read_now(check, chance)


@pytest.mark.slow
def test_several_who_publish_at_once_neither_wait_for_one_another_in_a_circle_nor_miscount(
    database: Database, config_of: Callable[[Database], Config]
) -> None:
    """The same tags in other orders, posts of one another's, in transactions of several posts."""
    World(database, random.Random(0))  # noqa: S311 -- only its people
    ids = list(database.read_now(lambda session: session.scalars(select(Post.id)).all()))

    def publish(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 -- the same acts each time
        own = Database(config_of(database))
        try:
            for _ in range(15):
                own.transact_now(several, sorted(chance.sample(ids, 3)), chance)
        finally:
            own.close()

    def several(session: Session, ids: list[int], chance: random.Random) -> None:
        for id in ids:
            post = session.scalars(select(Post).where(Post.id == id).with_for_update()).one()
            post.trashed_at = chance.choice([None, now()])
            post.publish_at = now() - timedelta(days=chance.randrange(90))
            session.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    database.read_now(refuse_wrong_numbers)


def test_posts_with_a_day_of_their_end_lead_to_one_another(database: Database) -> None:
    def write_two(session: Session) -> None:
        for slug in ("one", "two"):
            post = Post(title=slug, slug=slug, body="Words.", tags="short-lived", language="en")
            post.publish_at, post.withdraw_at = now(), now() + timedelta(days=1)
            session.add(post)
            session.flush()
            publishing.show(session, post, render(post.body), by=None)

    world = World(database, random.Random(0))  # noqa: S311 -- only its people
    world.do(write_two)
    shown = database.read_now(post_page.at, "/posts/one")
    assert isinstance(shown, PostPage)
    assert [link.title for link in shown.related] == ["two"]


@pytest.mark.slow
def test_of_very_many_posts_the_newest_are_offered_where_an_address_shows_nothing(
    grown: dict[int, Database],
) -> None:
    newest = planting.path_of(8_000)
    near = grown[8_000].read_now(page_queries.nothing, f"{newest}x").near
    assert newest in [card.path for card in near]


# --- what it costs ---


def steps(database: Database, work: Callable[..., object], *args: Any, **kwargs: Any) -> int:
    """How many of a hundred of SQLite's own steps it takes: the same each time, on any machine."""
    counted = []

    def measured(session: Session) -> None:
        line: Any = session.connection().connection.dbapi_connection
        line.set_progress_handler(lambda: counted.append(1), 100)
        try:
            work(session, *args, **kwargs)
        finally:
            line.set_progress_handler(None, 0)

    database.read_now(measured)
    return len(counted)


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path
) -> Iterator[dict[int, Database]]:
    """The bench's blog, with as many posts as search ranks, and with many more."""
    made = {}
    for posts in (1_000, 8_000):
        config = Config(data_dir=tmp_path_factory.mktemp("grown"))
        shutil.copy(empty_sqlite, config.data_dir)
        made[posts] = Database(config)
        planting.plant(made[posts], posts)
    yield made
    for database in made.values():
        database.close()


A_MONTH = 60  # what it takes to walk through a half of the bench's two thousand posts a month
PAGES_ASKED: dict[str, Callable[[Session, int], object]] = {
    "the front page": lambda s, n: cards.post_list(s, page=1, per_page=10),
    "its middle": lambda s, n: cards.post_list(s, page=n // 20, per_page=10),
    "its end": lambda s, n: cards.post_list(s, page=n // 10, per_page=10),
    "the archive": lambda s, n: page_queries.overview(s, ZONES[1]),
    "a year": lambda s, n: page_queries.from_span(s, now().year, None, ZONES[1], 1, 10),
    "a tag": lambda s, n: page_queries.tagged(s, "tag-40", 1, 10),
    "its end, too": lambda s, n: page_queries.tagged(s, "tag-40", n // 20, 10),
    "an author": lambda s, n: page_queries.written_by(s, "ann", n // 20, 10),
    "a common word": lambda s, n: search.find(s, "ink"),
    "two of them": lambda s, n: search.find(s, "ink notes"),
    "one of many": lambda s, n: search.find(s, f"part {n - 7}"),
    "the feed": lambda s, n: page_queries.feed(s),
    "a tag's": lambda s, n: page_queries.tag_feed(s, "tag-40"),
    "what is near": lambda s, n: page_queries.nothing(s, f"{planting.path_of(n)}x"),
    "a post": lambda s, n: post_page.at(s, planting.path_of(n // 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_ASKED)
def test_a_page_costs_no_more_where_there_are_eight_times_the_posts(
    grown: dict[int, Database], page: str
) -> None:
    few, many = (steps(grown[n], PAGES_ASKED[page], n) for n in sorted(grown))
    assert many <= 1.5 * few + A_MONTH, (few, many)
