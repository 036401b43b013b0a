"""Finding published posts that have not been announced yet, and claiming them exactly once.

It does not matter which process notices a new post first, or how long the blog was stopped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts.post import POST, Post

# Older posts are not announced, so that importing an old blog notifies nobody.
MAX_AGE = timedelta(days=7)
BATCH_SIZE = 200


@dataclass(frozen=True)
class AnnouncedPost:
    """A post that has been public since `live_since`."""

    id: int
    title: str
    live_since: datetime


def has_unannounced(session: Session) -> bool:
    """Return whether a post waits to be announced. Takes no lock."""
    return session.scalar(select(Post.id).where(_is_unannounced()).limit(1)) is not None


@action("post.announce")
def announce(session: Session) -> list[AnnouncedPost]:
    """Mark up to 200 posts as announced and return them.

    Each post is returned once, to one process.
    """
    unannounced = (
        select(Post.id).where(_is_unannounced()).order_by(Post.publish_at).limit(BATCH_SIZE)
    )
    claimed = session.execute(
        update(Post)
        .where(Post.id.in_(unannounced), Post.announced_at.is_(None))
        .values(announced_at=now())
        .returning(Post.id, Post.title, Post.publish_at),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return [AnnouncedPost(id, title, since) for id, title, since in claimed if since]


def _is_unannounced() -> ColumnElement[bool]:
    moment = now()
    is_recent = (Post.publish_at > moment - MAX_AGE) & Post.announced_at.is_(None)
    return (Post.kind == POST) & Post.is_live(moment) & is_recent
