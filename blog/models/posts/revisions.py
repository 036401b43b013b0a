"""The revision history of a post: listing, viewing and restoring revisions."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from blog.models.audit.action import action
from blog.models.posts import editing
from blog.models.posts.content import REVISED
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision, keep_earlier
from blog.models.users.user import User

MAX_SHOWN = 200
COMPARED = tuple(field for field in REVISED.values() if field.compared)


@dataclass(frozen=True)
class ListedRevision:
    """A revision in a list. `length` is in characters; `by` is empty if it was never published."""

    id: int
    title: str
    language: str
    created_at: datetime
    length: int
    is_published: bool
    is_live: bool
    by: str


def history(session: Session, id: int, *, by: User) -> tuple[Post, list[ListedRevision]]:
    """Return the post and its last 200 revisions, newest first. Raises `LookupError`."""
    post = editing.load(session, id, by=by)
    rows = session.execute(
        select(
            Revision.id,
            Revision.title,
            Revision.language,
            Revision.created_at,
            func.length(Revision.body).label("length"),
            (Revision.renderer > 0).label("is_published"),
            User.display_name,
        )
        .outerjoin(User, User.id == Revision.created_by)
        .where(Revision.post_id == id)
        .order_by(Revision.created_at.desc(), Revision.id.desc())
        .limit(MAX_SHOWN)
    )
    return post, [_listed(post, row) for row in rows]


def _listed(post: Post, row: Row[int, str, str, datetime, int, bool, str]) -> ListedRevision:
    return ListedRevision(
        id=row.id,
        title=row.title,
        language=row.language,
        created_at=row.created_at,
        length=row.length,
        is_published=bool(row.is_published),
        is_live=row.id == post.live_revision_id,
        by=row.display_name or "",
    )


def load_revision(
    session: Session, id: int, revision_id: int, *, by: User
) -> tuple[Post, Revision]:
    """Return a post and one of its revisions. Raises `LookupError`."""
    post = editing.load(session, id, by=by)
    return post, _revision_of(session, post, revision_id)


@action("post.restore_revision")
def restore_revision(session: Session, id: int, revision_id: int, *, by: User) -> Post:
    """Copy a revision into the working copy, and store the replaced copy as a revision.

    Raises `LookupError`.
    """
    post = editing.load(session, id, by=by, for_update=True)
    revision, moment = _revision_of(session, post, revision_id), editing.save_time(post)
    keep_earlier(session, editing.earlier_copy(post), moment, at_once=True)
    for field in COMPARED:
        setattr(post, field.name, getattr(revision, field.name))
    post.version, post.updated_at = post.version + 1, moment
    return post


def _revision_of(session: Session, post: Post, revision_id: int) -> Revision:
    revision = session.get(Revision, revision_id)
    if revision is None or revision.post_id != post.id:
        raise LookupError(revision_id)
    return revision
