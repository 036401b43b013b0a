"""Queries of the writers' dashboard: lists of posts by state, the edit page, the picture list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from blog.models.base import now
from blog.models.listing import NumberedPage
from blog.models.posts import editing
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.post_list import ListedPost, state_at
from blog.models.posts.revision import Revision
from blog.models.tags.tag import Tag
from blog.models.uploads.upload import Upload
from blog.models.users.user import User

PER_PAGE = 30
STATES = ("all", "draft", "live", "scheduled", "withdrawn", "trashed")
OFFERED_PICTURES = 24
OFFERED_TAGS = 300
# The order of each list by state; all others are ordered by the last save, newest first.
ORDERS: dict[str, ColumnElement[datetime | None]] = {
    "live": Post.publish_at.desc(),
    "scheduled": Post.publish_at.asc(),
    "trashed": Post.trashed_at.desc(),
}


@dataclass(frozen=True)
class DashboardPage(NumberedPage):
    """One page of a list of posts, and the number of posts in each state."""

    rows: tuple[ListedPost, ...]
    counts: Mapping[str, int]
    total: int
    page: int
    per_page: int = PER_PAGE


@dataclass(frozen=True)
class PicturePage(NumberedPage):
    """One page of uploaded pictures, newest first."""

    pictures: tuple[Upload, ...]
    total: int
    page: int
    per_page: int = PER_PAGE


@dataclass(frozen=True)
class EditablePost:
    """A post with everything its edit page shows.

    `people` are the authors in order, followed by the other users who could write it. `tags` and
    `pictures` are suggestions.
    """

    post: Post
    row: ListedPost
    people: tuple[User, ...]
    tags: tuple[str, ...]
    pictures: tuple[Upload, ...] = field(default=())


def in_state(state: str, moment: datetime) -> ColumnElement[bool]:
    """Return the condition for a state; `all` means every post that is not in the trash."""
    return ~Post.is_trashed() if state == "all" else state_at(moment) == state


def list_posts(
    session: Session, *, by: User, kind: str, state: str, whose: str, title: str, page: int
) -> DashboardPage:
    """Return one page of the posts of `by`, or, with `whose="all"`, of all that `by` may edit.

    Raises `LookupError` past the last page.
    """
    moment = now()
    condition = _written_by(by, whose) & (Post.kind == kind)
    if title:
        condition &= Post.title.icontains(title, autoescape=True)
    counts = _counts(session, condition, moment)
    order = ORDERS.get(state, Post.updated_at.desc())
    query = _rows().where(condition, in_state(state, moment)).order_by(order, Post.id.desc())
    posts = session.scalars(query.offset((page - 1) * PER_PAGE).limit(PER_PAGE)).all()
    result = DashboardPage(
        tuple(row_of(post, moment) for post in posts), counts, counts[state], page
    )
    if page > result.pages:
        raise LookupError(page)
    return result


def _written_by(by: User, whose: str) -> ColumnElement[bool]:
    if whose == "all":
        return and_(Post.editable_by(by))
    return Post.author_links.any(PostAuthor.user_id == by.id)


def _counts(session: Session, condition: ColumnElement[bool], moment: datetime) -> dict[str, int]:
    sums = [func.sum(case((in_state(state, moment), 1), else_=0)) for state in STATES]
    numbers = session.execute(select(*sums).select_from(Post).where(condition)).one()
    return {state: number or 0 for state, number in zip(STATES, numbers, strict=True)}


def _rows() -> Select[Post]:
    """Return a query for posts without their texts."""
    return select(Post).options(
        defer(Post.body, raiseload=True),
        joinedload(Post.address),
        joinedload(Post.live_revision).load_only(Revision.created_at, raiseload=True),
        selectinload(Post.author_links).selectinload(PostAuthor.user),
    )


def row_of(post: Post, moment: datetime) -> ListedPost:
    """Return a post as a row of a list."""
    return ListedPost(
        id=post.id,
        kind=post.kind,
        title=post.title,
        language=post.language,
        state=post.state(moment),
        is_listed=post.is_listed,
        is_edited=editing.is_edited(post),
        updated_at=post.updated_at,
        publish_at=post.publish_at,
        href=post.address.href if post.address and post.is_live(moment) else "",
        authors=tuple(link.user.display_name for link in post.author_links),
    )


def load_editable(session: Session, id: int, *, by: User) -> EditablePost:
    """Return what the edit page of a post shows. Raises `LookupError`."""
    post = editing.load(session, id, by=by)
    tags = session.scalars(select(Tag.name).order_by(Tag.name).limit(OFFERED_TAGS))
    return EditablePost(
        post=post,
        row=row_of(post, now()),
        people=_people(session, post),
        tags=tuple(tags),
        pictures=tuple(session.scalars(Upload.seen_by(by).limit(OFFERED_PICTURES))),
    )


def _people(session: Session, post: Post) -> tuple[User, ...]:
    """Return the authors in order, followed by all other active users."""
    chosen = [link.user for link in post.author_links]
    others = session.scalars(User.everyone().where(User.disabled_at.is_(None)))
    return (*chosen, *(person for person in others if person not in chosen))


def list_pictures(session: Session, *, by: User, page: int) -> PicturePage:
    """Return one page of the pictures that `by` may use. Raises `LookupError` past the end."""
    query = Upload.seen_by(by)
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pictures = session.scalars(query.offset((page - 1) * PER_PAGE).limit(PER_PAGE)).all()
    result = PicturePage(tuple(pictures), total, page)
    if page > result.pages:
        raise LookupError(page)
    return result
