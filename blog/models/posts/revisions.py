"""What a post said before: its revisions, and the way back to one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts import editing
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision, keep_earlier
from blog.models.users.user import User

SHOWN = 200
BROUGHT_BACK = ("title", "summary", "body", "cover", "language")


@dataclass(frozen=True)
class Past:
    """A revision in a list. `by` is empty where it was typed and never published."""

    id: int
    title: str
    language: str
    created_at: datetime
    length: int
    is_published: bool
    is_live: bool
    by: str


def history(session: Session, id: int, *, by: User) -> tuple[Post, list[Past]]:
    """The post and its revisions, newest first. Raises `LookupError`."""
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
        .limit(SHOWN)
    )
    return post, [_past(post, row) for row in rows]


def _past(post: Post, row: Any) -> Past:
    return Past(
        id=row.id,
        title=row.title,
        language=row.language,
        created_at=row.created_at,
        length=row.length,
        is_published=bool(row.is_published),
        is_live=row.id == post.live_revision_id,
        by=row.display_name or "",
    )


def look(session: Session, id: int, revision_id: int, *, by: User) -> tuple[Post, Revision]:
    """One revision of a post. Raises `LookupError`."""
    post = editing.load(session, id, by=by)
    return post, _of(session, post, revision_id)


@action("post.restore_revision")
def restore_revision(session: Session, id: int, revision_id: int, *, by: User) -> Post:
    """Put the words of a revision into the working copy; what stood there becomes a revision."""
    post = editing.load(session, id, by=by)
    revision, moment = _of(session, post, revision_id), now()
    keep_earlier(session, editing.earlier_copy(post), moment, at_once=True)
    for name in BROUGHT_BACK:
        setattr(post, name, getattr(revision, name))
    post.version, post.updated_at = post.version + 1, moment
    return post


def _of(session: Session, post: Post, revision_id: int) -> Revision:
    revision = session.get(Revision, revision_id)
    if revision is None or revision.post_id != post.id:
        raise LookupError(revision_id)
    return revision
