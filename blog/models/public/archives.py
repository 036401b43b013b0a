"""Ways to a post: by tag, author and month, by feed and sitemap, by an address that is near."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import String, bindparam, cast, literal, select
from sqlalchemy.orm import Session

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now, rows
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public import post_counts
from blog.models.public.cards import (
    THESE,
    Card,
    Name,
    PostPage,
    author_name,
    card_of,
    tag_name,
    with_names,
)
from blog.models.public.post_counts import PAGES, POSTS, WHOLE, Part
from blog.models.public.post_counts_index import EVER, number
from blog.models.tags.tag import Tag
from blog.models.users.user import User


@dataclass(frozen=True)
class Month:
    year: int
    month: int
    posts: int


@dataclass(frozen=True)
class Sitemap:
    """Paths with their last change, and how many more parts there are."""

    places: list["Place"]
    parts: int = 0


@dataclass(frozen=True)
class Archive:
    """Posts per month, newest first."""

    months: tuple[Month, ...] = field(default_factory=tuple)


TAG = select(Tag.id, Tag.slug, Tag.name).where(Tag.slug == bindparam("slug", type_=String))
AUTHOR = select(User.id, User.name, User.display_name, User.bio).where(
    User.name == bindparam("name", type_=String)
)
NUMBER = number.c.month == EVER
TAGS = select(Tag.id, Tag.slug, Tag.name, number.c.posts).outerjoin(
    number, NUMBER & (number.c.shelf == literal(post_counts.of_tag("")) + cast(Tag.id, String))
)
AUTHORS = select(User.id, User.name, User.display_name, number.c.posts).outerjoin(
    number, NUMBER & (number.c.shelf == literal(post_counts.of_author("")) + cast(User.id, String))
)
WHOLE_TEXTS = THESE.add_columns(Revision.body_html)
PLACES = THESE.with_only_columns(
    Address.path, Revision.as_of, Post.publish_at, maintain_column_froms=True
)
KEYS = THESE.with_only_columns(Post.id, Address.key, maintain_column_froms=True)
LOOKED_THROUGH, ALIKE = 1000, 0.6  # posts, and as many pages; the share that must be the same
IN_ONE_SITEMAP = 500
Place = tuple[str, datetime]


def tag(session: Session, slug: str) -> tuple[Name, Part]:
    """A tag and its shelf. Raises `LookupError`."""
    for row in rows(session, TAG, slug=slug):
        return tag_name(row.slug, row.name), Part(post_counts.of_tag(row.id))
    raise LookupError(slug)


def author(session: Session, name: str) -> tuple[Name, Part]:
    for row in rows(session, AUTHOR, name=name):
        who = author_name(row.name, row.display_name, row.bio)
        return who, Part(post_counts.of_author(row.id))
    raise LookupError(name)


def all_tags(session: Session) -> tuple[Name, ...]:
    """Every tag in use, the most used first."""
    shifts = post_counts.shifts(session, now())
    found = [
        tag_name(row.slug, row.name, (row.posts or 0) + shifts[post_counts.of_tag(row.id)])
        for row in rows(session, TAGS)
    ]
    return _most_first(found)


def all_authors(session: Session) -> tuple[Name, ...]:
    """Everybody whose name stands above a listed post, the busiest first."""
    shifts = post_counts.shifts(session, now())
    found = [
        author_name(
            row.name,
            row.display_name,
            posts=(row.posts or 0) + shifts[post_counts.of_author(row.id)],
        )
        for row in rows(session, AUTHORS)
    ]
    return _most_first(found)


def _most_first(names: list[Name]) -> tuple[Name, ...]:
    used = (name for name in names if name.posts)
    return tuple(sorted(used, key=lambda name: (-name.posts, name.slug)))


def archive(session: Session, zone: Any) -> Archive:
    """How many posts each month of the site's time zone has, newest first."""
    months = post_counts.by_month(session, now(), zone)
    return Archive(tuple(Month(*month, posts) for month, posts in reversed(months.items())))


def span(year: int, month: int | None, zone: Any) -> tuple[datetime, datetime]:
    """A year or month of the site's time zone. Raises `LookupError` for what no calendar has."""
    try:
        start = datetime(year, month or 1, 1, tzinfo=zone)
        length = timedelta(days=32 if month else 366)
        end = (start + length).replace(day=1) if month else start.replace(year=year + 1)
        return start.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise LookupError(year) from error


def newest(session: Session, part: Part = WHOLE, most: int = 20) -> list[PostPage]:
    """Whole posts for a feed."""
    ids = post_counts.newest(session, part, now(), most)
    texts = rows(session, WHOLE_TEXTS, ids=ids)
    found = with_names(session, [card_of(row) for row in texts])
    return [PostPage(card, row.body_html) for card, row in zip(found, texts, strict=True)]


def for_sitemap(session: Session) -> Sitemap:
    """All of a small blog. A large one comes in parts: its pages, then its posts, the oldest first,
    so that each part stays as it is when another post comes."""
    moment = now()
    parts = -(-post_counts.total(session, POSTS, moment) // IN_ONE_SITEMAP)
    if parts > 1:
        return Sitemap([], parts)
    return Sitemap(
        _newest_places(session, Part(PAGES), moment) + _newest_places(session, WHOLE, moment)
    )


def sitemap_part(session: Session, number: int) -> list[Place]:
    """The first, 0, is of the pages. Raises `LookupError`."""
    moment = now()
    if number == 0:
        return _newest_places(session, Part(PAGES), moment)
    offset = post_counts.total(session, POSTS, moment) - number * IN_ONE_SITEMAP
    if number < 1 or offset <= -IN_ONE_SITEMAP:
        raise LookupError(number)
    most = IN_ONE_SITEMAP + min(offset, 0)
    ids, _ = post_counts.page(session, WHOLE, moment, max(offset, 0), most)
    return _places(session, ids)


def _newest_places(session: Session, part: Part, moment: datetime) -> list[Place]:
    return _places(session, post_counts.newest(session, part, moment, IN_ONE_SITEMAP))


def _places(session: Session, ids: list[int]) -> list[Place]:
    """Path and last change of each."""
    found = rows(session, PLACES, ids=ids)
    return [(addresses.href(row.path), max(row.as_of, row.publish_at)) for row in found]


def nearest(session: Session, path: str, most: int = 3) -> tuple[Card, ...]:
    """Of the newest, those whose addresses look most like a path that leads nowhere."""
    ids = [
        id
        for shelf in (POSTS, PAGES)
        for id in post_counts.newest(session, Part(shelf), now(), LOOKED_THROUGH)
    ]
    names = {_last(row.key): row.id for row in reversed(rows(session, KEYS, ids=ids))}
    like = get_close_matches(_last(addresses.key_of(path)), names, most, ALIKE)
    best = [names[name] for name in like]
    found = {row.id: card_of(row) for row in rows(session, THESE, ids=best)}
    return with_names(session, [found[id] for id in best])


def _last(key: str) -> str:
    return key.rpartition("/")[2][:80]
