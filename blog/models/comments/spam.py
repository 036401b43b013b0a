"""Whether a comment is spam, and how many may come: the questions that are asked of each new one.

The filter learns from the queue and asks nobody outside. The limits are counted in the database,
so that all workers count as one.
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
    "is_known",
    "judge",
    "sweep",
]

SPAM_FROM = 0.9  # a score from which a comment goes to the spam and not into the queue
DOUBTFUL_FROM = 0.4  # such words fill only half of the queue
MINUTES, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
# How many comments of one address, in how long.
ONE = (
    (
        MINUTES,
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
MOST_SPAM = 300  # that is kept in an hour
UNBOUNDED = 10**9
DAYS_FULL = 3  # the queue takes so many times an hour's comments in a day


class TooMany(Refusal):
    """Too many comments; shown with status 429, and the text is kept for another try."""


class Tally(Base):
    """How many comments came under one key in one stretch of time."""

    __tablename__ = "tally"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    number: Mapped[int]
    until: Mapped[datetime] = mapped_column(index=True)

    unaudited = True


def admit(session: Session, words: CommentFeatures, writer: str = "") -> float:
    """Judge a guest's comment and count it, in the transaction that keeps it.

    Returns the score; `SPAM_FROM` and above is kept as spam. `writer` is the hash of the key in
    the guest's cookie. Raises `TooMany`.
    """
    score = judge(session, words)
    claim(session, words.network, words.email, score, writer)
    return score


def judge(session: Session, words: CommentFeatures) -> float:
    """How much a comment looks like spam: 0 to 1."""
    listed = site.facts(session).settings.comments_words.splitlines()
    return squash(rules(words, listed) + spam_learning.odds(session, tokens(words)))


# --- limits ---


def claim(session: Session, network: str, email: str, score: float = 0.0, writer: str = "") -> None:
    """Count a guest's comment before it is kept. Raises `TooMany` when a limit is reached.

    What is refused is rolled back with its transaction and counts for nothing.
    """
    # First of all: on PostgreSQL those who come at the same moment wait here in line.
    if score >= SPAM_FROM:
        _count(session, "spam", HOUR, MOST_SPAM, BUSY)
    else:
        _count(session, "queue", HOUR, UNBOUNDED, BUSY)
    for address in filter(None, (network and f"net {network}", _plain(email))):
        for limit in ONE:
            _count(session, address, *limit)
    if score < SPAM_FROM:
        refuse_if_full(session, email, writer, score)


def _plain(email: str) -> str:
    return email.strip().casefold()


def _count(session: Session, of: str, window: timedelta, most: int, told: str) -> None:
    seconds = int(window.total_seconds())
    stretch = int(now().timestamp()) // seconds
    hidden = hashlib.blake2s(of.encode(), digest_size=16).hexdigest()
    until = datetime.fromtimestamp((stretch + 1) * seconds, UTC)
    row = {"key": f"{hidden} {seconds} {stretch}", "number": 1, "until": until}
    put = dialect_insert(session, Tally).values(row)
    more = put.on_conflict_do_update(
        index_elements=[Tally.key], set_={"number": Tally.number + 1}
    ).returning(Tally.number)
    if session.execute(more, execution_options={"tags": ()}).scalar_one() > most:
        raise TooMany(told)


def refuse_if_full(session: Session, email: str, writer: str, score: float = 0.0) -> None:
    """While many unread comments wait, only who was approved before may add to them."""
    room = site.facts(session).settings.comments_waiting
    if score >= DOUBTFUL_FROM:
        room //= 2
    full = _waiting(session, HOUR) >= room or _waiting(session, DAY) >= room * DAYS_FULL
    if full and not is_known(session, email, writer):
        raise TooMany(BUSY)


def _waiting(session: Session, window: timedelta) -> int:
    """Guests' comments of so long that nobody has decided yet."""
    waiting = select(func.count()).where(
        Comment.state == PENDING, Comment.user_id.is_(None), Comment.created_at > now() - window
    )
    return session.scalar(waiting) or 0


def is_known(session: Session, email: str, writer: str) -> bool:
    """Whether this writer was approved last: by the key in their cookie, for anybody can type an
    address; and under their address, for so many may come under one in a day and no more.
    """
    same = Comment.email == _plain(email), Comment.waiting_hash == writer
    return bool(_plain(email) and writer) and was_approved_last(session, *same)


@action("spam.delete_expired")
def sweep(session: Session) -> None:
    """Counts that are over; signs that no longer tell anything."""
    over = delete(Tally).where(Tally.until < now())
    session.execute(over, execution_options={"tags": ()})
    spam_learning.prune(session)
