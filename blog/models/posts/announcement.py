"""Telling that a post went live: once, whoever notices it first, and after a pause, too."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts.post import POST, Post

# What went live before that is no news; an old blog that moved in tells nobody anything.
NEWS = timedelta(days=7)
PIECE = 200


@dataclass(frozen=True)
class Announced:
    """A post that readers can see since `live_since`."""

    id: int
    title: str
    live_since: datetime


def has_news(session: Session) -> bool:
    """A look that wants no lock."""
    return session.scalar(select(Post.id).where(_is_news()).limit(1)) is not None


@action("post.announce")
def announce(session: Session) -> list[Announced]:
    """Claim what is to be announced: each post comes out of this once, in one process."""
    some = select(Post.id).where(_is_news()).order_by(Post.publish_at).limit(PIECE)
    claimed = session.execute(
        update(Post)
        .where(Post.id.in_(some), Post.announced_at.is_(None))
        .values(announced_at=now())
        .returning(Post.id, Post.title, Post.publish_at),
        execution_options={"tags": (), "synchronize_session": False},
    )
    return [Announced(id, title, since) for id, title, since in claimed if since]


def _is_news() -> ColumnElement[bool]:
    moment = now()
    recent = (Post.publish_at > moment - NEWS) & Post.announced_at.is_(None)
    return (Post.kind == POST) & Post.is_live(moment) & recent
