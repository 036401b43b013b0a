"""What an export of ours holds beside its posts, on the way back: comments and redirects."""

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
    """A comment as an export tells of it. `post` and `answers` are names, not numbers."""

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


def said(session: Session) -> frozenset[str]:
    """The names of all comments that are here."""
    return frozenset(session.scalars(select(Comment.uid)))


@action("comment.import")
def import_comment(session: Session, given: ImportedComment, rendered: Rendered) -> None:
    """As it was, and nobody gets a mail about it. Raises `Refusal`."""
    post_id = session.scalar(select(Post.id).where(Post.uid == given.post))
    if post_id is None or given.state not in STATES:
        raise Refusal(N_("The post of this comment is not on this blog."))
    above = select(Comment.id).where(Comment.uid == given.answers, Comment.post_id == post_id)
    person = select(User.id).where(User.name == given.person)
    comment = Comment(
        uid=given.uid,
        post_id=post_id,
        parent_id=session.scalar(above) if given.answers else None,
        user_id=session.scalar(person) if given.person else None,
        name=given.name[:200],
        email=given.email[:254],
        body=given.body,
        body_html=rendered.html,
        renderer=RENDERER,
        language=given.language[:10],
        state=given.state,
        created_at=given.written,
        decided_at=given.decided,
    )
    session.add(comment)


@action("redirect.import")
def import_redirect(session: Session, path: str, to: str) -> bool:
    """False where its address answers already. Raises `Refusal`."""
    if address.find(session, path):
        return False
    redirects.add(session, path=address.href(path), to=to)
    return True
