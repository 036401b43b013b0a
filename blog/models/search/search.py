"""Search over the title, tags and whole text of what readers may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision, RevisionTag
from blog.models.public import cards
from blog.models.search import ranking
from blog.models.search.query import Term, ask, canonical
from blog.models.search.ranking import full_text
from blog.models.search.schema import UNTOLD, Pieces, entry, place_of
from blog.models.search.snippet import Part, highlight, snippet
from blog.models.search.tokenizer import BREAK, fold, pieces
from blog.models.tags.tag import Tag

VERSION = 1  # raise it when tokens change: every post is then indexed anew
AT_ONCE = 200
Terms = Sequence[Term]
TEXTS = cards.THESE.add_columns(Revision.text)


@dataclass(frozen=True)
class Hit:
    """A post that was found. Parts are pairs of a text and whether it is to be marked."""

    post_id: int
    kind: str
    path: str
    title: str
    title_parts: list[Part]
    snippet: list[Part]
    language: str
    published_at: datetime


@dataclass(frozen=True)
class Found(NumberedPage):
    """One page of hits. `loosened`: nothing had every term, so these have some of them."""

    hits: list[Hit]
    total: int
    query: str
    loosened: bool = False
    page: int = 1
    per_page: int = 10
    is_more: bool = False  # there are others, of which these are the newest


# --- asking ---


def find(session: Session, query: str, *, page: int = 1, per_page: int = 10) -> Found:
    """The posts that have every term of the query, else those that have some of its words."""
    question, page = ask(query), max(1, page)
    ranked = ranking.by_every(session, question)
    if loosened := not ranked.posts:
        ranked = ranking.by_some(session, question)
    total, skipped = len(ranked.posts), (page - 1) * per_page
    hits = _hits(session, ranked.posts[skipped : skipped + per_page])
    is_loosened = loosened and total > 0
    return Found(hits, total, question.text, is_loosened, page, per_page, ranked.is_more)


def _hits(session: Session, posts: Sequence[tuple[int, Terms]]) -> list[Hit]:
    """The posts of a page."""
    ids = [id for id, _ in posts]
    found = {row.id: row for row in rows(session, TEXTS, ids=ids)} if ids else {}
    return [_hit(found[id], terms) for id, terms in posts if id in found]


def _hit(post: Row[Any], terms: Terms) -> Hit:
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


# --- keeping the index ---


def index(session: Session, post_id: int, *, title: str, tags: Sequence[str], text: str) -> None:
    """Let a post be found by this, and by nothing it said before."""
    forget(session, post_id)
    place = place_of(post_id, session.scalar(select(Post.publish_at).where(Post.id == post_id)))
    apart = [piece for tag in tags for piece in (*pieces(fold(tag)), BREAK)]
    row = Pieces(pieces(fold(title)), apart, pieces(fold(text)))
    full_text(session).put(session, {place: row})
    values = {
        "post_id": post_id,
        "version": VERSION,
        "title": canonical(row.title),
        "tags": canonical(row.tags),
        "place": place,
    }
    session.execute(insert(entry), [values], execution_options=UNTOLD)


def forget(session: Session, post_id: int) -> None:
    place = session.scalar(select(entry.c.place).where(entry.c.post_id == post_id))
    full_text(session).drop(session, place or post_id)
    session.execute(delete(entry).where(entry.c.post_id == post_id), execution_options=UNTOLD)


def create(connection: Connection) -> None:
    """Make the tables anew and empty; `rebuild` fills them."""
    entry.drop(connection, checkfirst=True)
    entry.create(connection)
    full_text(connection).create(connection)


@action("search.rebuild")
def rebuild(session: Session) -> int:
    """Index up to 200 posts that are not, or by an older version. To be repeated until it is 0."""
    current = select(entry.c.post_id).where(entry.c.version == VERSION)
    stale = session.execute(
        select(Post.id, Revision.id.label("revision_id"), Revision.title, Revision.text)
        .join(Revision, Revision.id == Post.live_revision_id)
        .where(Post.id.not_in(current))
        .order_by(Post.id.desc())
        .limit(AT_ONCE)
    ).all()
    tags = _tags(session, [row.revision_id for row in stale])
    for row in stale:
        index(session, row.id, title=row.title, tags=tags[row.revision_id], text=row.text)
    return len(stale)


def is_stale(session: Session) -> bool:
    """Whether `rebuild` has something to do; a look that wants no lock."""
    current = select(entry.c.post_id).where(entry.c.version == VERSION)
    missing = select(Post.id).where(Post.live_revision_id.is_not(None), Post.id.not_in(current))
    return session.scalar(missing.limit(1)) is not None


def _tags(session: Session, revisions: list[int]) -> dict[int, list[str]]:
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
