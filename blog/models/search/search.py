"""Searching published posts, and keeping the search index up to date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    Connection,
    Row,
    delete,
    insert,
    select,
)
from sqlalchemy.orm import Session

from blog.models.addresses import address
from blog.models.audit.action import action
from blog.models.base import rows
from blog.models.listing import NumberedPage
from blog.models.posts.content import REVISED
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision, RevisionTag
from blog.models.public import cards
from blog.models.search import ranking
from blog.models.search.query import Term, canonical, parse
from blog.models.search.ranking import full_text
from blog.models.search.schema import NO_CACHE_TAGS, Pieces, entry, place_of
from blog.models.search.snippet import Part, highlight, snippet
from blog.models.search.tokenizer import BREAK, fold, pieces
from blog.models.tags.tag import Tag

VERSION = 1  # increase it when tokens change, so that all posts are indexed again
BATCH_SIZE = 200
# The texts of a revision that are searched beside its title and tags.
SEARCHED = (
    *(getattr(Revision, name) for name, field in REVISED.items() if field.searched),
    Revision.text,
)
Terms = Sequence[Term]
POSTS_WITH_TEXT = cards.POSTS_BY_ID.add_columns(Revision.text)


@dataclass(frozen=True)
class Hit:
    """A post that was found. Each part of `title_parts` and `snippet` has a text and `is_hit`."""

    post_id: int
    kind: str
    path: str
    title: str
    title_parts: list[Part]
    snippet: list[Part]
    language: str
    published_at: datetime


@dataclass(frozen=True)
class SearchResults(NumberedPage):
    """One page of hits. `loosened`: no post has every term, so these have some of them."""

    hits: list[Hit]
    total: int
    query: str
    loosened: bool = False
    page: int = 1
    per_page: int = 10
    is_more: bool = False  # more posts match than were ranked


# --- searching ---


def find(session: Session, query: str, *, page: int = 1, per_page: int = 10) -> SearchResults:
    """Return the posts that have every term of the query, or else those with some of its words."""
    parsed, page = parse(query), max(1, page)
    ranked = ranking.by_every(session, parsed)
    loosened = not ranked.posts
    if loosened:
        ranked = ranking.by_some(session, parsed)
    total, skipped = len(ranked.posts), (page - 1) * per_page
    hits = _hits(session, ranked.posts[skipped : skipped + per_page])
    is_loosened = loosened and total > 0
    return SearchResults(hits, total, parsed.text, is_loosened, page, per_page, ranked.is_more)


def _hits(session: Session, posts: Sequence[tuple[int, Terms]]) -> list[Hit]:
    """Return the hits of one page, without posts that have been deleted since."""
    ids = [id for id, _ in posts]
    by_id = {row.id: row for row in rows(session, POSTS_WITH_TEXT, ids=ids)} if ids else {}
    return [_hit(by_id[id], terms) for id, terms in posts if id in by_id]


class PostTextRow(cards.CardRow, Protocol):
    """A row of POSTS_WITH_TEXT."""

    text: str


def _hit(post: PostTextRow, terms: Terms) -> Hit:
    return Hit(
        post_id=post.id,
        kind=post.kind,
        path=address.href(post.path),
        title=post.title,
        title_parts=highlight(post.title, terms),
        snippet=snippet(post.text, terms),
        language=post.language,
        published_at=post.publish_at,
    )


# --- the index ---


def text_of(revision: Revision | Row[*tuple[Any, ...]]) -> str:
    """Return the texts of a revision, or of a row with `SEARCHED`, that are searched together."""
    texts = (getattr(revision, column.key) for column in SEARCHED)
    return "\n".join(text for text in texts if text)


def index(session: Session, post_id: int, *, title: str, tags: Sequence[str], text: str) -> None:
    """Index a post with this title, tags and text, replacing what was indexed before."""
    forget(session, post_id)
    place = place_of(post_id, session.scalar(select(Post.publish_at).where(Post.id == post_id)))
    tag_pieces = [piece for tag in tags for piece in (*pieces(fold(tag)), BREAK)]
    row = Pieces(pieces(fold(title)), tag_pieces, pieces(fold(text)))
    full_text(session).put(session, {place: row})
    values = {
        "post_id": post_id,
        "version": VERSION,
        "title": canonical(row.title),
        "tags": canonical(row.tags),
        "place": place,
    }
    session.execute(insert(entry), [values], execution_options=NO_CACHE_TAGS)


def forget(session: Session, post_id: int) -> None:
    """Remove a post from the index."""
    place = session.scalar(select(entry.c.place).where(entry.c.post_id == post_id))
    full_text(session).drop(session, place or post_id)
    session.execute(
        delete(entry).where(entry.c.post_id == post_id), execution_options=NO_CACHE_TAGS
    )


def create(connection: Connection) -> None:
    """Create empty tables, replacing existing ones; `rebuild` fills them."""
    entry.drop(connection, checkfirst=True)
    entry.create(connection)
    full_text(connection).create(connection)


@action("search.rebuild")
def rebuild(session: Session) -> int:
    """Index up to 200 posts that are not indexed, or by an older version. Returns their number.

    Call it until it returns 0.
    """
    current = select(entry.c.post_id).where(entry.c.version == VERSION)
    stale = session.execute(
        select(Post.id, Revision.id.label("revision_id"), Revision.title, *SEARCHED)
        .join(Revision, Revision.id == Post.live_revision_id)
        .where(Post.id.not_in(current))
        .order_by(Post.id.desc())
        .limit(BATCH_SIZE)
    ).all()
    tags = _tags(session, [row.revision_id for row in stale])
    for row in stale:
        index(session, row.id, title=row.title, tags=tags[row.revision_id], text=text_of(row))
    return len(stale)


def is_stale(session: Session) -> bool:
    """Return whether `rebuild` has something to do. Takes no lock."""
    current = select(entry.c.post_id).where(entry.c.version == VERSION)
    missing = select(Post.id).where(Post.live_revision_id.is_not(None), Post.id.not_in(current))
    return session.scalar(missing.limit(1)) is not None


def _tags(session: Session, revisions: list[int]) -> dict[int, list[str]]:
    """Return the names of the tags, in order, by revision id."""
    names: dict[int, list[str]] = {id: [] for id in revisions}
    rows = session.execute(
        select(RevisionTag.revision_id, Tag.name)
        .join(Tag)
        .where(RevisionTag.revision_id.in_(revisions))
        .order_by(RevisionTag.position)
    )
    for revision_id, name in rows:
        names[revision_id].append(name)
    return names
