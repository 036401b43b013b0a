"""One post as it is read: where it stands, its text, its neighbours, what is near it.

What readers ask for most is asked of the database by statements that are made once.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Integer, String, and_, bindparam, not_, select
from sqlalchemy.orm import Session, aliased

from blog.models import address as addresses
from blog.models.address import Address
from blog.models.base import UTCTime, now
from blog.models.post import POST, Post
from blog.models.reading import Card, PostPage, card_of, listed_at, shown_at, with_names
from blog.models.revision import Revision, RevisionTag
from blog.models.tag import Tag

CONSIDERED_FOR_RELATED = 200
MOST_RELATED = 3

MOMENT: Any = bindparam("moment", type_=UTCTime)
ID = bindparam("id", type_=Integer)
PUBLISHED_AT = bindparam("published_at", type_=UTCTime)
OWN = aliased(Address)

PLACE = (
    select(Address.live_since, Address.post_id, Address.target)
    .add_columns(OWN.path.label("own_path"), (OWN.id == Address.id).label("is_own"))
    .outerjoin(Post, and_(Post.id == Address.post_id, Post.is_live(MOMENT)))
    .outerjoin(OWN, OWN.id == Post.address_id)
    .where(Address.key == bindparam("key", type_=String))
)
TEXT = (
    shown_at(MOMENT)
    .add_columns(Revision.body_html, Revision.outline, Revision.summary, Revision.takes_comments)
    .where(Post.id == ID)
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


@dataclass(frozen=True)
class Found:
    """What an address shows (`post_id`) or leads to (`location`); neither is a 404."""

    post_id: int | None = None
    location: str = ""


def at_address(session: Session, path: str) -> Found:
    """Look a decoded path up in the address table."""
    key = {"key": addresses.key_of(path), "moment": now()}
    place = session.execute(PLACE, key).first()
    if place is None or place.live_since is None:
        return Found()
    if place.post_id is None:
        return Found(location=place.target)
    if place.own_path is None:
        return Found()
    if place.is_own and place.own_path == path:
        return Found(post_id=place.post_id)
    return Found(location=addresses.href(place.own_path))


def post_page(session: Session, id: int) -> PostPage:
    """A live post, listed or not, with its neighbours. Raises `LookupError`."""
    row = session.execute(TEXT, {"id": id, "moment": now()}).first()
    if row is None:
        raise LookupError(id)
    card = with_names(session, [card_of(row)])[0]
    outline = tuple((level, anchor, text) for level, anchor, text in row.outline)
    page = PostPage(card, row.body_html, outline, row.summary, takes_comments=row.takes_comments)
    return _among_others(session, page) if card.kind == POST else page


def _among_others(session: Session, page: PostPage) -> PostPage:
    card = page.card
    here = {"id": card.id, "published_at": card.published_at, "moment": now()}
    older = session.execute(OLDER, here).first()
    newer = session.execute(NEWER, here).first()
    return replace(
        page,
        older=card_of(older) if older else None,
        newer=card_of(newer) if newer else None,
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
    near = session.execute(NEAR, asked | {"slugs": slugs}).all()
    uses = Counter(slug for _, slug in near)
    scores: Counter[int] = Counter()
    for id, slug in near:
        scores[id] += 1_000_000 // uses[slug]
    best = [id for id, _ in scores.most_common(MOST_RELATED)]
    if not best:
        return ()
    rows = session.execute(THESE, {"ids": best, "moment": now()}).all()
    found = {row.id: card_of(row) for row in rows}
    return tuple(found[id] for id in best if id in found)
