"""Search over the title, tags and whole text of what readers may see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    true,
)
from sqlalchemy.orm import Session

from blog.models import address, reading
from blog.models.folding import BREAK, fold, pieces
from blog.models.post import Post
from blog.models.question import Question, Term, ask, canonical
from blog.models.revision import Revision, RevisionTag
from blog.models.search_index import UNTOLD, FullText, Pieces, entry
from blog.models.search_postgresql import Tsvector
from blog.models.search_sqlite import Fts5
from blog.models.snippet import Part, highlight, snippet
from blog.models.tag import Tag

VERSION = 1  # raise it when tokens change: every post is then indexed anew
AT_ONCE = 200
MOST_RANKED = 2000
Terms = Sequence[Term]


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
class Found:
    """One page of hits. `loosened`: nothing had every term, so these have some of them."""

    hits: list[Hit]
    total: int
    query: str
    loosened: bool = False
    page: int = 1
    per_page: int = 10

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


# --- asking ---


def find(session: Session, query: str, *, page: int = 1, per_page: int = 10) -> Found:
    """The posts that have every term of the query, else those that have some of its words."""
    question, page = ask(query), max(1, page)
    for terms, every in ((question.terms, True), (question.loose, False)):
        rows, total = _page(session, _ranked(session, question, terms, every), page, per_page)
        if total:
            hits = _hits(session, rows, question.finished if every else terms, terms)
            return Found(hits, total, question.text, not every, page, per_page)
    return Found([], 0, question.text, False, page, per_page)


def _ranked(session: Session, question: Question, terms: Terms, every: bool) -> Select[Any] | None:
    """Whole words before begun ones; title before tags before text; then by score."""
    if not terms:
        return None
    index = full_text(session)
    matching = index.matching(terms, every=every)
    hits = _newest(matching)
    scored = index.scored(session, terms, hits, every).subquery()
    whole = _is_whole(session, hits, question, every).label("is_whole")
    order = (
        whole,
        *(_places(question) if every else ()),
        scored.c.score,
        hits.c.publish_at,
        hits.c.id,
    )
    return (
        select(hits.c.id, whole, func.count().over().label("total"))
        .join(scored, scored.c.post_id == hits.c.id)
        .join(entry, entry.c.post_id == hits.c.id)
        .order_by(*(column.desc() for column in order))
    )


def _is_whole(session: Session, hits: CTE, question: Question, every: bool) -> ColumnElement[bool]:
    """Whether the last word stands there as typed, and is not only the beginning of another."""
    if not (every and question.has_prefix):
        return true()
    return hits.c.id.in_(full_text(session).matching(question.finished, every=True))


def _newest(matching: Select[Any]) -> CTE:
    """Those that readers may find: of a word that is everywhere only the newest are ranked."""
    return (
        reading.shown()
        .with_only_columns(Post.id, Post.publish_at)
        .where(Revision.is_listed, Post.id.in_(matching))
        .order_by(Post.publish_at.desc(), Post.id.desc())
        .limit(MOST_RANKED)
        .cte("hits")
    )


def _places(question: Question) -> Iterator[ColumnElement[bool]]:
    """The very title; every term in the title; every term in title or tags."""
    yield entry.c.title == question.canonical
    for terms in dict.fromkeys((question.finished, question.terms)):
        yield and_(*(_has(entry.c.title, term) for term in terms))
        yield and_(*(_has(entry.c.title, term) | _has(entry.c.tags, term) for term in terms))


def _has(column: Column[str], term: Term) -> ColumnElement[bool]:
    return column.contains(term.canonical, autoescape=True)


def _page(
    session: Session, ranked: Select[Any] | None, page: int, per_page: int
) -> tuple[Sequence[Row[Any]], int]:
    """The rows of a page, and how many there are in all."""
    if ranked is None:
        return [], 0
    skipped = min((page - 1) * per_page, MOST_RANKED)
    rows = session.execute(ranked.offset(skipped).limit(per_page)).all()
    if rows or not skipped:
        return rows, rows[0].total if rows else 0
    return [], _page(session, ranked, 1, 1)[1]


def _hits(session: Session, rows: Sequence[Row[Any]], finished: Terms, terms: Terms) -> list[Hit]:
    """The posts of a page, but for one whose time ran out since they were ranked."""
    texts = reading.shown().add_columns(Revision.text)
    posts = session.execute(texts.where(Post.id.in_([row.id for row in rows])))
    found = {post.id: post for post in posts}
    return [
        _hit(found[row.id], finished if row.is_whole else terms) for row in rows if row.id in found
    ]


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
    apart = [piece for tag in tags for piece in (*pieces(fold(tag)), BREAK)]
    row = Pieces(pieces(fold(title)), apart, pieces(fold(text)))
    full_text(session).put(session, post_id, row)
    values = {
        "post_id": post_id,
        "version": VERSION,
        "title": canonical(row.title),
        "tags": canonical(row.tags),
    }
    session.execute(insert(entry), [values], execution_options=UNTOLD)


def forget(session: Session, post_id: int) -> None:
    full_text(session).drop(session, post_id)
    session.execute(delete(entry).where(entry.c.post_id == post_id), execution_options=UNTOLD)


def full_text(connection: Session | Connection) -> FullText:
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return Tsvector() if bind.dialect.name == "postgresql" else Fts5()


def create(connection: Connection) -> None:
    """Make the tables anew and empty; `rebuild` fills them."""
    entry.drop(connection, checkfirst=True)
    entry.create(connection)
    full_text(connection).create(connection)


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
