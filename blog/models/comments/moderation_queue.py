"""What keepers see of comments: those that wait, what was decided, and who wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session, aliased

from blog.markup import Rendered
from blog.models.addresses.address import Address, href
from blog.models.audit.action import action
from blog.models.base import now
from blog.models.comments import moderation, submission
from blog.models.comments.comment import APPROVED, SPAM, STATES, Comment
from blog.models.comments.spam import DOUBTFUL_FROM, SPAM_FROM
from blog.models.comments.submission import Submission, Twice
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import Post
from blog.models.users.user import User

PROBABLE_FROM = 0.65
MOST_POSTS = 100
above = aliased(Comment)


@dataclass(frozen=True)
class Queued:
    """A comment as a keeper sees it. `approved` and `spam` count what its writer wrote before;
    where nothing tells who they are, there is no `writer`."""

    id: int
    state: str
    name: str
    email: str
    badge: str  # what somebody who signs in here may do; empty for a guest
    body_html: str
    language: str
    doubt: str  # "none", "some", "probable", "sure"
    score: int  # in percent
    ip: str  # where it came from; empty once that is forgotten
    said_at: datetime
    post: str
    post_language: str
    path: str  # of its post, and of itself once it is approved; empty while nobody can read it
    answers: str = ""
    writer: str = ""
    approved: int = 0
    spam: int = 0


def _query() -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(Comment.id, Comment.uid, Comment.state, Comment.name, Comment.email),
            *(Comment.user_id, Comment.body_html, Comment.language, Comment.score),
            *(Comment.ip, Comment.created_at),
            Post.title,
            Post.language.label("post_language"),
            Address.path,
            above.name.label("answers"),
            User.role,
        )
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(Address, (Address.id == Post.address_id) & Post.is_live(now()))
        .outerjoin(above, above.id == Comment.parent_id)
        .outerjoin(User, User.id == Comment.user_id)
    )


def _made(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> tuple[Queued, ...]:
    history = _history(session, rows)
    return tuple(_queued(row, history) for row in rows)


def _queued(row: Row[*tuple[Any, ...]], history: dict[tuple[str, str], int]) -> Queued:
    writer = _writer(row)
    # What is decided already counts for the others of its writer, and not for itself.
    approved = history.get((writer, APPROVED), 0) - (row.state == APPROVED)
    spam = history.get((writer, SPAM), 0) - (row.state == SPAM)
    return Queued(
        id=row.id,
        state=row.state,
        name=row.name,
        email=row.email,
        badge=row.role or "",
        body_html=row.body_html,
        language=row.language,
        doubt=doubt(row.score),
        score=round(row.score * 100),
        ip=row.ip,
        said_at=row.created_at,
        post=row.title,
        post_language=row.post_language,
        path=_path(row) if row.path else "",
        answers=row.answers or "",
        writer=writer,
        approved=max(0, approved) if writer else 0,
        spam=max(0, spam) if writer else 0,
    )


def _path(row: Row[*tuple[Any, ...]]) -> str:
    return href(row.path) + (f"#comment-{row.uid}" if row.state == APPROVED else "")


def doubt(score: float) -> str:
    if score >= SPAM_FROM:
        return "sure"
    if score >= PROBABLE_FROM:
        return "probable"
    return "some" if score >= DOUBTFUL_FROM else "none"


def _writer(row: Any) -> str:
    """By what a writer is known again: their account, else their mail address."""
    return f"user {row.user_id}" if row.user_id else row.email


def _history(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[tuple[str, str], int]:
    """How many comments each writer of these has in each state."""
    users = {row.user_id for row in rows if row.user_id}
    emails = {row.email for row in rows if row.email and not row.user_id}
    mine = Comment.user_id.in_(users) | (Comment.user_id.is_(None) & Comment.email.in_(emails))
    query = select(Comment.user_id, Comment.email, Comment.state, func.count()).where(mine)
    found: dict[tuple[str, str], int] = {}
    for row in session.execute(query.group_by(Comment.user_id, Comment.email, Comment.state)):
        key = _writer(row), row.state
        found[key] = found.get(key, 0) + row[3]
    return found


def _of_post(value: str) -> ColumnElement[bool]:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise LookupError(value)
    return Comment.post_id == int(value)


comments = Listing[Queued](
    query=_query,
    key=Comment.id,
    make=_made,
    orders={"said_at": Order(Comment.created_at, descending=True)},
    sort="said_at",
    filters={
        "state": QueryFilter(lambda value: Comment.state == value, STATES),
        "post": QueryFilter(_of_post),
    },
    search=containing(Comment.body, Comment.name, Comment.email),
)


def posts(session: Session) -> list[tuple[str, str]]:
    """The posts that have comments, as a choice: those commented on lately first."""
    latest = func.max(Comment.id).desc()
    query = select(Post.id, Post.title).join(Comment, Comment.post_id == Post.id)
    rows = session.execute(query.group_by(Post.id, Post.title).order_by(latest).limit(MOST_POSTS))
    return [(str(id), title) for id, title in rows]


def one(session: Session, id: int) -> Queued:
    """Raises `LookupError`."""
    found = comments.only(session, [id])
    if not found:
        raise LookupError(id)
    return found[0]


@action("comment.reply")
def reply(session: Session, id: int, body: str, rendered: Rendered, ip: str, *, by: User) -> str:
    """An editor's answer; what is answered is approved with it, for readers see both or neither."""
    answered = session.get(Comment, id)
    if answered is None:
        raise LookupError(id)
    if answered.state != APPROVED:
        moderation.approve(session, [id], by=by)
    sent = Submission(answered.post_id, body, rendered, answers=answered.uid, ip=ip)
    try:
        return submission.submit(session, sent, by=by)
    except Twice as twice:
        return str(twice)
