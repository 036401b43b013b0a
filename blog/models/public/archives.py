"""Queries for tag, author and archive pages, feeds, sitemaps, and posts with a similar address."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches

from sqlalchemy import String, bindparam, cast, literal, select
from sqlalchemy.orm import Session

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now, rows
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public import post_counts
from blog.models.public.cards import (
    POSTS_BY_ID,
    Card,
    Name,
    PostPage,
    author_name,
    card_of,
    tag_name,
    with_names,
)
from blog.models.public.post_counts import PAGES, POSTS, WHOLE, ListRange
from blog.models.public.post_counts_index import ALL_TIME, list_count
from blog.models.tags.tag import Tag
from blog.models.users.user import User


@dataclass(frozen=True)
class Month:
    """A month in the site's time zone and the number of posts published in it."""

    year: int
    month: int
    posts: int


@dataclass(frozen=True)
class Sitemap:
    """Paths with the time of their last change; or, on a large site, only the number of parts."""

    places: "list[SitemapEntry]"
    parts: int = 0


@dataclass(frozen=True)
class Archive:
    """The number of posts per month, newest first."""

    months: tuple[Month, ...] = field(default_factory=tuple)


TAG = select(Tag.id, Tag.slug, Tag.name).where(Tag.slug == bindparam("slug", type_=String))
AUTHOR = select(User.id, User.name, User.display_name, User.bio).where(
    User.name == bindparam("name", type_=String)
)
IS_TOTAL = list_count.c.month == ALL_TIME
TAGS = select(Tag.id, Tag.slug, Tag.name, list_count.c.posts).outerjoin(
    list_count,
    IS_TOTAL & (list_count.c.shelf == literal(post_counts.of_tag("")) + cast(Tag.id, String)),
)
AUTHORS = select(User.id, User.name, User.display_name, User.bio, list_count.c.posts).outerjoin(
    list_count,
    IS_TOTAL & (list_count.c.shelf == literal(post_counts.of_author("")) + cast(User.id, String)),
)
WHOLE_TEXTS = POSTS_BY_ID.add_columns(Revision.body_html)
PLACES = POSTS_BY_ID.with_only_columns(
    Address.path, Revision.as_of, Post.publish_at, maintain_column_froms=True
)
KEYS = POSTS_BY_ID.with_only_columns(Post.id, Address.key, maintain_column_froms=True)
MAX_COMPARED = 1000  # posts, and as many pages, whose addresses are compared
MIN_SIMILARITY = 0.6  # as defined by `difflib`
IN_ONE_SITEMAP = 500
SitemapEntry = tuple[str, datetime]


def tag(session: Session, slug: str) -> tuple[Name, ListRange]:
    """Return a tag and the range of its posts. Raises `LookupError`."""
    for row in rows(session, TAG, slug=slug):
        return tag_name(row.slug, row.name), ListRange(post_counts.of_tag(row.id))
    raise LookupError(slug)


def author(session: Session, name: str) -> tuple[Name, ListRange]:
    """Return an author and the range of their posts. Raises `LookupError`."""
    for row in rows(session, AUTHOR, name=name):
        author = author_name(row.name, row.display_name, row.bio)
        return author, ListRange(post_counts.of_author(row.id))
    raise LookupError(name)


def all_tags(session: Session) -> tuple[Name, ...]:
    """Return all tags of listed posts, the most used first."""
    corrections = post_counts.corrections(session, now())
    tags = [
        tag_name(row.slug, row.name, (row.posts or 0) + corrections[post_counts.of_tag(row.id)])
        for row in rows(session, TAGS)
    ]
    return _most_first(tags)


def all_authors(session: Session) -> tuple[Name, ...]:
    """Return all authors of listed posts, those with the most posts first."""
    corrections = post_counts.corrections(session, now())
    authors = [
        author_name(
            row.name,
            row.display_name,
            row.bio,
            posts=(row.posts or 0) + corrections[post_counts.of_author(row.id)],
        )
        for row in rows(session, AUTHORS)
    ]
    return _most_first(authors)


def _most_first(names: list[Name]) -> tuple[Name, ...]:
    used = (name for name in names if name.posts)
    return tuple(sorted(used, key=lambda name: (-name.posts, name.slug)))


def archive(session: Session, zone: tzinfo) -> Archive:
    """Return the number of posts in each month of the site's time zone, newest first."""
    months = post_counts.by_month(session, now(), zone)
    return Archive(tuple(Month(*month, posts) for month, posts in reversed(months.items())))


def span(year: int, month: int | None, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the start and end, in UTC, of a year or month in the site's time zone.

    Raises `LookupError` if there is no such year or month.
    """
    try:
        start = datetime(year, month or 1, 1, tzinfo=zone)
        length = timedelta(days=32 if month else 366)
        end = (start + length).replace(day=1) if month else start.replace(year=year + 1)
        return start.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise LookupError(year) from error


def whole_posts(
    session: Session, list_range: ListRange, offset: int, most: int
) -> tuple[tuple[PostPage, ...], int]:
    """Return the posts of one page of a list with their text, newest first, and the total."""
    ids, total = post_counts.page(session, list_range, now(), offset, most)
    texts = rows(session, WHOLE_TEXTS, ids=ids)
    cards = with_names(session, [card_of(row) for row in texts])
    posts = (PostPage(card, row.body_html) for card, row in zip(cards, texts, strict=True))
    return tuple(posts), total


def for_sitemap(session: Session) -> Sitemap:
    """Return all paths of a small site, or the number of parts of a large one.

    Part 0 holds the pages; the others hold 500 posts each, oldest first, so that a new post
    changes only the last part.
    """
    moment = now()
    parts = -(-post_counts.total(session, POSTS, moment) // IN_ONE_SITEMAP)
    if parts > 1:
        return Sitemap([], parts)
    return Sitemap(
        _newest_places(session, ListRange(PAGES), moment) + _newest_places(session, WHOLE, moment)
    )


def sitemap_part(session: Session, index: int) -> list[SitemapEntry]:
    """Return a part of a large site's sitemap; part 0 holds the pages. Raises `LookupError`."""
    moment = now()
    if index == 0:
        return _newest_places(session, ListRange(PAGES), moment)
    offset = post_counts.total(session, POSTS, moment) - index * IN_ONE_SITEMAP
    if index < 1 or offset <= -IN_ONE_SITEMAP:
        raise LookupError(index)
    most = IN_ONE_SITEMAP + min(offset, 0)
    ids, _ = post_counts.page(session, WHOLE, moment, max(offset, 0), most)
    return _places(session, ids)


def _newest_places(session: Session, list_range: ListRange, moment: datetime) -> list[SitemapEntry]:
    """Return the paths of up to 500 of the newest posts, with the time of their last change."""
    return _places(session, post_counts.newest(session, list_range, moment, IN_ONE_SITEMAP))


def _places(session: Session, ids: list[int]) -> list[SitemapEntry]:
    """Return the path and the time of the last change of each post."""
    return [
        (addresses.href(row.path), max(row.as_of, row.publish_at))
        for row in rows(session, PLACES, ids=ids)
    ]


def nearest(session: Session, path: str, most: int = 3) -> tuple[Card, ...]:
    """Return the recent posts and pages whose addresses are most similar to an unknown path."""
    ids = [
        id
        for list_key in (POSTS, PAGES)
        for id in post_counts.newest(session, ListRange(list_key), now(), MAX_COMPARED)
    ]
    ids_by_name = {_last_segment(row.key): row.id for row in reversed(rows(session, KEYS, ids=ids))}
    similar = get_close_matches(
        _last_segment(addresses.key_of(path)), ids_by_name, most, MIN_SIMILARITY
    )
    best_ids = [ids_by_name[name] for name in similar]
    cards = {row.id: card_of(row) for row in rows(session, POSTS_BY_ID, ids=best_ids)}
    return with_names(session, [cards[id] for id in best_ids])


def _last_segment(key: str) -> str:
    return key.rpartition("/")[2][:80]
