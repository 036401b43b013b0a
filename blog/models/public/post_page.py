"""One post as it is read: what an address shows, or leads to."""

from dataclasses import replace
from typing import Any

from sqlalchemy import String, and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now
from blog.models.posts.post import POST, Post
from blog.models.posts.revision import Revision
from blog.models.public import related
from blog.models.public.cards import COLUMNS, NAMES_OF_ONE, PostPage, card_of, named
from blog.models.public.compiled_query import CompiledQuery
from blog.models.public.post_counts import MOMENT

ASKED = aliased(Address)
TEXT = CompiledQuery(
    select(ASKED.live_since, ASKED.post_id, ASKED.target)
    .add_columns((ASKED.id == Address.id).label("is_own"), *COLUMNS)
    .add_columns(Revision.body_html, Revision.outline, Revision.summary, Revision.takes_comments)
    .outerjoin(Post, and_(Post.id == ASKED.post_id, Post.is_live(MOMENT)))
    .outerjoin(Revision, Revision.id == Post.live_revision_id)
    .outerjoin(Address, Address.id == Post.address_id)
    .where(ASKED.key == bindparam("key", type_=String))
)


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
    if not row.is_own or addresses.composed(row.path) != path:
        return addresses.href(row.path)
    return _page(session, row)


def _page(session: Session, row: Any) -> PostPage:
    card = named(card_of(row), NAMES_OF_ONE.rows(session, revision=row.revision_id))
    outline = tuple((level, anchor, text) for level, anchor, text in row.outline)
    page = PostPage(card, row.body_html, outline, row.summary, takes_comments=row.takes_comments)
    return replace(page, **related.links(session, card)) if card.kind == POST else page
