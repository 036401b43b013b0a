"""The links below a post: the previous, the next and similar posts, in a single query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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
from blog.models.public.post_counts_index import ALL_TIME, list_count, list_entry

MAX_CONSIDERED = 20  # the newest posts of each tag
MAX_SIMILAR = 3

ID = bindparam("id", type_=Integer)
PUBLISHED_AT = bindparam("published_at", type_=UTCTime)
OLDER, NEWER, SIMILAR = "older", "newer", "near"
POSITION = tuple_(list_entry.c.publish_at, list_entry.c.post_id)
CURRENT = tuple_(PUBLISHED_AT, ID)
OTHERS = select(list_entry.c.post_id, list_entry.c.publish_at, list_entry.c.language).where(
    list_entry.c.shelf == POSTS, SHOWN
)
OLDER_POST = (
    OTHERS.add_columns(literal(OLDER).label("role"), literal(0.0).label("score"))
    .where(POSITION < CURRENT)
    .order_by(list_entry.c.publish_at.desc(), list_entry.c.post_id.desc())
    .limit(1)
)
NEWER_POST = (
    OTHERS.add_columns(literal(NEWER), literal(0.0))
    .where(POSITION > CURRENT, list_entry.c.publish_at <= MOMENT)
    .order_by(list_entry.c.publish_at, list_entry.c.post_id)
    .limit(1)
)


def _similar_posts() -> Select[int, datetime, str, str, float]:
    """Return a query for three posts in the same language that share tags with the post.

    A shared tag counts 1 / (1 + number of its posts); the newest of equals come first.
    """
    other, list_key = aliased(list_entry), literal(of_tag("")) + cast(RevisionTag.tag_id, String)
    oldest = (
        select(other.c.publish_at)
        .where(other.c.shelf == list_key, other.c.publish_at <= MOMENT)
        .order_by(other.c.publish_at.desc())
        .limit(1)
        .offset(MAX_CONSIDERED - 1)
        .scalar_subquery()
    )
    # The number may be 0: it does not include posts with a date of withdrawal.
    rarity = 1 / cast(1 + func.coalesce(list_count.c.posts, 0), Float)
    candidate = (
        select(list_entry.c.post_id, list_entry.c.publish_at, list_entry.c.language)
        .add_columns(rarity.label("rarity"))
        .join(RevisionTag, list_entry.c.shelf == list_key)
        .outerjoin(list_count, and_(list_count.c.shelf == list_key, list_count.c.month == ALL_TIME))
        .where(RevisionTag.revision_id == bindparam("revision", type_=Integer))
        .where(list_entry.c.publish_at >= func.coalesce(oldest, literal(BEGINNING, UTCTime)))
        .where(list_entry.c.publish_at <= MOMENT, SHOWN, list_entry.c.post_id != ID)
        .where(list_entry.c.language == bindparam("language", type_=String))
        .subquery()
    )
    score = func.sum(candidate.c.rarity)
    return (
        select(candidate.c.post_id, candidate.c.publish_at, candidate.c.language)
        .add_columns(literal(SIMILAR), score)
        .group_by(candidate.c.post_id, candidate.c.publish_at, candidate.c.language)
        .order_by(score.desc(), candidate.c.publish_at.desc(), candidate.c.post_id.desc())
        .limit(MAX_SIMILAR)
    )


FOUND = union_all(
    select(OLDER_POST.subquery()),
    select(NEWER_POST.subquery()),
    select(_similar_posts().subquery()),
).subquery()
RELATED_POSTS = CompiledQuery(
    select(FOUND.c.role, FOUND.c.publish_at, FOUND.c.language, Revision.title, Address.path)
    .join(Post, Post.id == FOUND.c.post_id)
    .join(Revision, Revision.id == Post.live_revision_id)
    .join(Address, Address.id == Post.address_id)
    .order_by(FOUND.c.score.desc(), FOUND.c.publish_at.desc(), FOUND.c.post_id.desc())
)


@dataclass(frozen=True)
class RelatedLinks:
    """The posts linked below a post; `related` are the similar ones, the most similar first."""

    older: Link | None
    newer: Link | None
    related: tuple[Link, ...]


class RelatedRow(Protocol):
    """A row of RELATED_POSTS. `role` is OLDER, NEWER or SIMILAR."""

    role: str
    path: str
    title: str
    language: str
    publish_at: datetime


def links(session: Session, card: Card) -> RelatedLinks:
    """Return the previous, next and similar posts of a post."""
    rows = RELATED_POSTS.rows(
        session,
        id=card.id,
        published_at=card.published_at,
        revision=card.revision_id,
        language=card.language,
        moment=now(),
    )
    return RelatedLinks(
        older=next(iter(_with_role(rows, OLDER)), None),
        newer=next(iter(_with_role(rows, NEWER)), None),
        related=tuple(_with_role(rows, SIMILAR)),
    )


def _with_role(rows: Sequence[RelatedRow], role: str) -> list[Link]:
    return [
        Link(addresses.href(row.path), row.title, row.language, row.publish_at)
        for row in rows
        if row.role == role
    ]
