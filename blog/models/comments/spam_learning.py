"""What the filter has learned from the queue: how often each sign stood in approved words, in spam.

Integers that are added and taken back, so that an undone decision leaves no trace.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, dialect_insert, now
from blog.models.comments.spam_features import CommentFeatures, tokens, weigh

UNTOLD: Any = {"tags": ()}  # nothing that a page shows
ALL = ""  # the sign that every comment bears: its row counts the comments
KEPT = 50_000
RARE, OLD = 2, timedelta(days=60)
APPROVED, SPAM = "approved", "spam"  # what can be learned


class Feature(Base):
    """A word, a host or another sign, and the number of comments of each kind that bore it."""

    __tablename__ = "spam_sign"

    sign: Mapped[str] = mapped_column(String(80), primary_key=True)
    approved: Mapped[int] = mapped_column(default=0)
    spam: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Lesson(Base):
    """What was learned of one comment, to be taken back if somebody thinks better of it."""

    __tablename__ = "spam_lesson"

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), primary_key=True)
    taught: Mapped[str] = mapped_column(String(10))
    signs: Mapped[str] = mapped_column(Text)

    unaudited = True


def learn(session: Session, comment_id: int, taught: str, words: CommentFeatures) -> None:
    """Once for each comment, however often it is said; another lesson replaces the first."""
    known = session.get(Lesson, comment_id)
    if known and known.taught == taught:
        return
    unlearn(session, comment_id)
    signs = tokens(words)
    session.add(Lesson(comment_id=comment_id, taught=taught, signs="\n".join(signs)))
    _add(session, [ALL, *signs], taught, 1)


def unlearn(session: Session, comment_id: int) -> None:
    known = session.get(Lesson, comment_id)
    if known is None:
        return
    _add(session, [ALL, *known.signs.split("\n")], known.taught, -1)
    session.delete(known)
    session.flush()


def _add(session: Session, signs: Sequence[str], taught: str, number: int) -> None:
    if number < 0:
        column = Feature.approved if taught == APPROVED else Feature.spam
        fewer = (
            update(Feature).where(Feature.sign.in_(signs), column > 0).values({column: column - 1})
        )
        session.execute(fewer, execution_options=UNTOLD)
        empty = delete(Feature).where(
            Feature.sign.in_(signs), Feature.approved == 0, Feature.spam == 0
        )
        session.execute(empty, execution_options=UNTOLD)
        return
    rows = [
        {"sign": sign, "approved": 0, "spam": 0, "seen_at": now(), taught: number}
        for sign in sorted(signs)  # in one order, so that two who learn at once do not lock up
    ]
    put = dialect_insert(session, Feature).values(rows)
    more = {taught: Feature.__table__.c[taught] + number, "seen_at": put.excluded.seen_at}
    added = put.on_conflict_do_update(index_elements=[Feature.sign], set_=more)
    session.execute(added, execution_options=UNTOLD)


def odds(session: Session, signs: Iterable[str]) -> float:
    """Log odds of being spam by what was learned; 0 while nothing was."""
    wanted = [ALL, *signs]
    found = select(Feature.sign, Feature.approved, Feature.spam).where(Feature.sign.in_(wanted))
    known = {row.sign: (row.approved, row.spam) for row in session.execute(found)}
    approved, spam = known.pop(ALL, (0, 0))
    return weigh(known.values(), approved, spam)


def forget(session: Session, comment_ids: Sequence[int]) -> None:
    """Comments that are deleted take their lessons along; what was learned of them stays."""
    gone = delete(Lesson).where(Lesson.comment_id.in_(comment_ids))
    session.execute(gone, execution_options=UNTOLD)


def prune(session: Session) -> None:
    """Drop what is rare and has not been met for long, then the rarest until the rest fits."""
    number = Feature.approved + Feature.spam
    rare = delete(Feature).where(number <= RARE, Feature.seen_at < now() - OLD, Feature.sign != ALL)
    session.execute(rare, execution_options=UNTOLD)
    too_many = (session.scalar(select(func.count()).select_from(Feature)) or 0) - KEPT
    if too_many > 0:
        rarest = select(Feature.sign).where(Feature.sign != ALL).order_by(number, Feature.seen_at)
        least = rarest.limit(too_many).scalar_subquery()
        session.execute(delete(Feature).where(Feature.sign.in_(least)), execution_options=UNTOLD)
