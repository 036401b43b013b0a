"""What visitors may read: lists, and a post with its neighbours. Columns, not objects."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from blog.models import address as addresses
from blog.models.address import Address
from blog.models.base import now
from blog.models.comment import Thread
from blog.models.post import POST, Post
from blog.models.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tag import Tag
from blog.models.user import User

CONSIDERED_FOR_RELATED = 200


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
class PostPage:
    """A post to be read whole."""

    card: Card
    body_html: str
    outline: tuple[tuple[int, str, str], ...] = ()
    summary: str = ""  # as its author wrote it; the card's may be an excerpt
    newer: Card | None = None
    older: Card | None = None
    related: tuple[Card, ...] = ()
    takes_comments: bool = False
    thread: Thread | None = None


@dataclass(frozen=True)
class Shelf:
    """One page of a list."""

    cards: tuple[Card, ...]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


@dataclass(frozen=True)
class Found:
    """What an address shows (`post_id`) or leads to (`location`); neither is a 404."""

    post_id: int | None = None
    location: str = ""


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


def shown(moment: datetime | None = None) -> Select[*tuple[Any, ...]]:
    """Everything a visitor may see, unlisted ones too."""
    return (
        select(*COLUMNS)
        .join(Revision, Revision.id == Post.live_revision_id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.is_live(moment or now()))
    )


def listed() -> Select[*tuple[Any, ...]]:
    """The posts that lists show, newest first."""
    query = shown().where(Revision.is_listed, Post.kind == POST)
    return query.order_by(Post.publish_at.desc(), Post.id.desc())


def with_tag(slug: str) -> ColumnElement[bool]:
    ids = select(RevisionTag.revision_id).join(Tag).where(Tag.slug == slug)
    return Revision.id.in_(ids)


def by_author(name: str) -> ColumnElement[bool]:
    ids = select(RevisionAuthor.revision_id).join(User).where(User.name == name)
    return Revision.id.in_(ids)


def between(start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(Post.publish_at >= start, Post.publish_at < end)


def shelf(session: Session, *which: ColumnElement[bool], page: int, per_page: int) -> Shelf:
    """One page of the listed posts that meet `which`. Raises `LookupError` past the last page."""
    query = listed().where(*which)
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    found = Shelf(cards(session, query, (page - 1) * per_page, per_page), total, page, per_page)
    if page > found.pages:
        raise LookupError(page)
    return found


def cards(
    session: Session, query: Select[*tuple[Any, ...]], offset: int, limit: int
) -> tuple[Card, ...]:
    rows = session.execute(query.offset(offset).limit(limit)).all()
    return with_names(session, [card_of(row) for row in rows])


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


def with_names(session: Session, cards: list[Card]) -> tuple[Card, ...]:
    """The cards with their authors and tags, in two queries for all."""
    ids = [card.revision_id for card in cards]
    people = session.execute(
        select(RevisionAuthor.revision_id, User.display_name, User.name, User.bio)
        .join(User)
        .where(RevisionAuthor.revision_id.in_(ids))
        .order_by(RevisionAuthor.position)
    ).all()
    tags = session.execute(
        select(RevisionTag.revision_id, Tag.name, Tag.slug)
        .join(Tag)
        .where(RevisionTag.revision_id.in_(ids))
        .order_by(RevisionTag.position)
    ).all()
    return tuple(
        replace(
            card,
            authors=tuple(
                author_name(row.name, row.display_name, row.bio)
                for row in people
                if row.revision_id == card.revision_id
            ),
            tags=tuple(
                tag_name(row.slug, row.name) for row in tags if row.revision_id == card.revision_id
            ),
        )
        for card in cards
    )


def author_name(name: str, display_name: str, bio: str = "", posts: int = 0) -> Name:
    return Name(display_name, f"/authors/{addresses.href(name)}", name, bio, posts)


def tag_name(slug: str, name: str, posts: int = 0) -> Name:
    return Name(name, f"/tags/{addresses.href(slug)}", slug, posts=posts)


# --- one post ---


def at_address(session: Session, path: str) -> Found:
    """Look a decoded path up in the address table."""
    place = addresses.find(session, path)
    if place is None or place.live_since is None:
        return Found()
    if place.post_id is None:
        return Found(location=place.target)
    own = session.execute(
        select(Address.id, Address.path)
        .join(Post, Post.address_id == Address.id)
        .where(Post.id == place.post_id, Post.is_live(now()))
    ).first()
    if own is None:
        return Found()
    if own.id == place.id and own.path == path:
        return Found(post_id=place.post_id)
    return Found(location=addresses.href(own.path))


def post_page(session: Session, id: int) -> PostPage:
    """A live post, listed or not, with its neighbours. Raises `LookupError`."""
    row = session.execute(
        shown()
        .add_columns(Revision.body_html, Revision.outline, Revision.summary)
        .add_columns(Revision.takes_comments)
        .where(Post.id == id)
    ).first()
    if row is None:
        raise LookupError(id)
    card = with_names(session, [card_of(row)])[0]
    outline = tuple((level, anchor, text) for level, anchor, text in row.outline)
    page = PostPage(card, row.body_html, outline, row.summary, takes_comments=row.takes_comments)
    return _among_others(session, page) if card.kind == POST else page


def _among_others(session: Session, page: PostPage) -> PostPage:
    card = page.card
    here = (Post.publish_at, Post.id)
    before = listed().where(_earlier(card))
    after = (
        listed()
        .where(~_earlier(card), Post.id != card.id)
        .order_by(None)
        .order_by(*(column.asc() for column in here))
    )
    older, newer = cards(session, before, 0, 1), cards(session, after, 0, 1)
    return replace(
        page,
        older=older[0] if older else None,
        newer=newer[0] if newer else None,
        related=related(session, card),
    )


def _earlier(card: Card) -> ColumnElement[bool]:
    same_moment = and_(Post.publish_at == card.published_at, Post.id < card.id)
    return (Post.publish_at < card.published_at) | same_moment


def related(session: Session, card: Card, most: int = 3) -> tuple[Card, ...]:
    """Posts that share tags, those with rarer tags first; of equals the newest, same language."""
    slugs = [tag.slug for tag in card.tags]
    if not slugs:
        return ()
    near = session.execute(
        select(Post.id, Tag.slug)
        .join(Revision, Revision.id == Post.live_revision_id)
        .join(RevisionTag, RevisionTag.revision_id == Revision.id)
        .join(Tag)
        .where(Post.is_live(now()), Revision.is_listed, Post.kind == POST, Post.id != card.id)
        .where(Tag.slug.in_(slugs), Revision.language == card.language)
        .order_by(Post.publish_at.desc())
        .limit(CONSIDERED_FOR_RELATED)
    ).all()
    uses = Counter(slug for _, slug in near)
    scores: Counter[int] = Counter()
    for id, slug in near:
        scores[id] += 1_000_000 // uses[slug]
    best = [id for id, _ in scores.most_common(most)]
    found = {card.id: card for card in cards(session, listed().where(Post.id.in_(best)), 0, most)}
    return tuple(found[id] for id in best if id in found)
