"""What visitors may read: lists, and a post with its neighbours. Columns, not objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

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
from sqlalchemy.orm import Session

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now, rows
from blog.models.comments.comment import Thread
from blog.models.listing import NumberedPage
from blog.models.posts.post import POST, Post
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.public import post_counts
from blog.models.public.compiled_query import CompiledQuery
from blog.models.public.post_counts import WHOLE, Part
from blog.models.tags.tag import Tag
from blog.models.users.user import User


@dataclass(frozen=True)
class Name:
    """A tag or an author, as a link."""

    name: str
    href: str
    slug: str
    bio: str = ""
    posts: int = 0


@dataclass(frozen=True)
class Card:
    """A post in a list. Times are aware UTC; `path` is ready for a link."""

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


@dataclass(frozen=True)
class Link:
    """A post that another one leads to."""

    path: str
    title: str
    language: str
    published_at: datetime


@dataclass(frozen=True)
class PostPage:
    """A post to be read whole."""

    card: Card
    body_html: str
    outline: tuple[tuple[int, str, str], ...] = ()
    summary: str = ""  # as its author wrote it; the card's may be an excerpt
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


COLUMNS = (
    Post.id,
    Post.kind,
    Post.uid,
    Post.publish_at,
    Address.path,
    Revision.id.label("revision_id"),
    Revision.title,
    Revision.excerpt,
    Revision.language,
    Revision.cover,
    Revision.words,
    Revision.minutes,
    Revision.is_listed,
    Revision.as_of,
)


def shown() -> Select[*tuple[Any, ...]]:
    """Everything a visitor may see, unlisted ones too."""
    return shown_at(now())


def shown_at(moment: Any) -> Select[*tuple[Any, ...]]:
    """The same for another moment, or for one that is given when the statement is executed."""
    return (
        select(*COLUMNS)
        .join(Revision, Revision.id == Post.live_revision_id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.is_live(moment))
    )


def listed() -> Select[*tuple[Any, ...]]:
    """The posts that lists show, newest first."""
    return listed_at(now())


def listed_at(moment: Any) -> Select[*tuple[Any, ...]]:
    query = shown_at(moment).where(Revision.is_listed, Post.kind == POST)
    return query.order_by(Post.publish_at.desc(), Post.id.desc())


# Not asked once more whether they are live, or SQLite walks through all that are.
THESE = (
    select(*COLUMNS)
    .join(Revision, Revision.id == Post.live_revision_id)
    .join(Address, Address.id == Post.address_id)
    .where(Post.id.in_(bindparam("ids", expanding=True)))
    .order_by(Post.publish_at.desc(), Post.id.desc())
)


def post_list(session: Session, part: Part = WHOLE, *, page: int, per_page: int) -> PostList:
    """One page of what stands on a shelf. Raises `LookupError` past the last page."""
    moment = now()
    ids, total = post_counts.page(session, part, moment, (page - 1) * per_page, per_page)
    found = [card_of(row) for row in rows(session, THESE, ids=ids)]
    shown = PostList(with_names(session, found), total, page, per_page)
    if page > shown.pages:
        raise LookupError(page)
    return shown


def cards(
    session: Session, query: Select[*tuple[Any, ...]], offset: int, limit: int
) -> tuple[Card, ...]:
    found = rows(session, query.offset(offset).limit(limit))
    return with_names(session, [card_of(row) for row in found])


def card_of(row: Any) -> Card:
    return Card(
        id=row.id,
        kind=row.kind,
        uid=row.uid,
        path=addresses.href(row.path),
        title=row.title,
        summary=row.excerpt,
        language=row.language,
        cover=row.cover,
        published_at=row.publish_at,
        updated_at=max(row.as_of, row.publish_at),
        words=row.words,
        minutes=row.minutes,
        is_listed=row.is_listed,
        revision_id=row.revision_id,
    )


def names_of(is_theirs: Callable[[Any], ColumnElement[bool]]) -> CompoundSelect[*tuple[Any, ...]]:
    """Whose revisions these are and what they are about, in the order of their lines."""
    people = select(
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
        people.where(is_theirs(RevisionAuthor.revision_id)),
        tags.where(is_theirs(RevisionTag.revision_id)),
    ).order_by("position")


NAMES_OF_ONE = CompiledQuery(names_of(lambda id: id == bindparam("revision", type_=Integer)))
NAMES_OF_MANY = names_of(lambda id: id.in_(bindparam("revisions", expanding=True)))


def with_names(session: Session, cards: list[Card]) -> tuple[Card, ...]:
    """The cards with their authors and tags, in one query for all."""
    ids = [card.revision_id for card in cards]
    names = rows(session, NAMES_OF_MANY, revisions=ids)
    return tuple(
        named(card, [row for row in names if row.revision_id == card.revision_id]) for card in cards
    )


def named(card: Card, names: list[Any]) -> Card:
    authors = (author_name(one.slug, one.name, one.bio) for one in names if one.is_author)
    tags = (tag_name(one.slug, one.name) for one in names if not one.is_author)
    return replace(card, authors=tuple(authors), tags=tuple(tags))


def author_name(name: str, display_name: str, bio: str = "", posts: int = 0) -> Name:
    return Name(display_name, f"/authors/{addresses.href(name)}", name, bio, posts)


def tag_name(slug: str, name: str, posts: int = 0) -> Name:
    return Name(name, f"/tags/{addresses.href(slug)}", slug, posts=posts)
