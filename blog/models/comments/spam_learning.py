"""What the spam filter has learned: how many approved and spam comments had each feature.

The counts are integers, so undoing a decision subtracts exactly what it added.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ForeignKey, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, dialect_insert, now
from blog.models.comments.spam_features import CommentFeatures, tokens, weigh

NO_TAGS: Final = {"tags": ()}  # no page shows these rows, so no cached page is invalidated
ANY_COMMENT = ""  # a feature that every comment has; its row counts the comments
KEPT = 50_000  # features that are kept at most
RARE, OLD = 2, timedelta(days=60)
APPROVED, SPAM = "approved", "spam"  # what can be learned


class Feature(Base):
    """A word, host or other feature, and how many approved and spam comments had it."""

    __tablename__ = "spam_sign"

    sign: Mapped[str] = mapped_column(String(80), primary_key=True)
    approved: Mapped[int] = mapped_column(default=0)
    spam: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Lesson(Base):
    """What was learned from a comment, so that it can be unlearned."""

    __tablename__ = "spam_lesson"

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), primary_key=True)
    taught: Mapped[str] = mapped_column(String(10))
    signs: Mapped[str] = mapped_column(Text)

    unaudited = True


def learn(session: Session, comment_id: int, taught: str, words: CommentFeatures) -> None:
    """Learn a comment as `taught` (`APPROVED` or `SPAM`).

    Does nothing if it was learned so before; replaces what was learned otherwise.
    """
    lesson = session.get(Lesson, comment_id)
    if lesson and lesson.taught == taught:
        return
    unlearn(session, comment_id)
    signs = tokens(words)
    session.add(Lesson(comment_id=comment_id, taught=taught, signs="\n".join(signs)))
    _add(session, [ANY_COMMENT, *signs], taught)


def unlearn(session: Session, comment_id: int) -> None:
    """Subtract what was learned from a comment, if anything."""
    lesson = session.get(Lesson, comment_id)
    if lesson is None:
        return
    _subtract(session, [ANY_COMMENT, *lesson.signs.split("\n")], lesson.taught)
    session.delete(lesson)
    session.flush()


def _add(session: Session, signs: Sequence[str], taught: str) -> None:
    """Add one to the count of each feature, in the column that `taught` names."""
    rows = [
        {"sign": sign, "approved": 0, "spam": 0, "seen_at": now(), taught: 1}
        for sign in sorted(signs)  # a fixed order, so that concurrent writers cannot deadlock
    ]
    insert = dialect_insert(session, Feature).values(rows)
    counts = {taught: Feature.__table__.c[taught] + 1, "seen_at": insert.excluded.seen_at}
    upsert = insert.on_conflict_do_update(index_elements=[Feature.sign], set_=counts)
    session.execute(upsert, execution_options=NO_TAGS)


def _subtract(session: Session, signs: Sequence[str], taught: str) -> None:
    """Subtract one from the count of each feature, and delete features without any counts."""
    column = Feature.approved if taught == APPROVED else Feature.spam
    decrement = update(Feature).where(Feature.sign.in_(signs), column > 0)
    session.execute(decrement.values({column: column - 1}), execution_options=NO_TAGS)
    empty = delete(Feature).where(Feature.sign.in_(signs), Feature.approved == 0, Feature.spam == 0)
    session.execute(empty, execution_options=NO_TAGS)


def odds(session: Session, signs: Iterable[str]) -> float:
    """Return the log odds of spam of a comment with these features; 0 if nothing was learned."""
    wanted = [ANY_COMMENT, *signs]
    query = select(Feature.sign, Feature.approved, Feature.spam).where(Feature.sign.in_(wanted))
    counts = {row.sign: (row.approved, row.spam) for row in session.execute(query)}
    approved, spam = counts.pop(ANY_COMMENT, (0, 0))
    return weigh(counts.values(), approved, spam)


def forget(session: Session, comment_ids: Sequence[int]) -> None:
    """Delete the lessons of comments that are about to be deleted; keep the counts."""
    lessons = delete(Lesson).where(Lesson.comment_id.in_(comment_ids))
    session.execute(lessons, execution_options=NO_TAGS)


def prune(session: Session) -> None:
    """Delete features that are rare and old, then the rarest ones beyond `KEPT`."""
    number = Feature.approved + Feature.spam
    rare = delete(Feature).where(
        number <= RARE, Feature.seen_at < now() - OLD, Feature.sign != ANY_COMMENT
    )
    session.execute(rare, execution_options=NO_TAGS)
    excess = (session.scalar(select(func.count()).select_from(Feature)) or 0) - KEPT
    if excess > 0:
        by_rarity = select(Feature.sign).where(Feature.sign != ANY_COMMENT)
        by_rarity = by_rarity.order_by(number, Feature.seen_at)
        rarest = by_rarity.limit(excess).scalar_subquery()
        session.execute(delete(Feature).where(Feature.sign.in_(rarest)), execution_options=NO_TAGS)
