"""Random changes of every kind, for tests that read the blog at the same time."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog import importer
from blog.config import Config
from blog.db import Database
from blog.markup import render
from blog.models.base import Refusal, now
from blog.models.comments import moderation, submission
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.comments.submission import Submission
from blog.models.posts import editing, publishing, revisions
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag
from blog.models.users.user import User
from tests.support import cast
from tests.support.cast import Cast


@dataclass
class World:
    config: Config
    database: Database
    cast: Cast
    chance: random.Random

    def by(self, name: str) -> User:
        person: User = getattr(self.cast, name)
        return person

    def do(self, work: Callable[..., object], *args: Any, by: str = "eve", **kwargs: Any) -> None:
        self.database.transact_now(work, *args, by=self.by(by), **kwargs)


def some_post(world: World) -> int:
    return world.chance.choice([post.id for post in world.cast.posts.values()])


def edit(world: World, at_in: float | None = None) -> None:
    """Save and publish a post, or schedule it in `at_in` seconds."""
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
        version = editing.save(session, id, copy, by=by)
        at = now() + timedelta(seconds=at_in) if at_in and not post.is_live(now()) else None
        publishing.publish(session, id, render(copy.text("body")), version, at, by=by)

    world.do(work, some_post(world))


def save_only(world: World) -> None:
    def work(session: Session, id: int, *, by: User) -> None:
        post = session.get_one(Post, id)
        copy = WorkingCopy(
            title=post.title, body=f"Half {world.chance.random()}", version=post.version
        )
        editing.save(session, id, copy, by=by)

    world.do(work, some_post(world))


def bring_back(world: World) -> None:
    """Restore an earlier revision and publish it."""

    def work(session: Session, id: int, *, by: User) -> None:
        rows = session.scalars(select(Revision.id).where(Revision.post_id == id))
        ids = sorted(rows)
        if ids:
            post = revisions.restore_revision(session, id, world.chance.choice(ids), by=by)
            publishing.publish(session, id, render(post.body), post.version, None, by=by)

    world.do(work, some_post(world))


def withdraw(world: World) -> None:
    world.do(publishing.unpublish, some_post(world))


def trash(world: World) -> None:
    world.do(publishing.trash, some_post(world))


def restore(world: World) -> None:
    world.do(publishing.restore, some_post(world))


def comment(world: World) -> None:
    """Submit a comment. A guest's is pending, an editor's is public at once."""
    said = f"Said {world.chance.randrange(10_000)}."
    is_guest = world.chance.random() < 0.3

    def work(session: Session, id: int, *, by: User) -> None:
        if (session.scalar(select(func.count(Comment.id))) or 0) < MAX_COMMENTS:
            sent = Submission(id, said, render(said, trust="guest"), name="Gus", key="a browser")
            submission.submit(session, sent, by=None if is_guest else by)

    world.do(work, some_post(world))


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
    def work(session: Session, *, by: User) -> None:
        for comment in session.scalars(select(Comment)):
            comment.state = PENDING if world.chance.random() < 0.3 else comment.state

    world.do(work)


def rename_tag(world: World) -> None:
    name = f"{world.chance.choice(['Marmalade', 'Ink', '瓷器'])} {world.chance.randrange(9)}"

    def work(session: Session, *, by: User) -> None:
        ids = list(session.scalars(select(Tag.id).order_by(Tag.id)))
        tag_admin.rename(session, world.chance.choice(ids), name=name, by=by)

    world.do(work)


def merge_tags(world: World) -> None:
    def work(session: Session, *, by: User) -> None:
        rows = list(session.scalars(select(Tag).order_by(Tag.id)))
        if len(rows) > 3:
            source, target = world.chance.sample(rows, 2)
            tag_admin.merge(session, source.id, into=target.name, by=by)

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
    def work(session: Session, *, by: User) -> None:
        ann = session.get_one(User, world.by("ann").id)
        ann.display_name = f"Ann {world.chance.randrange(100)}"

    world.do(work)


def bring_in(world: World) -> None:
    """Import two files, with a different text each time."""
    with TemporaryDirectory() as folder:
        posts = Path(folder) / "_posts"
        posts.mkdir()
        for name in ("brought", "carried"):
            head = f"title: Once {name}\npermalink: /{name}\ntags: [ink, {name}]\nauthor: ann"
            words = f"---\n{head}\n---\n\nNumber {world.chance.randrange(10_000)}.\n"
            posts.joinpath(f"2020-02-03-{name}.md").write_text(words)
        asyncio.run(importer.import_folder(world.config, Path(folder), importer.ImportOptions()))


ACTIONS = [
    *[edit] * 7,
    save_only,
    bring_back,
    withdraw,
    trash,
    *[restore] * 2,
    comment,
    *[decide] * 2,
    undo,
    wait_again,
    rename_tag,
    merge_tags,
    change_setting,
    rename_author,
]
IMPORT_PROBABILITY = 0.01  # an import starts processes of its own
SCHEDULE_DELAY = 0.12  # seconds
MAX_COMMENTS = 40


@dataclass(frozen=True)
class Done:
    """A finished change: when everybody must see it, and whether it was one transaction."""

    what: str
    true_from: float
    is_one: bool = True


def change(world: World) -> Done:
    """Make one random change, which may be refused."""
    draw = world.chance.random()
    if draw < IMPORT_PROBABILITY:
        bring_in(world)
        return Done("bring_in", time.monotonic(), is_one=False)
    if draw < 0.1:
        with suppress(Refusal):
            edit(world, at_in=SCHEDULE_DELAY)
        time.sleep(SCHEDULE_DELAY)  # nothing is committed when a scheduled post goes live
        return Done("fall due", time.monotonic(), is_one=False)
    action = world.chance.choice(ACTIONS)
    with suppress(Refusal, LookupError):  # for example, a comment on a post that is not public
        action(world)
    return Done(action.__name__, time.monotonic())
