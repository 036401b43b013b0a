"""What keepers decide about comments: approve, reject, spam, and take it back.

Each press of a button is an act, and an act is one transaction: every comment of it changes, the
filter learns, and whoever is answered is owed a mail, or nothing of it happened.
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
from blog.models.comments.spam_features import words_of
from blog.models.listing import MOST_ROWS_PER_ACTION
from blog.models.users.user import EDITOR, User

DECISIONS = (APPROVED, REJECTED, SPAM)
TAUGHT = {APPROVED: spam_learning.APPROVED, SPAM: spam_learning.SPAM}  # a rejection tells nothing
SPAM_KEPT, SWEPT_AT_ONCE = timedelta(days=30), 200
SECOND_THOUGHTS = timedelta(minutes=1)  # a mail waits so long that a slip can be taken back


class Moderation(Base):
    """One decision about one comment. Those made with one press share their `act`."""

    __tablename__ = "moderation"

    id: Mapped[int] = mapped_column(primary_key=True)
    act: Mapped[int] = mapped_column(default=0, index=True)  # the id of its first decision
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    before: Mapped[str] = mapped_column(String(10))
    after: Mapped[str] = mapped_column(String(10))
    decided_before: Mapped[datetime | None]  # the comment's `decided_at`, to be put back
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]

    unaudited = True  # the comments' own states, before and after, are in the audit


@dataclass(frozen=True)
class Decision:
    """What was decided with one press: how many comments became what."""

    id: int
    state: str
    number: int


# --- decisions ---


@action("comment.approve")
def approve(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    return decide(session, ids, APPROVED, by=by)


@action("comment.reject")
def reject(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    return decide(session, ids, REJECTED, by=by)


@action("comment.mark_as_spam")
def spam(session: Session, ids: Sequence[int], *, by: User) -> Decision:
    return decide(session, ids, SPAM, by=by)


@action("comment.moderate")
def decide(session: Session, ids: Sequence[int], state: str, *, by: User) -> Decision:
    """Each comment becomes this; those that are it already, or are gone, are passed over."""
    _ask_role(by)
    if state not in DECISIONS or len(ids) > MOST_ROWS_PER_ACTION:
        raise LookupError(state)
    which = Comment.id.in_(ids), Comment.state != state
    comments = session.scalars(select(Comment).where(*which).order_by(Comment.id).with_for_update())
    made = [_decide(session, comment, state, by) for comment in comments.all()]
    session.flush()
    for decision in made:
        decision.act = made[0].id
    return Decision(made[0].id if made else 0, state, len(made))


def _decide(session: Session, comment: Comment, state: str, by: User) -> Moderation:
    decision = Moderation(
        comment_id=comment.id,
        before=comment.state,
        after=state,
        decided_before=comment.decided_at,
        by_id=by.id,
    )
    session.add(decision)
    if comment.state == APPROVED:
        reply_notice.take_back(session, comment)
    comment.state, comment.decided_at = state, now()
    _teach(session, comment, state)
    if state == APPROVED:
        reply_notice.tell(session, comment, SECOND_THOUGHTS)
    return decision


def _teach(session: Session, comment: Comment, state: str) -> None:
    if state in TAUGHT:
        spam_learning.learn(session, comment.id, TAUGHT[state], words_of(comment))
    else:
        spam_learning.unlearn(session, comment.id)


def _ask_role(by: User) -> None:
    if not by.has_role(EDITOR):
        raise Refusal(N_("Only editors can moderate comments."))


# --- taking back ---


@action("comment.undo_moderation")
def undo(session: Session, act: int, *, by: User) -> int:
    """Every comment of an act becomes what it was before; but not where somebody has decided anew.

    Raises `LookupError` where nothing of the act can be taken back any more.
    """
    _ask_role(by)
    _wait_for(session, act)
    decisions = session.scalars(_newest().where(Moderation.act == act).order_by(Moderation.id))
    number = 0
    for decision in decisions.all():
        _take_back(session, decision)
        number += 1
    if not number:
        raise LookupError(act)
    return number


def _wait_for(session: Session, act: int) -> None:
    """Whoever decides about the same comments at this moment comes first, on PostgreSQL too."""
    theirs = select(Moderation.comment_id).where(Moderation.act == act)
    locked = select(Comment.id).where(Comment.id.in_(theirs)).order_by(Comment.id)
    session.execute(locked.with_for_update())


def _newest() -> Select[Moderation]:
    """Decisions that stand, and that no later one of the same comment has replaced."""
    later = aliased(Moderation)
    replaced = exists().where(
        later.comment_id == Moderation.comment_id,
        later.id > Moderation.id,
        later.undone_at.is_(None),
    )
    return select(Moderation).where(Moderation.undone_at.is_(None), ~replaced)


def _take_back(session: Session, decision: Moderation) -> None:
    comment = session.get_one(Comment, decision.comment_id)
    if comment.state == APPROVED:
        reply_notice.take_back(session, comment)
    comment.state, comment.decided_at = decision.before, decision.decided_before
    decision.undone_at = now()
    session.flush()
    earlier = session.scalar(_newest().where(Moderation.comment_id == comment.id))
    _teach(session, comment, earlier.after if earlier else PENDING)


# --- for the overview, and for who deletes ---


def waiting(session: Session) -> int:
    """How many comments nobody has decided yet."""
    number = select(func.count()).select_from(Comment).where(Comment.state == PENDING)
    return session.scalar(number) or 0


def forget(session: Session, comment_ids: Sequence[int]) -> None:
    """Whoever deletes comments asks this first; what the filter has learned of them stays."""
    spam_learning.forget(session, comment_ids)
    gone = delete(Moderation).where(Moderation.comment_id.in_(comment_ids))
    session.execute(gone, execution_options={"tags": ()})


@action("comment.delete_old_spam")
def sweep_spam(session: Session) -> int:
    """Delete some of the spam that has lain for a month; how many, to be asked again until 0."""
    reply = aliased(Comment)
    old = Comment.state == SPAM, Comment.created_at < now() - SPAM_KEPT
    unanswered = ~exists().where(reply.parent_id == Comment.id)
    ids = session.scalars(select(Comment.id).where(*old, unanswered).limit(SWEPT_AT_ONCE)).all()
    if ids:
        forget(session, ids)
        gone = delete(Comment).where(Comment.id.in_(ids))
        session.execute(gone, execution_options={"tags": ("comments",)})
    return len(ids)
