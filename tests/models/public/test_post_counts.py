"""The stored post counts equal what a query would count, after random changes and at any time."""

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
from sqlalchemy import ColumnElement, delete, insert, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session

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
from blog.models.public.post_counts import ListRange
from blog.models.search import search
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag
from blog.models.users.user import User
from tests.support import cast

NO_CACHE_TAGS = {"tags": (), "synchronize_session": False}
ZONES = [ZoneInfo(name) for name in ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu")]
TAGS = ("ink", "paper", "瓷器", "salt")
WANTED_ENTRIES = "SELECT shelf, publish_at, post_id, withdraw_at, language FROM shelf_wanted"
STORED_ENTRIES = "SELECT shelf, publish_at, post_id, withdraw_at, language FROM shelf_post"
STORED_COUNTS = "SELECT shelf, month, posts FROM shelf_number WHERE posts != 0"
WANTED_COUNTS = """
    SELECT shelf, '', count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf
    UNION ALL
    SELECT shelf, month, count(*) FROM shelf_post WHERE withdraw_at IS NULL GROUP BY shelf, month
"""


# --- random changes ---


class RandomBlog:
    """A blog with a few users and posts, to which the functions below make random changes."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self.database, self.chance = database, chance
        self.eve = cast.fill(database).eve

    def do(self, work: Callable[..., object]) -> None:
        """Run `work` in a transaction, as Eve."""
        self.database.transact_now(work, by=self.eve)

    def moment(self) -> datetime:
        """Return a time around now, often at the turn of a month."""
        month_start = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        base = self.chance.choice([now(), month_start, month_start - timedelta(days=400)])
        return base + timedelta(hours=self.chance.choice([-1000, -9, -8, 0, 1, 9, 1000]))

    def some_id(self, session: Session, column: InstrumentedAttribute[int]) -> int:
        """Return a random id."""
        return self.chance.choice(session.scalars(select(column).order_by(column)).all())


def write(blog: RandomBlog) -> None:
    """Publish or schedule a new post or page."""

    def work(session: Session, *, by: User) -> None:
        tags = ", ".join(blog.chance.sample(TAGS, blog.chance.randrange(2)))
        post = Post(title="One", body="Words.", tags=tags, language="en")
        post.kind = blog.chance.choice([POST, POST, POST, PAGE])
        post.is_listed = blog.chance.random() < 0.8
        post.publish_at = blog.moment()
        session.add(post)
        session.flush()
        publishing.make_live(session, post, render(post.body), by=None)
        if blog.chance.random() < 0.4:
            post.withdraw_at = blog.moment()

    blog.do(work)


def edit(blog: RandomBlog) -> None:
    """Publish a new revision with other tags."""

    def work(session: Session, *, by: User) -> None:
        post = session.get_one(Post, blog.some_id(session, Post.id))
        post.is_listed, post.tags = (
            blog.chance.random() < 0.8,
            ", ".join(blog.chance.sample(TAGS, 2)),
        )
        publishing.make_live(session, post, render("Other words."), by=None)

    blog.do(work)


def move(blog: RandomBlog) -> None:
    """Change the dates of many posts in one statement, as an import does."""
    columns = blog.chance.choice([["publish_at"], ["withdraw_at"], ["publish_at", "withdraw_at"]])
    values = {name: blog.chance.choice([None, blog.moment()]) for name in columns}
    few = Post.id % 5 == blog.chance.randrange(5)
    blog.do(
        lambda session, *, by: session.execute(
            update(Post).where(few).values(values), execution_options=NO_CACHE_TAGS
        )
    )


def change_state(blog: RandomBlog) -> None:
    """Unpublish, trash or restore a post."""
    change = blog.chance.choice([publishing.unpublish, publishing.trash, publishing.restore])
    blog.do(lambda session, *, by: change(session, blog.some_id(session, Post.id), by=by))


def delete_one(blog: RandomBlog) -> None:
    """Delete a post permanently."""

    def work(session: Session, *, by: User) -> None:
        id = blog.some_id(session, Post.id)
        publishing.trash(session, id, by=by)
        publishing.delete_permanently(session, id, by=by)

    blog.do(work)


def retag(blog: RandomBlog) -> None:
    """Rename a tag or merge two."""

    def work(session: Session, *, by: User) -> None:
        tags = session.scalars(select(Tag).order_by(Tag.id)).all()
        tag, other = blog.chance.sample(tags, 2)
        if blog.chance.random() < 0.2 and len(tags) > 3:
            tag_admin.merge(session, tag.id, into=other.name, by=by)
        else:
            tag_admin.rename(session, tag.id, name=f"Name {blog.chance.randrange(99)}", by=by)

    blog.do(work)


def rewrite(blog: RandomBlog) -> None:
    """Change tables directly in ways that the application never does."""

    def work(session: Session, *, by: User) -> None:
        live = select(Post.live_revision_id).where(Post.id == blog.some_id(session, Post.id))
        revision = session.scalar(live)
        if revision is None:
            return
        for statement in blog.chance.choice(
            [
                [
                    update(Revision)
                    .where(Revision.id == revision)
                    .values(is_listed=~Revision.is_listed)
                ],
                [delete(RevisionTag).where(RevisionTag.revision_id == revision)],
                [
                    delete(RevisionAuthor).where(RevisionAuthor.revision_id == revision),
                    insert(RevisionAuthor).values(revision_id=revision, user_id=blog.eve.id),
                ],
                [update(Post).where(Post.live_revision_id == revision).values(kind=POST)],
            ]
        ):
            session.execute(statement, execution_options=NO_CACHE_TAGS)

    blog.do(work)


def roll_back(blog: RandomBlog) -> None:
    """Make changes that are rolled back, to a savepoint or entirely."""

    def work(session: Session, *, by: User) -> None:
        with session.begin_nested() as savepoint:
            session.execute(update(Post).values(trashed_at=now()), execution_options=NO_CACHE_TAGS)
            savepoint.rollback()
        if blog.chance.random() < 0.5:
            session.execute(update(Post).values(publish_at=None), execution_options=NO_CACHE_TAGS)
            raise Refusal("no")

    blog.do(work)


CHANGES = (write, write, write, edit, move, change_state, change_state)
CHANGES += (delete_one, retag, rewrite, rewrite, roll_back)


# --- checks after each change ---


def check_tables(session: Session) -> None:
    """Check the entries against the posts, and the counts against the entries."""

    def rows(query: str) -> Counter[Any]:
        return Counter(session.execute(text(query)).all())

    assert rows(STORED_ENTRIES) == rows(WANTED_ENTRIES)
    assert rows(STORED_COUNTS) == rows(WANTED_COUNTS)


def check_pages(
    session: Session, part: ListRange, at: datetime, *conditions: ColumnElement[bool]
) -> None:
    """Check the total and the pages of a list against a plain query with these conditions."""
    query = cards.listed_at(at).where(*conditions).with_only_columns(Post.id)
    expected = list(session.scalars(query))
    for offset in {0, 3, max(0, len(expected) - 2), len(expected)}:
        page = post_counts.page(session, part, at, offset, 5)
        assert page == (expected[offset : offset + 5], len(expected)), (part, at, offset)


def check_months(session: Session, at: datetime) -> None:
    """Check the number of posts per month in several time zones."""
    times = list(session.scalars(cards.listed_at(at).with_only_columns(Post.publish_at)))
    for zone in ZONES:
        local = Counter((time.year, time.month) for time in (t.astimezone(zone) for t in times))
        months = post_counts.by_month(session, at, zone)
        assert months == dict(sorted(local.items())) and list(months) == sorted(months)


def check_names(session: Session) -> None:
    """Check the numbers of posts of all tags and authors on the archive page."""
    live = select(Post.live_revision_id).where(Post.is_live(now()), Post.kind == POST)
    shown = select(Revision.id).where(Revision.id.in_(live), Revision.is_listed)
    for names, query, link in (
        (archives.all_tags(session), select(Tag.slug).join(RevisionTag), RevisionTag),
        (archives.all_authors(session), select(User.name).join(RevisionAuthor), RevisionAuthor),
    ):
        counted = Counter(session.scalars(query.where(link.revision_id.in_(shown))))
        assert {name.slug: name.posts for name in names} == counted
        assert [name.posts for name in names] == sorted(counted.values(), reverse=True)


def check(session: Session, chance: random.Random) -> None:
    """Check everything at several moments."""
    check_tables(session)
    check_names(session)
    day = now().replace(hour=0, minute=0, second=0, microsecond=0)
    for at in (now(), now() + timedelta(days=60), now() - timedelta(days=30)):
        check_pages(session, ListRange(), at)
        check_months(session, at)
        for tag in session.scalars(select(Tag)).all():
            tagged = select(RevisionTag.revision_id).where(RevisionTag.tag_id == tag.id)
            check_pages(session, ListRange(post_counts.of_tag(tag.id)), at, Revision.id.in_(tagged))
        for days in (400, 40, 0):
            start = day - timedelta(days=days, hours=chance.randrange(30))
            end = start + timedelta(days=chance.choice([1, 31, 365]))
            span = (Post.publish_at >= start, Post.publish_at < end)
            check_pages(session, ListRange(start=start, end=end), at, *span)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_stored_counts_equal_actual_counts_after_random_changes(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(post_counts, "MAX_OFFSET", 2)  # so that few posts suffice to use the months
    chance = random.Random(seed)  # noqa: S311 -- the same changes each time
    blog = RandomBlog(database, chance)
    for _ in range(60):
        change = chance.choice(CHANGES)
        with contextlib.suppress(Refusal, LookupError):
            change(blog)
        database.read_now(check, chance)


@pytest.mark.slow
def test_concurrent_transactions_neither_deadlock_nor_miscount(
    database: Database, config_of: Callable[[Database], Config]
) -> None:
    """Each transaction changes several random posts, which share tags and authors."""
    RandomBlog(database, random.Random(0))  # noqa: S311 -- only for its posts
    ids = list(database.read_now(lambda session: session.scalars(select(Post.id)).all()))

    def publish(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 -- the same changes each time
        own = Database(config_of(database))
        try:
            for _ in range(15):
                own.transact_now(change_posts, sorted(chance.sample(ids, 3)), chance)
        finally:
            own.close()

    def change_posts(session: Session, ids: list[int], chance: random.Random) -> None:
        for id in ids:
            post = session.scalars(select(Post).where(Post.id == id).with_for_update()).one()
            post.trashed_at = chance.choice([None, now()])
            post.publish_at = now() - timedelta(days=chance.randrange(90))
            session.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    database.read_now(check_tables)


def test_posts_with_a_date_of_withdrawal_are_related_by_their_tags(database: Database) -> None:
    def write_two(session: Session, *, by: User) -> None:
        for slug in ("one", "two"):
            post = Post(title=slug, slug=slug, body="Words.", tags="short-lived", language="en")
            post.publish_at, post.withdraw_at = now(), now() + timedelta(days=1)
            session.add(post)
            session.flush()
            publishing.make_live(session, post, render(post.body), by=None)

    blog = RandomBlog(database, random.Random(0))  # noqa: S311 -- only for its users
    blog.do(write_two)
    page = database.read_now(post_page.at, "/posts/one")
    assert isinstance(page, PostPage)
    assert [link.title for link in page.related] == ["two"]


@pytest.mark.slow
def test_the_newest_of_many_posts_are_suggested_for_a_similar_unknown_address(
    grown: dict[int, Database],
) -> None:
    newest = planting.path_of(8_000)
    near = grown[8_000].read_now(page_queries.unknown_address, f"{newest}x").near
    assert newest in [card.path for card in near]


# --- cost of pages ---


def steps(database: Database, work: Callable[..., object], *args: Any, **kwargs: Any) -> int:
    """Return the number of SQLite virtual machine steps, in hundreds.

    Unlike time, it is the same on each run and any machine.
    """
    calls = []

    def measured(session: Session) -> None:
        connection: Any = session.connection().connection.dbapi_connection
        connection.set_progress_handler(lambda: calls.append(1), 100)
        try:
            work(session, *args, **kwargs)
        finally:
            connection.set_progress_handler(None, 0)

    database.read_now(measured)
    return len(calls)


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path
) -> Iterator[dict[int, Database]]:
    """The blog of the benchmarks by its number of posts: 1,000 and 8,000."""
    databases = {}
    for posts in (1_000, 8_000):
        config = Config(data_dir=tmp_path_factory.mktemp("grown"))
        shutil.copy(empty_sqlite, config.data_dir)
        databases[posts] = Database(config)
        planting.plant(databases[posts], posts)
    yield databases
    for database in databases.values():
        database.close()


# Steps, in hundreds, to scan a half of the 2,000 posts that each month of that blog has.
STEPS_OF_A_MONTH = 60
PAGES_ASKED: dict[str, Callable[[Session, int], object]] = {
    "the front page": lambda s, n: cards.post_list(s, page=1, per_page=10),
    "the middle page": lambda s, n: cards.post_list(s, page=n // 20, per_page=10),
    "the last page": lambda s, n: cards.post_list(s, page=n // 10, per_page=10),
    "the archive": lambda s, n: page_queries.overview(s, ZONES[1]),
    "a year": lambda s, n: page_queries.from_span(s, now().year, None, ZONES[1], 1, 10),
    "a tag": lambda s, n: page_queries.tagged(s, "tag-40", 1, 10),
    "the last page of a tag": lambda s, n: page_queries.tagged(s, "tag-40", n // 20, 10),
    "an author": lambda s, n: page_queries.written_by(s, "ann", n // 20, 10),
    "a common word": lambda s, n: search.find(s, "ink"),
    "two common words": lambda s, n: search.find(s, "ink notes"),
    "a rare word": lambda s, n: search.find(s, f"part {n - 7}"),
    "the feed": lambda s, n: page_queries.feed(s),
    "the last page of the feed": lambda s, n: page_queries.feed(s, n // 20),
    "the feed of a tag": lambda s, n: page_queries.tag_feed(s, "tag-40"),
    "an unknown address": lambda s, n: page_queries.unknown_address(s, f"{planting.path_of(n)}x"),
    "a post": lambda s, n: post_page.at(s, planting.path_of(n // 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_ASKED)
def test_a_page_costs_no_more_on_a_blog_with_eight_times_the_posts(
    grown: dict[int, Database], page: str
) -> None:
    few, many = (steps(grown[n], PAGES_ASKED[page], n) for n in sorted(grown))
    assert many <= 1.5 * few + STEPS_OF_A_MONTH, (few, many)
