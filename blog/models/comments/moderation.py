"""Moderation of comments: approve, reject, mark as spam, undo, and delete old spam.

A decision may cover several comments and is one transaction: it changes their states, trains the
spam filter and queues the reply notices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Select, String, delete, exists, func, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.comments import reply_notice, spam_learning
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.comments.spam_features import features_of
from blog.models.listing import MOST_ROWS_PER_ACTION
from blog.models.users.user import EDITOR, User

DECISIONS = (APPROVED, REJECTED, SPAM)
# What the spam filter learns from a state; a rejection says nothing about spam.
LESSONS = {APPROVED: spam_learning.APPROVED, SPAM: spam_learning.SPAM}
SPAM_RETENTION, BATCH_SIZE = timedelta(days=30), 200
NOTICE_DELAY = timedelta(minutes=1)  # an approval by mistake can be undone before the email leaves


class Moderation(Base):
    """A decision about one comment. Those made together share their `act`."""

    __tablename__ = "moderation"

    id: Mapped[int] = mapped_column(primary_key=True)
    act: Mapped[int] = mapped_column(default=0, index=True)  # the id of its first decision
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    before: Mapped[str] = mapped_column(String(10))
    after: Mapped[str] = mapped_column(String(10))
    decided_before: Mapped[datetime | None]  # the comment's earlier `decided_at`, for undo
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]

    unaudited = True  # the audit log has the change of each comment's state


@dataclass(frozen=True)
class Decision:
    """The result of a decision: `number` comments were changed to `state`.

    `id` is the `Moderation.act` of the decision, which `undo` takes; 0 if nothing was changed.
    """

    id: int
    state: str
    number: int


# --- decisions ---


@action("comment.approve")
def approve(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    """Approve comments; see `decide`."""
    return decide(session, ids, APPROVED, by=by)


@action("comment.reject")
def reject(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    """Reject comments; see `decide`."""
    return decide(session, ids, REJECTED, by=by)


@action("comment.mark_as_spam")
def spam(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    """Mark comments as spam; see `decide`."""
    return decide(session, ids, SPAM, by=by)


@action("comment.moderate")
def decide(session: Session, ids: Sequence[int], state: str, *, by: User) -> Decision:
    """Set the state of comments, skipping those that have it already or no longer exist.

    Raises `Refusal` unless `by` is an editor, and `LookupError` for an unknown state or more than
    `MOST_ROWS_PER_ACTION` comments.
    """
    _require_editor(by)
    if state not in DECISIONS or len(ids) > MOST_ROWS_PER_ACTION:
        raise LookupError(state)
    which = Comment.id.in_(ids), Comment.state != state
    query = select(Comment).where(*which).order_by(Comment.id).with_for_update()
    comments = session.scalars(query).all()
    if not comments:
        return Decision(0, state, 0)
    decisions = [_decision(comment, state, by) for comment in comments]
    session.add_all(decisions)
    for comment in comments:
        comment.state, comment.decided_at = state, now()
    session.flush()
    for comment, decision in zip(comments, decisions, strict=True):
        decision.act = decisions[0].id
        _update_filter_and_notice(session, comment, decision)
    return Decision(decisions[0].id, state, len(decisions))


def _decision(comment: Comment, state: str, by: User) -> Moderation:
    return Moderation(
        comment_id=comment.id,
        before=comment.state,
        after=state,
        decided_before=comment.decided_at,
        by_id=by.id,
    )


def _update_filter_and_notice(session: Session, comment: Comment, decision: Moderation) -> None:
    """Train the spam filter with a decision, and queue or cancel the notice of the reply."""
    if decision.before == APPROVED:
        reply_notice.cancel(session, comment)
    _train_filter(session, comment, decision.after)
    if decision.after == APPROVED:
        reply_notice.queue(session, comment, NOTICE_DELAY)


def _train_filter(session: Session, comment: Comment, state: str) -> None:
    if state in LESSONS:
        spam_learning.learn(session, comment.id, LESSONS[state], features_of(comment))
    else:
        spam_learning.unlearn(session, comment.id)


def _require_editor(by: User) -> None:
    if not by.has_role(EDITOR):
        raise Refusal(N_("Only editors can moderate comments."))


# --- undo ---


@action("comment.undo_moderation")
def undo(session: Session, act: int, *, by: User) -> int:
    """Restore the comments of a decision to their earlier states; returns their number.

    Skips comments that have been moderated again since. Raises `LookupError` if none is left.
    """
    _require_editor(by)
    _lock_comments(session, act)
    current = _current_decisions().where(Moderation.act == act).order_by(Moderation.id)
    decisions = session.scalars(current).all()
    for decision in decisions:
        _undo(session, decision)
    if not decisions:
        raise LookupError(act)
    return len(decisions)


def _lock_comments(session: Session, act: int) -> None:
    """Lock the comments, so that a concurrent decision on PostgreSQL finishes first."""
    affected = select(Moderation.comment_id).where(Moderation.act == act)
    locked = select(Comment.id).where(Comment.id.in_(affected)).order_by(Comment.id)
    session.execute(locked.with_for_update())


def _current_decisions() -> Select[Moderation]:
    """Select decisions that were not undone and are the latest about their comment."""
    later = aliased(Moderation)
    replaced = exists().where(
        later.comment_id == Moderation.comment_id,
        later.id > Moderation.id,
        later.undone_at.is_(None),
    )
    return select(Moderation).where(Moderation.undone_at.is_(None), ~replaced)


def _undo(session: Session, decision: Moderation) -> None:
    comment = session.get_one(Comment, decision.comment_id)
    if comment.state == APPROVED:
        reply_notice.cancel(session, comment)
    comment.state, comment.decided_at = decision.before, decision.decided_before
    decision.undone_at = now()
    session.flush()
    earlier = session.scalar(_current_decisions().where(Moderation.comment_id == comment.id))
    _train_filter(session, comment, earlier.after if earlier else PENDING)


# --- counting and deleting ---


def count_pending(session: Session) -> int:
    """Return the number of pending comments."""
    number = select(func.count()).select_from(Comment).where(Comment.state == PENDING)
    return session.scalar(number) or 0


def forget(session: Session, comment_ids: Sequence[int]) -> None:
    """Delete the rows that refer to these comments; call it before deleting the comments.

    What the spam filter has learned from them is kept.
    """
    spam_learning.forget(session, comment_ids)
    decisions = delete(Moderation).where(Moderation.comment_id.in_(comment_ids))
    session.execute(decisions, execution_options={"tags": ()})


@action("comment.delete_old_spam")
def delete_old_spam(session: Session) -> int:
    """Delete one batch of spam older than `SPAM_RETENTION`; returns the number deleted.

    Call it until it returns 0. Spam that has replies is kept.
    """
    reply = aliased(Comment)
    old = Comment.state == SPAM, Comment.created_at < now() - SPAM_RETENTION
    unanswered = ~exists().where(reply.parent_id == Comment.id)
    ids = session.scalars(select(Comment.id).where(*old, unanswered).limit(BATCH_SIZE)).all()
    if ids:
        forget(session, ids)
        comments = delete(Comment).where(Comment.id.in_(ids))
        session.execute(comments, execution_options={"tags": ("comments",)})
    return len(ids)
