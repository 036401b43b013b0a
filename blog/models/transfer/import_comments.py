"""Writes the comments and redirects of an export to the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.markup import RENDERER, Rendered
from blog.models.addresses import address, redirects
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.comments.comment import STATES, Comment
from blog.models.posts.post import Post
from blog.models.users.user import User


@dataclass(frozen=True)
class ImportedComment:
    """A comment of an export. `post` and `answers` are uids, and `person` is the name of a user."""

    uid: str
    post: str
    answers: str
    person: str
    name: str
    email: str
    state: str
    language: str
    body: str
    written: datetime
    decided: datetime | None


def comment_uids(session: Session) -> frozenset[str]:
    """Return the uids of all comments of this blog."""
    return frozenset(session.scalars(select(Comment.uid)))


@action("comment.import")
def import_comment(session: Session, imported: ImportedComment, rendered: Rendered) -> None:
    """Write a comment with its old times and state, without any notification.

    Raises `Refusal` if its post is not on this blog or its state is unknown.
    """
    post_id = session.scalar(select(Post.id).where(Post.uid == imported.post))
    if post_id is None or imported.state not in STATES:
        raise Refusal(N_("The post of this comment is not on this blog."))
    parent = select(Comment.id).where(Comment.uid == imported.answers, Comment.post_id == post_id)
    person = select(User.id).where(User.name == imported.person)
    comment = Comment(
        uid=imported.uid,
        post_id=post_id,
        parent_id=session.scalar(parent) if imported.answers else None,
        user_id=session.scalar(person) if imported.person else None,
        name=imported.name[:200],
        email=imported.email[:254],
        body=imported.body,
        body_html=rendered.html,
        renderer=RENDERER,
        language=imported.language[:10],
        state=imported.state,
        created_at=imported.written,
        decided_at=imported.decided,
    )
    session.add(comment)


@action("redirect.import")
def import_redirect(session: Session, path: str, to: str) -> bool:
    """Add a redirect. Returns False if the address is already in use. Raises `Refusal`."""
    if address.find(session, path):
        return False
    redirects.add(session, path=address.href(path), to=to, by=None)
    return True
