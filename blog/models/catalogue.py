"""Ways to a post: by tag, author and month, by feed and sitemap, by an address that is near."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from blog.models import address as addresses
from blog.models.address import Address
from blog.models.base import now
from blog.models.post import POST, Post
from blog.models.reading import (
    Card,
    Name,
    PostPage,
    author_name,
    card_of,
    cards,
    listed,
    shown,
    tag_name,
    with_names,
)
from blog.models.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tag import Tag
from blog.models.user import User


@dataclass(frozen=True)
class Month:
    year: int
    month: int
    posts: int


@dataclass(frozen=True)
class Archive:
    """Posts per month, newest first."""

    months: tuple[Month, ...] = field(default_factory=tuple)


def tag(session: Session, slug: str) -> Name:
    """Raises `LookupError` for a tag that no visible post bears."""
    row = session.execute(select(Tag).where(Tag.slug == slug)).scalar()
    if row is None:
        raise LookupError(slug)
    return tag_name(row.slug, row.name)


def author(session: Session, name: str) -> Name:
    row = session.execute(select(User).where(User.name == name)).scalar()
    if row is None:
        raise LookupError(name)
    return author_name(row.name, row.display_name, row.bio)


def all_tags(session: Session) -> tuple[Name, ...]:
    """Every tag in use, the most used first."""
    count = func.count().label("posts")
    rows = session.execute(
        select(Tag.slug, Tag.name, count)
        .join(RevisionTag, RevisionTag.tag_id == Tag.id)
        .join(Revision, Revision.id == RevisionTag.revision_id)
        .join(Post, Post.live_revision_id == Revision.id)
        .where(Post.is_live(now()), Revision.is_listed, Post.kind == POST)
        .group_by(Tag.id, Tag.slug, Tag.name)
        .order_by(count.desc(), Tag.slug)
    )
    return tuple(tag_name(row.slug, row.name, row.posts) for row in rows)


def all_authors(session: Session) -> tuple[Name, ...]:
    """Everybody whose name stands above a listed post, the busiest first."""
    count = func.count().label("posts")
    rows = session.execute(
        select(User.name, User.display_name, count)
        .join(RevisionAuthor, RevisionAuthor.user_id == User.id)
        .join(Revision, Revision.id == RevisionAuthor.revision_id)
        .join(Post, Post.live_revision_id == Revision.id)
        .where(Post.is_live(now()), Revision.is_listed, Post.kind == POST)
        .group_by(User.id, User.name, User.display_name)
        .order_by(count.desc(), User.name)
    )
    return tuple(author_name(row.name, row.display_name, posts=row.posts) for row in rows)


def archive(session: Session, zone: Any) -> Archive:
    """How many posts each month of the site's time zone has."""
    times = session.scalars(listed().with_only_columns(Post.publish_at).order_by(None))
    counts: Counter[tuple[int, int]] = Counter()
    for moment in filter(None, times):
        local = moment.astimezone(zone)
        counts[local.year, local.month] += 1
    months = sorted(counts.items(), reverse=True)
    return Archive(tuple(Month(year, month, posts) for (year, month), posts in months))


def span(year: int, month: int | None, zone: Any) -> tuple[datetime, datetime]:
    """A year or month of the site's time zone. Raises `LookupError` for what no calendar has."""
    try:
        start = datetime(year, month or 1, 1, tzinfo=zone)
        length = timedelta(days=32 if month else 366)
        end = (start + length).replace(day=1) if month else start.replace(year=year + 1)
    except (ValueError, OverflowError) as error:
        raise LookupError(year) from error
    return start, end


def newest(session: Session, *which: ColumnElement[bool], most: int = 20) -> list[PostPage]:
    """Whole posts for a feed."""
    query = listed().add_columns(Revision.body_html).where(*which).limit(most)
    rows = session.execute(query).all()
    found = with_names(session, [card_of(row) for row in rows])
    return [PostPage(card, row.body_html) for card, row in zip(found, rows, strict=True)]


def for_sitemap(session: Session) -> list[tuple[str, datetime]]:
    """Path and last change of every listed post and page."""
    rows = session.execute(
        shown()
        .where(Revision.is_listed)
        .with_only_columns(Address.path, Revision.as_of, Post.publish_at)
        .order_by(Post.publish_at.desc())
        .limit(50_000)
    )
    return [(addresses.href(row.path), max(row.as_of, row.publish_at)) for row in rows]


def nearest(session: Session, path: str, most: int = 3) -> tuple[Card, ...]:
    """Listed posts whose addresses look most like a path that leads nowhere."""
    wanted = addresses.key_of(path).rpartition("/")[2]
    rows = session.execute(
        shown().where(Revision.is_listed).with_only_columns(Post.id, Address.key).limit(2000)
    ).all()
    scored = sorted(
        ((_likeness(wanted, row.key.rpartition("/")[2]), row.id) for row in rows), reverse=True
    )
    best = [id for score, id in scored[:most] if score > 0.6]
    found = {c.id: c for c in cards(session, shown().where(Post.id.in_(best)), 0, most)}
    return tuple(found[id] for id in best if id in found)


def _likeness(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one[:80], other[:80])
    return matcher.quick_ratio() and matcher.ratio() if matcher.real_quick_ratio() > 0.6 else 0.0
