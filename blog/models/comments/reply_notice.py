"""Reply notices: emails that tell the writer of a comment about an approved reply, once."""

from datetime import timedelta

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session

from blog.models.addresses.address import Address, href
from blog.models.base import now
from blog.models.comments.comment import APPROVED, Comment
from blog.models.jobs import outbox
from blog.models.jobs.outbox import Delivery
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.settings import site
from blog.models.users.user import User


def queue(session: Session, comment: Comment, delay: timedelta = timedelta()) -> None:
    """Queue a notice of this approved reply, if the writer of its parent asked for notices."""
    parent = session.get(Comment, comment.parent_id) if comment.parent_id else None
    if parent is None or parent.state != APPROVED or not parent.wants_answers:
        return
    to, language = _writer(session, parent)
    post = _post(session, comment.post_id)
    if to and post and to != _writer(session, comment)[0]:
        is_new = outbox.enqueue(
            session,
            "answered",
            to,
            language=language,
            key=_key(comment),
            title=post.title,
            author=comment.name,
            text=comment.body,
            path=f"{href(post.path)}#comment-{comment.uid}",
        )
        if is_new and delay:
            session.flush()
            queued = session.scalars(select(Delivery).where(Delivery.key == _key(comment))).one()
            queued.due_at = now() + delay


def cancel(session: Session, comment: Comment) -> None:
    """Delete the notice of a reply that is no longer approved, unless sending has been tried."""
    unsent = Delivery.key == _key(comment), Delivery.done_at.is_(None), Delivery.tries == 0
    session.execute(delete(Delivery).where(*unsent), execution_options={"tags": ("deliveries",)})


def _key(comment: Comment) -> str:
    return f"answered:{comment.uid}"


def _writer(session: Session, comment: Comment) -> tuple[str, str]:
    """Return the writer's email address, which may be empty, and the language to write in."""
    fallback = comment.language or site.facts(session).language
    if comment.user_id is None:
        return comment.email, fallback
    user = session.get_one(User, comment.user_id)
    if not user.can_sign_in:
        return "", fallback
    return user.email or "", user.language or fallback


def _post(session: Session, id: int) -> Row[str, str] | None:
    """Return the title and path of a public post."""
    query = (
        select(Revision.title, Address.path)
        .join(Post, Post.live_revision_id == Revision.id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.id == id, Post.is_live(now()))
    )
    return session.execute(query).first()
