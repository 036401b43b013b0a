"""The list of comments in the admin area, with each writer's history, and replies by editors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session, aliased

from blog.markup import Rendered
from blog.models.addresses.address import Address, href
from blog.models.audit.action import action
from blog.models.base import now
from blog.models.comments import moderation, submission
from blog.models.comments.comment import APPROVED, SPAM, STATES, Comment
from blog.models.comments.spam import DOUBTFUL_FROM, SPAM_FROM
from blog.models.comments.submission import DuplicateComment, Submission
from blog.models.keyset import ListRow
from blog.models.listing import Listing, ListQueryRows, Order, QueryFilter, containing
from blog.models.posts.post import Post
from blog.models.users.user import User

PROBABLE_FROM = 0.65  # a spam score from which the list warns of probable spam
MOST_POSTS = 100
Parent = aliased(Comment)


@dataclass(frozen=True)
class QueuedComment:
    """A comment as an editor sees it.

    `writer` identifies the writer by account or email address, and is empty if neither is known.
    `approved` and `spam` count the writer's other comments in these states.
    """

    id: int
    state: str
    name: str
    email: str
    badge: str  # the role of a user; empty for a guest
    body_html: str
    language: str
    doubt: str  # "none", "some", "probable", "sure"
    score: int  # in percent
    ip: str  # empty after it was deleted for privacy
    said_at: datetime
    post: str  # title
    post_language: str
    path: str  # of the post, with the comment's fragment if approved; empty if it is not public
    answers: str = ""  # the name of the writer it replies to
    writer: str = ""
    approved: int = 0
    spam: int = 0


def _query() -> ListQueryRows:
    return (
        select(
            *(Comment.id, Comment.uid, Comment.state, Comment.name, Comment.email),
            *(Comment.user_id, Comment.body_html, Comment.language, Comment.score),
            *(Comment.ip, Comment.created_at),
            Post.title,
            Post.language.label("post_language"),
            Address.path,
            Parent.name.label("answers"),
            User.role,
        )
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(Address, (Address.id == Post.address_id) & Post.is_live(now()))
        .outerjoin(Parent, Parent.id == Comment.parent_id)
        .outerjoin(User, User.id == Comment.user_id)
    )


def _make(session: Session, rows: Sequence[ListRow]) -> tuple[QueuedComment, ...]:
    history = _history(session, rows)
    return tuple(_queued(row, history) for row in rows)


def _others(row: ListRow, history: dict[tuple[str, str], int], state: str) -> int:
    """Return how many other comments of the same writer are in a state; 0 for an unknown writer."""
    writer = _writer(row)
    if not writer:
        return 0
    number = history.get((writer, state), 0)
    if row.state == state:
        number -= 1
    return max(0, number)


def _queued(row: ListRow, history: dict[tuple[str, str], int]) -> QueuedComment:
    return QueuedComment(
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
        writer=_writer(row),
        approved=_others(row, history, APPROVED),
        spam=_others(row, history, SPAM),
    )


def _path(row: ListRow) -> str:
    return href(row.path) + (f"#comment-{row.uid}" if row.state == APPROVED else "")


def doubt(score: float) -> str:
    """Return how likely a comment is spam: "none", "some", "probable" or "sure"."""
    if score >= SPAM_FROM:
        return "sure"
    if score >= PROBABLE_FROM:
        return "probable"
    return "some" if score >= DOUBTFUL_FROM else "none"


def _writer(row: ListRow | Row[int | None, str, str, int]) -> str:
    """Return what identifies a writer: their account, else their email address (may be empty)."""
    return f"user {row.user_id}" if row.user_id else str(row.email)


def _history(session: Session, rows: Sequence[ListRow]) -> dict[tuple[str, str], int]:
    """Count the comments of these rows' writers, by writer and state."""
    users = {row.user_id for row in rows if row.user_id}
    emails = {row.email for row in rows if row.email and not row.user_id}
    theirs = Comment.user_id.in_(users) | (Comment.user_id.is_(None) & Comment.email.in_(emails))
    query = select(Comment.user_id, Comment.email, Comment.state, func.count()).where(theirs)
    counts: dict[tuple[str, str], int] = {}
    for row in session.execute(query.group_by(Comment.user_id, Comment.email, Comment.state)):
        key = _writer(row), row.state
        counts[key] = counts.get(key, 0) + row[3]
    return counts


def _of_post(value: str) -> ColumnElement[bool]:
    """Return the condition of the filter "post". Raises `LookupError` unless it is an id."""
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise LookupError(value)
    return Comment.post_id == int(value)


comments = Listing[QueuedComment](
    query=_query,
    key=Comment.id,
    make=_make,
    orders={"said_at": Order(Comment.created_at, descending=True)},
    sort="said_at",
    filters={
        "state": QueryFilter(lambda value: Comment.state == value, STATES),
        "post": QueryFilter(_of_post),
    },
    search=containing(Comment.body, Comment.name, Comment.email),
)


def commented_posts(session: Session) -> list[tuple[str, str]]:
    """Return options for the filter "post": ids and titles, those commented on latest first."""
    latest = func.max(Comment.id).desc()
    query = select(Post.id, Post.title).join(Comment, Comment.post_id == Post.id)
    rows = session.execute(query.group_by(Post.id, Post.title).order_by(latest).limit(MOST_POSTS))
    return [(str(id), title) for id, title in rows]


def get_comment(session: Session, id: int) -> QueuedComment:
    """Return one comment as the list shows it. Raises `LookupError`."""
    rows = comments.only(session, [id])
    if not rows:
        raise LookupError(id)
    return rows[0]


@action("comment.reply")
def reply(session: Session, id: int, body: str, rendered: Rendered, ip: str, *, by: User) -> str:
    """Reply to a comment, which is approved first if necessary, and return the reply's uid.

    Raises `LookupError` if the comment does not exist.
    """
    parent = session.get(Comment, id)
    if parent is None:
        raise LookupError(id)
    if parent.state != APPROVED:
        moderation.approve(session, [id], by=by)
    sent = Submission(parent.post_id, body, rendered, answers=parent.uid, ip=ip)
    try:
        return submission.submit(session, sent, by=by)
    except DuplicateComment as duplicate:
        return str(duplicate)
