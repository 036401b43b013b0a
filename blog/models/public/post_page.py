"""The query for one public address: the post it shows, or where it redirects."""

from dataclasses import replace
from typing import Protocol

from sqlalchemy import String, and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.base import now
from blog.models.posts.post import POST, Post
from blog.models.posts.revision import Revision
from blog.models.public import related
from blog.models.public.cards import (
    COLUMNS,
    NAMES_OF_ONE,
    CardRow,
    PostPage,
    card_of,
    card_with_names,
)
from blog.models.public.compiled_query import CompiledQuery
from blog.models.public.post_counts import MOMENT

REQUESTED = aliased(Address)
POST_AT_ADDRESS = CompiledQuery(
    select(REQUESTED.live_since, REQUESTED.post_id, REQUESTED.target)
    .add_columns((REQUESTED.id == Address.id).label("is_own"), *COLUMNS)
    .add_columns(Revision.body_html, Revision.outline, Revision.summary, Revision.takes_comments)
    .outerjoin(Post, and_(Post.id == REQUESTED.post_id, Post.is_live(MOMENT)))
    .outerjoin(Revision, Revision.id == Post.live_revision_id)
    .outerjoin(Address, Address.id == Post.address_id)
    .where(REQUESTED.key == bindparam("key", type_=String))
)


def at(session: Session, path: str) -> PostPage | str | None:
    """Return the post at a decoded path, or the path or URL it redirects to, or None.

    Finds unlisted posts, too, and includes links to related posts. Redirects to the exact
    spelling of an address.
    """
    rows = POST_AT_ADDRESS.rows(session, key=addresses.key_of(path), moment=now())
    row = next(iter(rows), None)
    if row is None or row.live_since is None:
        return None
    if row.post_id is None:
        return str(row.target)
    if row.path is None:
        return None
    if not row.is_own or addresses.composed(row.path) != path:
        return addresses.href(row.path)
    return _page(session, row)


class PostRow(CardRow, Protocol):
    """A row of POST_AT_ADDRESS that has a post."""

    body_html: str
    outline: list[tuple[int, str, str]]
    summary: str
    takes_comments: bool


def _page(session: Session, row: PostRow) -> PostPage:
    card = card_with_names(card_of(row), NAMES_OF_ONE.rows(session, revision=row.revision_id))
    outline = tuple((level, anchor, text) for level, anchor, text in row.outline)
    page = PostPage(card, row.body_html, outline, row.summary, takes_comments=row.takes_comments)
    if card.kind != POST:
        return page
    links = related.links(session, card)
    return replace(page, older=links.older, newer=links.newer, related=links.related)
