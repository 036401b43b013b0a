"""Spam score and rate limits of new guest comments.

The filter learns from moderation and uses no external service. Limits are counted in the database,
so they hold across all workers.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, dialect_insert, now
from blog.models.comments import spam_learning
from blog.models.comments.comment import PENDING, Comment, was_approved_last
from blog.models.comments.spam_features import CommentFeatures, rules, squash, tokens
from blog.models.settings import site

__all__ = [
    "SPAM_FROM",
    "TooMany",
    "admit",
    "claim",
    "delete_expired",
    "is_known",
    "judge",
]

SPAM_FROM = 0.9  # a comment with at least this score is stored as spam instead of pending
DOUBTFUL_FROM = 0.4  # comments with at least this score may fill only half of the queue
TEN_MINUTES, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
# Limits for one network or email address: window, number of comments, message.
LIMITS_PER_SENDER = (
    (
        TEN_MINUTES,
        5,
        N_(
            "You have sent many comments in a short time. Wait ten minutes and send this one again."
        ),
    ),
    (DAY, 30, N_("You have reached today's limit on comments. Try again tomorrow.")),
)
BUSY = N_(
    "The blog is receiving too many comments at the moment and could not accept yours. "
    "Your text is still here. Please send it again in an hour."
)
MOST_SPAM = 300  # spam comments that are stored per hour
UNBOUNDED = 10**9
DAILY_FACTOR = 3  # the limit of pending comments per day, as a multiple of that per hour


class TooMany(Refusal):
    """A rate limit was reached. Shown with status 429; the form keeps the text."""


class Tally(Base):
    """A counter of comments under one key in one time window, which ends at `until`."""

    __tablename__ = "tally"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    number: Mapped[int]
    until: Mapped[datetime] = mapped_column(index=True)

    unaudited = True


def admit(session: Session, words: CommentFeatures, writer: str = "") -> float:
    """Score a guest's comment and count it against the limits, in the transaction that stores it.

    Returns the score, 0 to 1; the caller stores a comment of `SPAM_FROM` and above as spam.
    `writer` is the hash of the key in the guest's cookie. Raises `TooMany`.
    """
    score = judge(session, words)
    claim(session, words.network, words.email, score, writer)
    return score


def judge(session: Session, words: CommentFeatures) -> float:
    """Return the probability that a comment is spam, 0 to 1."""
    listed = site.facts(session).settings.comments_words.splitlines()
    return squash(rules(words, listed) + spam_learning.odds(session, tokens(words)))


# --- limits ---


def claim(session: Session, network: str, email: str, score: float = 0.0, writer: str = "") -> None:
    """Count a guest's comment before it is stored. Raises `TooMany` if a limit is reached.

    A refused comment is not counted, because its transaction is rolled back.
    """
    # Must come first: on PostgreSQL this row serialises concurrent submissions.
    if score >= SPAM_FROM:
        _count(session, "spam", HOUR, MOST_SPAM, BUSY)
    else:
        _count(session, "queue", HOUR, UNBOUNDED, BUSY)
    for sender in filter(None, (network and f"net {network}", _normalized(email))):
        for window, most, message in LIMITS_PER_SENDER:
            _count(session, sender, window, most, message)
    if score < SPAM_FROM:
        refuse_if_full(session, email, writer, score)


def _normalized(email: str) -> str:
    return email.strip().casefold()


def _count(session: Session, subject: str, window: timedelta, most: int, message: str) -> None:
    """Add one to a counter. Raises `TooMany` with this message if it exceeds `most`.

    Windows are aligned to multiples of their length. Only a hash of the subject is stored.
    """
    seconds = int(window.total_seconds())
    index = int(now().timestamp()) // seconds
    hashed = hashlib.blake2s(subject.encode(), digest_size=16).hexdigest()
    until = datetime.fromtimestamp((index + 1) * seconds, UTC)
    row = {"key": f"{hashed} {seconds} {index}", "number": 1, "until": until}
    insert = dialect_insert(session, Tally).values(row)
    upsert = insert.on_conflict_do_update(
        index_elements=[Tally.key], set_={"number": Tally.number + 1}
    ).returning(Tally.number)
    if session.execute(upsert, execution_options={"tags": ()}).scalar_one() > most:
        raise TooMany(message)


def refuse_if_full(session: Session, email: str, writer: str, score: float = 0.0) -> None:
    """Raise `TooMany` if the moderation queue is full, except for writers approved before."""
    limit = site.facts(session).settings.comments_waiting
    if score >= DOUBTFUL_FROM:
        limit //= 2
    is_full = _pending(session, HOUR) >= limit or _pending(session, DAY) >= limit * DAILY_FACTOR
    if is_full and not is_known(session, email, writer):
        raise TooMany(BUSY)


def _pending(session: Session, window: timedelta) -> int:
    """Count the pending comments that guests sent within the window."""
    pending = select(func.count()).where(
        Comment.state == PENDING, Comment.user_id.is_(None), Comment.created_at > now() - window
    )
    return session.scalar(pending) or 0


def is_known(session: Session, email: str, writer: str) -> bool:
    """Return whether the latest moderated comment of this writer was approved.

    Both the cookie's key and the email address must match. Anybody can type an address, so it
    proves nothing by itself; the number of comments under one address is limited.
    """
    same = Comment.email == _normalized(email), Comment.waiting_hash == writer
    return bool(_normalized(email) and writer) and was_approved_last(session, *same)


@action("spam.delete_expired")
def delete_expired(session: Session) -> None:
    """Delete expired counters and rare, old features of the filter."""
    expired = delete(Tally).where(Tally.until < now())
    session.execute(expired, execution_options={"tags": ()})
    spam_learning.prune(session)
