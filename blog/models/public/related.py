"""What stands around a post: the older, the newer, and those that are like it. One question."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Float,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import UTCTime, now
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision, RevisionTag
from blog.models.public.cards import Card, Link
from blog.models.public.compiled_query import CompiledQuery
from blog.models.public.post_counts import BEGINNING, MOMENT, POSTS, SHOWN, of_tag
from blog.models.public.post_counts_index import EVER, number, standing

CONSIDERED = 20  # of each tag, the newest
RELATED = 3

ID = bindparam("id", type_=Integer)
PUBLISHED_AT = bindparam("published_at", type_=UTCTime)
OLDER, NEWER, NEAR = "older", "newer", "near"
PLACE = tuple_(standing.c.publish_at, standing.c.post_id)
HERE = tuple_(PUBLISHED_AT, ID)
BESIDE = select(standing.c.post_id, standing.c.publish_at, standing.c.language).where(
    standing.c.shelf == POSTS, SHOWN
)
BEFORE = (
    BESIDE.add_columns(literal(OLDER).label("role"), literal(0.0).label("score"))
    .where(PLACE < HERE)
    .order_by(standing.c.publish_at.desc(), standing.c.post_id.desc())
    .limit(1)
)
AFTER = (
    BESIDE.add_columns(literal(NEWER), literal(0.0))
    .where(PLACE > HERE, standing.c.publish_at <= MOMENT)
    .order_by(standing.c.publish_at, standing.c.post_id)
    .limit(1)
)


def _alike() -> Select[*tuple[Any, ...]]:
    """Posts that share tags, those with rarer tags first; of equals the newest, same language."""
    other, shelf = aliased(standing), literal(of_tag("")) + cast(RevisionTag.tag_id, String)
    oldest = (
        select(other.c.publish_at)
        .where(other.c.shelf == shelf, other.c.publish_at <= MOMENT)
        .order_by(other.c.publish_at.desc())
        .limit(1)
        .offset(CONSIDERED - 1)
        .scalar_subquery()
    )
    # Not counted there: posts with a day of their end. A tag of such alone is rare, too.
    rarity = 1 / cast(1 + func.coalesce(number.c.posts, 0), Float)
    near = (
        select(standing.c.post_id, standing.c.publish_at, standing.c.language)
        .add_columns(rarity.label("rarity"))
        .join(RevisionTag, standing.c.shelf == shelf)
        .outerjoin(number, and_(number.c.shelf == shelf, number.c.month == EVER))
        .where(RevisionTag.revision_id == bindparam("revision", type_=Integer))
        .where(standing.c.publish_at >= func.coalesce(oldest, literal(BEGINNING, UTCTime)))
        .where(standing.c.publish_at <= MOMENT, SHOWN, standing.c.post_id != ID)
        .where(standing.c.language == bindparam("language", type_=String))
        .subquery()
    )
    score = func.sum(near.c.rarity)
    return (
        select(near.c.post_id, near.c.publish_at, near.c.language)
        .add_columns(literal(NEAR), score)
        .group_by(near.c.post_id, near.c.publish_at, near.c.language)
        .order_by(score.desc(), near.c.publish_at.desc(), near.c.post_id.desc())
        .limit(RELATED)
    )


FOUND = union_all(*(select(some.subquery()) for some in (BEFORE, AFTER, _alike()))).subquery()
AROUND = CompiledQuery(
    select(FOUND.c.role, FOUND.c.publish_at, FOUND.c.language, Revision.title, Address.path)
    .join(Post, Post.id == FOUND.c.post_id)
    .join(Revision, Revision.id == Post.live_revision_id)
    .join(Address, Address.id == Post.address_id)
    .order_by(FOUND.c.score.desc(), FOUND.c.publish_at.desc(), FOUND.c.post_id.desc())
)


def links(session: Session, card: Card) -> dict[str, Any]:
    """`older` and `newer`, where there are such, and what is `related`, in this order."""
    found = AROUND.rows(
        session,
        id=card.id,
        published_at=card.published_at,
        revision=card.revision_id,
        language=card.language,
        moment=now(),
    )
    return {
        "older": next(iter(_of(found, OLDER)), None),
        "newer": next(iter(_of(found, NEWER)), None),
        "related": tuple(_of(found, NEAR)),
    }


def _of(found: Sequence[Any], role: str) -> list[Link]:
    return [
        Link(addresses.href(row.path), row.title, row.language, row.publish_at)
        for row in found
        if row.role == role
    ]
