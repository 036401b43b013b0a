"""The comment table, and the comments of a post as a given reader may see them.

New comments wait for approval. Replies have one level: a reply to a reply joins its thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    case,
    exists,
    false,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import N_
from blog.models.base import Base, ColumnValues, Refusal, now
from blog.models.posts.post import PAGE, POST, Post, PostAuthor
from blog.models.posts.revision import RevisionAuthor
from blog.models.public.compiled_query import CompiledQuery
from blog.models.settings.settings import Settings
from blog.models.users.user import EDITOR, ROLES, User

PENDING, APPROVED, REJECTED, SPAM = "pending", "approved", "rejected", "spam"
STATES = (PENDING, APPROVED, REJECTED, SPAM)
# The writer sees these states as "waiting for approval": a spammer must not learn of the filter.
WAITING = (PENDING, SPAM)
USER_ID = bindparam("user_id", type_=Integer)


class Comment(Base):
    """A comment by a guest or by a user. It is public while its state is "approved"."""

    __tablename__ = "comment"
    __table_args__ = (
        Index("ix_comment_post_id_state", "post_id", "state"),
        Index("ix_comment_state_created_at", "state", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(64), unique=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254), default="", index=True)
    wants_answers: Mapped[bool] = mapped_column(default=False)
    body: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    renderer: Mapped[int]
    language: Mapped[str] = mapped_column(String(10), default="")
    state: Mapped[str] = mapped_column(String(10), default=PENDING)
    score: Mapped[float] = mapped_column(default=0.0)  # probability of spam, 0 to 1
    # Hash of the key in the writer's `waiting` cookie, which shows them their pending comment.
    waiting_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    ip: Mapped[str] = mapped_column(String(64), default="")  # cleared by retention.py
    created_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]

    audit_secret = frozenset({"waiting_hash"})
    audit_ignored = frozenset({"ip"})  # addresses are cleared here; the audit log is permanent

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tags: an approved comment also affects the page of its post."""
        tags = {f"comment:{values['id']}", "comments"}
        if values["state"] == APPROVED:
            tags |= {f"post:{values['post_id']}", f"comments:{values['post_id']}"}
        return tags


def was_approved_last(session: Session, *same: ColumnElement[bool]) -> bool:
    """Return whether the newest moderated comment that meets the conditions is approved."""
    decided = select(Comment.state).where(*same, Comment.state.in_((APPROVED, REJECTED, SPAM)))
    latest = decided.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(1)
    return session.scalar(latest) == APPROVED


@dataclass(frozen=True)
class Reader:
    """The viewer of comments. The defaults stand for a visitor who has not commented."""

    waiting_hash: str = ""
    user_id: int | None = None
    is_editor: bool = False
    settings: Settings = Settings()


@dataclass(frozen=True)
class ShownComment:
    """A comment as a page shows it.

    `badge` is "author" (of the post), "editor" or "writer" for a user, and empty for a guest.
    `is_gone` marks an empty placeholder: its comment is not public, but it has public replies.
    """

    uid: str
    said_at: datetime
    name: str = ""
    badge: str = ""
    body_html: str = ""
    language: str = ""
    is_waiting: bool = False
    is_mine: bool = False
    is_gone: bool = False
    answers: tuple["ShownComment", ...] = ()


class StoredComment(Protocol):
    """A row of the query in `_shown_to`."""

    id: int
    uid: str
    parent_id: int | None
    name: str
    body_html: str
    language: str
    state: str
    created_at: datetime
    display_name: str | None
    badge: str
    is_mine: bool | int


@dataclass(frozen=True)
class Thread:
    """The comments of a post, oldest first."""

    post_id: int
    comments: tuple[ShownComment, ...] = ()
    count: int = 0  # approved comments
    closed: Refusal | None = None  # why the post accepts no comments; None if it does
    kind: str = POST

    @property
    def is_silent(self) -> bool:
        """Whether to leave out the comment section: a page that takes none and has none."""
        return self.closed is not None and self.kind == PAGE and not self.comments

    @property
    def everything(self) -> tuple[ShownComment, ...]:
        """All comments and replies, without placeholders."""
        replies = (reply for comment in self.comments for reply in comment.answers)
        return tuple(shown for shown in (*self.comments, *replies) if not shown.is_gone)

    @property
    def has_code(self) -> bool:
        """Whether a comment contains highlighted code, which needs an additional stylesheet."""
        return any('class="highlight' in comment.body_html for comment in self.everything)


def of_post(
    session: Session,
    post_id: int,
    reader: Reader,
    *,
    closed: Refusal | None = None,
    kind: str = POST,
) -> Thread:
    """Return all comments of a post that this reader may see, with one query."""
    statement = _shown_to(
        has_cookie=bool(reader.waiting_hash),
        is_person=bool(reader.user_id),
        is_editor=reader.is_editor,
    )
    mine = {"waiting_hash": reader.waiting_hash, "user_id": reader.user_id}
    rows = statement.rows(session, post_id=post_id, **mine)
    return Thread(
        post_id=post_id,
        comments=_nested(rows),
        count=len([row for row in rows if row.state == APPROVED]),
        closed=closed,
        kind=kind,
    )


WRITES_POST = and_(
    RevisionAuthor.revision_id == Post.live_revision_id,
    RevisionAuthor.user_id == Comment.user_id,
)
BADGE = case(
    (RevisionAuthor.user_id.is_not(None), "author"),
    (or_(*(User.role == role for role in ROLES[ROLES.index(EDITOR) :])), "editor"),
    (User.id.is_not(None), "writer"),
    else_=literal(""),
)


@cache
def _shown_to(*, has_cookie: bool, is_person: bool, is_editor: bool) -> CompiledQuery:
    """Select approved comments, the reader's own pending ones, and those they may moderate.

    Cached for each kind of reader, because building the query takes longer than executing it.
    """
    is_mine = _is_mine(has_cookie, is_person)
    is_visible = or_(
        Comment.state == APPROVED,
        is_mine & or_(*(Comment.state == state for state in WAITING)),
        _sees_pending(is_person, is_editor) & (Comment.state == PENDING),
    )
    return CompiledQuery(
        select(
            Comment.id,
            Comment.uid,
            Comment.parent_id,
            Comment.name,
            Comment.body_html,
            Comment.language,
            Comment.state,
            Comment.created_at,
            User.display_name,
            BADGE.label("badge"),
            is_mine.label("is_mine"),
        )
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(User, User.id == Comment.user_id)
        .outerjoin(RevisionAuthor, WRITES_POST)
        .where(Comment.post_id == bindparam("post_id", type_=Integer), is_visible)
        .order_by(Comment.created_at, Comment.id)
    )


def _is_mine(has_cookie: bool, is_person: bool) -> ColumnElement[bool]:
    """Return the condition for the reader's comments, by cookie (guest) or by account (user)."""
    mine = (Comment.user_id == USER_ID) if is_person else false()
    if has_cookie:
        mine |= Comment.waiting_hash == bindparam("waiting_hash", type_=String)
    return mine


def _sees_pending(is_person: bool, is_editor: bool) -> ColumnElement[bool]:
    """Return the condition for posts on which the reader, an editor or author, sees them."""
    if is_editor or not is_person:
        return true() if is_editor else false()
    is_author = PostAuthor.post_id == Comment.post_id, PostAuthor.user_id == USER_ID
    return exists().where(*is_author)


def _nested(rows: Iterable[StoredComment]) -> tuple[ShownComment, ...]:
    """Nest replies under the comments they answer, oldest first."""
    top_level: dict[int, ShownComment] = {}
    replies: dict[int, list[ShownComment]] = {}
    for row in rows:
        shown = _shown(row)
        if row.parent_id is None:
            top_level[row.id] = shown
        else:
            replies.setdefault(row.parent_id, []).append(shown)
    for parent_id in replies.keys() - top_level.keys():
        first = replies[parent_id][0]
        placeholder = ShownComment(f"above-{first.uid}", said_at=first.said_at, is_gone=True)
        top_level[parent_id] = placeholder
    nested = [
        replace(shown, answers=tuple(replies[id])) if id in replies else shown
        for id, shown in top_level.items()
    ]
    return tuple(sorted(nested, key=lambda shown: shown.said_at))


def _shown(row: StoredComment) -> ShownComment:
    return ShownComment(
        uid=row.uid,
        name=row.display_name or row.name,
        badge=row.badge,
        body_html=row.body_html,
        language=row.language,
        said_at=row.created_at,
        is_waiting=row.state != APPROVED,
        is_mine=bool(row.is_mine),
    )


def closed(
    settings: Settings, *, takes_comments: bool, publish_at: datetime | None
) -> Refusal | None:
    """Return the reason why a post accepts no comments, or None if it accepts them."""
    if settings.comments == "closed":
        return Refusal(N_("This blog does not accept comments at the moment."))
    if not takes_comments:
        return Refusal(N_("Comments are closed here."))
    days = settings.comments_days
    if days and publish_at and now() - publish_at > timedelta(days=days):
        return Refusal(N_("Comments are closed here: they stay open for %(days)s days."), days=days)
    return None
