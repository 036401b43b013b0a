"""What the public pages show of a post: the classes `Card` and `PostPage`, and lists of cards.

Queries select columns rather than ORM objects, which is faster.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now, rows
from blog.models.comments.comment import Thread
from blog.models.listing import NumberedPage
from blog.models.posts.content import REVISED
from blog.models.posts.post import POST, Post
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.public import post_counts
from blog.models.public.compiled_query import CompiledQuery
from blog.models.public.post_counts import WHOLE, ListRange
from blog.models.tags.tag import Tag
from blog.models.users.user import User


@dataclass(frozen=True)
class Name:
    """A tag or an author as a link. `posts` is the number of posts, where it is shown."""

    name: str
    href: str
    slug: str
    bio: str = ""
    posts: int = 0


@dataclass(frozen=True)
class Card:
    """A post or page in a list. `path` is percent-encoded for a link.

    Times are aware and in UTC; `words` and `minutes` are the length and the reading time.
    """

    id: int
    kind: str
    uid: str
    path: str
    title: str
    summary: str
    language: str
    cover: str
    published_at: datetime
    updated_at: datetime
    words: int
    minutes: int
    is_listed: bool
    revision_id: int
    authors: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    subtitle: str = ""


@dataclass(frozen=True)
class Link:
    """A link to a post from another one."""

    path: str
    title: str
    language: str
    published_at: datetime


@dataclass(frozen=True)
class PostPage:
    """A post or page with its text. `outline` holds (level, id, text) of each heading."""

    card: Card
    body_html: str
    outline: tuple[tuple[int, str, str], ...] = ()
    summary: str = ""  # as its author wrote it; the card may have an excerpt
    newer: Link | None = None
    older: Link | None = None
    related: tuple[Link, ...] = ()
    takes_comments: bool = False
    thread: Thread | None = None


@dataclass(frozen=True)
class PostList(NumberedPage):
    """One page of a list."""

    cards: tuple[Card, ...]
    total: int
    page: int
    per_page: int


CARD_FIELDS = tuple(field.name for field in REVISED.values() if field.on_cards)
COLUMNS = (
    Post.id,
    Post.kind,
    Post.uid,
    Post.publish_at,
    Address.path,
    Revision.id.label("revision_id"),
    Revision.excerpt,
    Revision.words,
    Revision.minutes,
    Revision.as_of,
    *(getattr(Revision, name) for name in CARD_FIELDS),
)


CardQuery = Select[*tuple[Any, ...]]  # selects at least COLUMNS


class CardRow(Protocol):
    """A row of COLUMNS; `card_content` reads the fields that `CARD_FIELDS` names."""

    id: int
    kind: str
    uid: str
    publish_at: datetime
    path: str
    revision_id: int
    title: str
    language: str
    excerpt: str
    words: int
    minutes: int
    as_of: datetime


class NameRow(Protocol):
    """A row of `names_of`: an author or a tag of a revision."""

    is_author: bool
    revision_id: int
    name: str
    slug: str
    bio: str


def shown() -> CardQuery:
    """Return a query for all posts and pages that readers can see now, listed or not."""
    return shown_at(now())


def shown_at(moment: datetime) -> CardQuery:
    """Return the same query for another moment."""
    return (
        select(*COLUMNS)
        .join(Revision, Revision.id == Post.live_revision_id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.is_live(moment))
    )


def listed() -> CardQuery:
    """Return a query for the posts that lists show now, newest first."""
    return listed_at(now())


def listed_at(moment: datetime) -> CardQuery:
    """Return the same query for another moment."""
    query = shown_at(moment).where(Revision.is_listed, Post.kind == POST)
    return query.order_by(Post.publish_at.desc(), Post.id.desc())


# Has no condition that the posts are live, with which SQLite would scan all live posts.
POSTS_BY_ID = (
    select(*COLUMNS)
    .join(Revision, Revision.id == Post.live_revision_id)
    .join(Address, Address.id == Post.address_id)
    .where(Post.id.in_(bindparam("ids", expanding=True)))
    .order_by(Post.publish_at.desc(), Post.id.desc())
)


def post_list(
    session: Session, list_range: ListRange = WHOLE, *, page: int, per_page: int
) -> PostList:
    """Return one page of a public list. Raises `LookupError` past the last page."""
    moment = now()
    ids, total = post_counts.page(session, list_range, moment, (page - 1) * per_page, per_page)
    cards = [card_of(row) for row in rows(session, POSTS_BY_ID, ids=ids)]
    result = PostList(with_names(session, cards), total, page, per_page)
    if page > result.pages:
        raise LookupError(page)
    return result


def card_of(row: CardRow) -> Card:
    """Return the card of a row, without authors and tags."""
    return Card(
        id=row.id,
        kind=row.kind,
        uid=row.uid,
        path=addresses.href(row.path),
        summary=row.excerpt,
        published_at=row.publish_at,
        updated_at=max(row.as_of, row.publish_at),
        words=row.words,
        minutes=row.minutes,
        revision_id=row.revision_id,
        **card_content(row),
    )


def card_content(row: CardRow | Post) -> dict[str, Any]:
    """Return the content fields that a card shows, each of its own type."""
    return {name: getattr(row, name) for name in CARD_FIELDS}


def names_of(
    condition: Callable[[InstrumentedAttribute[int]], ColumnElement[bool]],
) -> CompoundSelect[*tuple[Any, ...]]:
    """Return a query for the authors and tags, in order, of revisions.

    `condition` takes the column with the revision's id.
    """
    authors = select(
        literal(True).label("is_author"),
        RevisionAuthor.revision_id,
        RevisionAuthor.position.label("position"),
        User.display_name.label("name"),
        User.name.label("slug"),
        User.bio,
    ).join(User)
    tags = select(
        literal(False),
        RevisionTag.revision_id,
        RevisionTag.position,
        Tag.name,
        Tag.slug,
        literal(""),
    ).join(Tag)
    return union_all(
        authors.where(condition(RevisionAuthor.revision_id)),
        tags.where(condition(RevisionTag.revision_id)),
    ).order_by("position")


NAMES_OF_ONE = CompiledQuery(names_of(lambda id: id == bindparam("revision", type_=Integer)))
NAMES_OF_MANY = names_of(lambda id: id.in_(bindparam("revisions", expanding=True)))


def with_names(session: Session, cards: list[Card]) -> tuple[Card, ...]:
    """Return the cards with their authors and tags, in one query for all."""
    ids = [card.revision_id for card in cards]
    names = rows(session, NAMES_OF_MANY, revisions=ids)
    return tuple(
        card_with_names(card, [row for row in names if row.revision_id == card.revision_id])
        for card in cards
    )


def card_with_names(card: Card, names: Iterable[NameRow]) -> Card:
    """Return the card with these authors and tags."""
    authors = (author_name(row.slug, row.name, row.bio) for row in names if row.is_author)
    tags = (tag_name(row.slug, row.name) for row in names if not row.is_author)
    return replace(card, authors=tuple(authors), tags=tuple(tags))


def author_name(name: str, display_name: str, bio: str = "", posts: int = 0) -> Name:
    """Return an author as a link."""
    return Name(display_name, f"/authors/{addresses.href(name)}", name, bio, posts)


def tag_name(slug: str, name: str, posts: int = 0) -> Name:
    """Return a tag as a link."""
    return Name(name, f"/tags/{addresses.href(slug)}", slug, posts=posts)
