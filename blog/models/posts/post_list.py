"""The admin area's lists of all posts and all pages, and the posts on its overview page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select
from sqlalchemy.orm import Session

from blog.models.addresses.address import Address, href
from blog.models.base import now
from blog.models.comments import moderation
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import PAGE, POST, Post, PostAuthor
from blog.models.posts.revision import Revision
from blog.models.users.user import User

STATES = ("live", "scheduled", "draft", "withdrawn", "trashed")
SHOWN_PER_STATE = 5


@dataclass(frozen=True)
class ListedPost:
    """A post in a list of the dashboard or the admin area, with its working title.

    `href` is empty while readers cannot see it. Only the dashboard sets `is_edited`.
    """

    id: int
    kind: str
    title: str
    language: str
    state: str
    is_listed: bool
    publish_at: datetime | None
    updated_at: datetime
    href: str
    authors: tuple[str, ...] = ()
    is_edited: bool = False  # something was saved since it was published

    @property
    def date(self) -> datetime:
        """The date of publication; for a draft, that of the last save."""
        return self.publish_at or self.updated_at


@dataclass(frozen=True)
class AdminOverview:
    """The overview page of the admin area.

    `counts` is the number of posts in each state; `waiting` the number of pending comments.
    """

    published: tuple[ListedPost, ...]
    scheduled: tuple[ListedPost, ...]
    drafts: tuple[ListedPost, ...]
    counts: dict[str, int]
    waiting: int = 0


def state_at(moment: datetime) -> ColumnElement[str]:
    """Return an SQL expression for `Post.state`."""
    return case(
        (Post.is_trashed(), "trashed"),
        (Post.is_live(moment), "live"),
        (Post.is_scheduled(moment), "scheduled"),
        (Post.live_revision_id.is_not(None), "withdrawn"),
        else_="draft",
    )


def overview(session: Session) -> AdminOverview:
    """Return five posts each of the latest live, next scheduled and last edited, and counts."""
    moment = now()
    state = state_at(moment)
    rows = _rows(moment).limit(SHOWN_PER_STATE)
    published = rows.where(state == "live").order_by(Post.publish_at.desc(), Post.id.desc())
    scheduled = rows.where(state == "scheduled").order_by(Post.publish_at, Post.id)
    drafts = rows.where(state == "draft").order_by(Post.updated_at.desc(), Post.id.desc())
    return AdminOverview(
        published=_listed(session, session.execute(published).all()),
        scheduled=_listed(session, session.execute(scheduled).all()),
        drafts=_listed(session, session.execute(drafts).all()),
        counts=_counts(session, moment),
        waiting=moderation.count_pending(session),
    )


def _counts(session: Session, moment: datetime) -> dict[str, int]:
    states = select(state_at(moment).label("state")).where(Post.kind == POST).subquery()
    query = select(states.c.state, func.count().label("posts")).group_by(states.c.state)
    counts: dict[str, int] = {row.state: row.posts for row in session.execute(query)}
    return {state: counts.get(state, 0) for state in STATES}


def _listing(kind: str) -> Listing[ListedPost]:
    """Return the list of all posts, or of all pages, by any author and in any state."""
    return Listing(
        query=lambda: _rows(now()).where(Post.kind == kind),
        key=Post.id,
        make=_listed,
        orders={
            "date": Order(func.coalesce(Post.publish_at, Post.updated_at), descending=True),
            "updated_at": Order(Post.updated_at, descending=True),
            "title": Order(func.lower(Post.title)),
        },
        sort="date",
        filters={
            "state": QueryFilter(lambda state: state_at(now()) == state, STATES),
            "author": QueryFilter(_written_by),
        },
        search=containing(Post.title),
    )


def _written_by(name: str) -> ColumnElement[bool]:
    return Post.id.in_(select(PostAuthor.post_id).join(User).where(User.name == name))


def writers(session: Session) -> list[tuple[str, str]]:
    """Return the user name and display name of each user who is an author of a post."""
    ids = select(PostAuthor.user_id)
    users = session.scalars(User.everyone().where(User.id.in_(ids)))
    return [(user.name, user.display_name) for user in users]


def _rows(moment: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Post.id,
            Post.kind,
            Post.title,
            Post.language,
            state_at(moment).label("state"),
            Post.is_listed,
            Revision.is_listed.label("was_listed"),
            Post.publish_at,
            Post.updated_at,
            Address.path,
        )
        .outerjoin(Address, Address.id == Post.address_id)
        .outerjoin(Revision, Revision.id == Post.live_revision_id)
    )


def _listed(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedPost, ...]:
    names = _bylines(session, [row.id for row in rows])
    return tuple(
        ListedPost(
            id=row.id,
            kind=row.kind,
            title=row.title,
            language=row.language,
            state=row.state,
            is_listed=row.is_listed if row.was_listed is None else row.was_listed,
            publish_at=row.publish_at,
            updated_at=row.updated_at,
            href=href(row.path) if row.path and row.state == "live" else "",
            authors=tuple(names.get(row.id, ())),
        )
        for row in rows
    )


def _bylines(session: Session, ids: list[int]) -> dict[int, list[str]]:
    """Return the display names of the authors by post id."""
    query = (
        select(PostAuthor.post_id, User.display_name)
        .join(User)
        .where(PostAuthor.post_id.in_(ids))
        .order_by(PostAuthor.position)
    )
    names: dict[int, list[str]] = {}
    for id, name in session.execute(query):
        names.setdefault(id, []).append(name)
    return names


posts, pages = _listing(POST), _listing(PAGE)
