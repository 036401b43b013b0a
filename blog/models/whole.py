"""One post as it is read: where it stands, its text, its neighbours, what is near it.

What readers ask for most is asked of the database by statements that are made once.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from sqlalchemy import Integer, String, and_, bindparam, literal, not_, select, union_all
from sqlalchemy.orm import Session, aliased

from blog.models import address as addresses
from blog.models.address import Address
from blog.models.base import UTCTime, now
from blog.models.post import POST, Post
from blog.models.prepared import Prepared
from blog.models.reading import (
    COLUMNS,
    NAMES_OF_ONE,
    Card,
    PostPage,
    card_of,
    listed_at,
    named,
)
from blog.models.revision import Revision, RevisionTag
from blog.models.tag import Tag

CONSIDERED_FOR_RELATED = 200
MOST_RELATED = 3

MOMENT: Any = bindparam("moment", type_=UTCTime)
ID = bindparam("id", type_=Integer)
PUBLISHED_AT = bindparam("published_at", type_=UTCTime)
ASKED = aliased(Address)
TEXT = Prepared(
    select(ASKED.live_since, ASKED.post_id, ASKED.target)
    .add_columns((ASKED.id == Address.id).label("is_own"), *COLUMNS)
    .add_columns(Revision.body_html, Revision.outline, Revision.summary, Revision.takes_comments)
    .outerjoin(Post, and_(Post.id == ASKED.post_id, Post.is_live(MOMENT)))
    .outerjoin(Revision, Revision.id == Post.live_revision_id)
    .outerjoin(Address, Address.id == Post.address_id)
    .where(ASKED.key == bindparam("key", type_=String))
)
EARLIER = (Post.publish_at < PUBLISHED_AT) | and_(Post.publish_at == PUBLISHED_AT, Post.id < ID)
# What follows from the rest is said for the index, which reads no OR.
OLDER = listed_at(MOMENT).where(Post.publish_at <= PUBLISHED_AT, EARLIER).limit(1)
NEWER = (
    listed_at(MOMENT)
    .where(Post.publish_at >= PUBLISHED_AT, not_(EARLIER), Post.id != ID)
    .order_by(None)
    .order_by(Post.publish_at, Post.id)
    .limit(1)
)
BESIDE = Prepared(
    union_all(
        select(OLDER.add_columns(literal(False).label("is_newer")).subquery()),
        select(NEWER.add_columns(literal(True).label("is_newer")).subquery()),
    )
)
NEAR = (
    select(Post.id, Tag.slug)
    .join(Revision, Revision.id == Post.live_revision_id)
    .join(RevisionTag, RevisionTag.revision_id == Revision.id)
    .join(Tag)
    .where(Post.is_live(MOMENT), Revision.is_listed, Post.kind == POST, Post.id != ID)
    .where(Tag.slug.in_(bindparam("slugs", expanding=True)))
    .where(Revision.language == bindparam("language", type_=String))
    .order_by(Post.publish_at.desc())
    .limit(CONSIDERED_FOR_RELATED)
)
THESE = listed_at(MOMENT).where(Post.id.in_(bindparam("ids", expanding=True)))


def at(session: Session, path: str) -> PostPage | str | None:
    """What a decoded path shows, or the path or address it leads to, or None for nothing.

    A post is found listed or not, and with its neighbours.
    """
    asked = {"key": addresses.key_of(path), "moment": now()}
    row = next(iter(TEXT.rows(session, **asked)), None)
    if row is None or row.live_since is None:
        return None
    if row.post_id is None:
        return str(row.target)
    if row.path is None:
        return None
    if not row.is_own or row.path != path:
        return addresses.href(row.path)
    return _page(session, row)


def _page(session: Session, row: Any) -> PostPage:
    card = named(card_of(row), NAMES_OF_ONE.rows(session, revision=row.revision_id))
    outline = tuple((level, anchor, text) for level, anchor, text in row.outline)
    page = PostPage(card, row.body_html, outline, row.summary, takes_comments=row.takes_comments)
    return _among_others(session, page) if card.kind == POST else page


def _among_others(session: Session, page: PostPage) -> PostPage:
    card = page.card
    here = {"id": card.id, "published_at": card.published_at, "moment": now()}
    beside = {row.is_newer: card_of(row) for row in BESIDE.rows(session, **here)}
    return replace(
        page,
        older=beside.get(False),
        newer=beside.get(True),
        related=related(session, card),
    )


def related(session: Session, card: Card) -> tuple[Card, ...]:
    """Posts that share tags, those with rarer tags first; of equals the newest, same language.

    As links: their authors and tags are not asked for.
    """
    slugs = [tag.slug for tag in card.tags]
    if not slugs:
        return ()
    asked: dict[str, Any] = {"id": card.id, "language": card.language, "moment": now()}
    near = session.connection().execute(NEAR, asked | {"slugs": slugs}).all()
    uses = Counter(slug for _, slug in near)
    scores: Counter[int] = Counter()
    for id, slug in near:
        scores[id] += 1_000_000 // uses[slug]
    best = [id for id, _ in scores.most_common(MOST_RELATED)]
    if not best:
        return ()
    these = session.connection().execute(THESE, {"ids": best, "moment": now()})
    found = {row.id: card_of(row) for row in these}
    return tuple(found[id] for id in best if id in found)
