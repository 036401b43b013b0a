"""What readers answer to a post: it waits for approval, and one level of replies hangs under it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
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
from blog.models.base import Base, Refusal, now
from blog.models.post import PAGE, POST, Post, PostAuthor
from blog.models.revision import RevisionAuthor
from blog.models.settings import Settings
from blog.models.user import EDITOR, ROLES, User

PENDING, APPROVED, REJECTED, SPAM = "pending", "approved", "rejected", "spam"
STATES = (PENDING, APPROVED, REJECTED, SPAM)
# What its writer sees waiting. Nobody is told that their words were taken for spam.
WAITING = (PENDING, SPAM)


class Comment(Base):
    """A guest's words, or a signed-in person's. Readers see it while it is approved."""

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
    score: Mapped[float] = mapped_column(default=0.0)  # how much it looks like spam, 0 to 1
    # The hash of the key in the writer's `waiting` cookie, which shows it to them before approval.
    waiting_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    ip: Mapped[str] = mapped_column(String(64), default="")  # forgotten after a while
    created_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]

    audit_secret = frozenset({"waiting_hash"})
    audit_ignored = frozenset({"ip"})  # the log is for good

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """What waits touches the office; what is or was approved touches its post's page."""
        tags = {f"comment:{values['id']}", "comments"}
        if values["state"] == APPROVED:
            tags |= {f"post:{values['post_id']}", f"comments:{values['post_id']}"}
        return tags

    @classmethod
    def shown_to(cls, reader: "Reader") -> ColumnElement[bool]:
        """What everybody sees, what this reader wrote, and what waits for their word."""
        return or_(
            cls.state == APPROVED,
            cls.written_by(reader) & cls.state.in_(WAITING),
            cls.decided_by(reader) & (cls.state == PENDING),
        )

    @classmethod
    def written_by(cls, reader: "Reader") -> ColumnElement[bool]:
        """A guest is known by their cookie, a person by their sign-in."""
        mine = (cls.user_id == reader.user_id) if reader.user_id else false()
        if reader.waiting_hash:
            mine |= cls.waiting_hash == reader.waiting_hash
        return mine

    @classmethod
    def decided_by(cls, reader: "Reader") -> ColumnElement[bool]:
        """Editors, and the authors of the post, may read what waits where it will stand."""
        if reader.is_editor or not reader.user_id:
            return true() if reader.is_editor else false()
        theirs = PostAuthor.post_id == cls.post_id, PostAuthor.user_id == reader.user_id
        return exists().where(*theirs)


def was_approved_last(session: Session, *same: ColumnElement[bool]) -> bool:
    """Whether the last decided one of these comments was approved."""
    decided = select(Comment.state).where(*same, Comment.state.in_((APPROVED, REJECTED, SPAM)))
    latest = decided.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(1)
    return session.scalar(latest) == APPROVED


@dataclass(frozen=True)
class Reader:
    """Who looks at a page of comments: anybody, unless they have commented or signed in."""

    waiting_hash: str = ""
    user_id: int | None = None
    is_editor: bool = False
    settings: Settings = Settings()


@dataclass(frozen=True)
class Said:
    """A comment on a page. `badge` is "author", "editor" or "writer" for who can sign in here.

    An answer whose comment was taken away stands under one that `is_gone`, without any words.
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
    answers: tuple["Said", ...] = ()


@dataclass(frozen=True)
class Thread:
    """The comments of a post, oldest first. `closed` says why no more are taken, if so."""

    post_id: int
    comments: tuple[Said, ...] = ()
    count: int = 0
    closed: Refusal | None = None
    kind: str = POST

    @property
    def is_silent(self) -> bool:
        """A page that never asked for comments and has none says nothing of them."""
        return self.closed is not None and self.kind == PAGE and not self.comments

    @property
    def everything(self) -> tuple[Said, ...]:
        """Every comment that can be read, answers too."""
        said = (*self.comments, *(one for said in self.comments for one in said.answers))
        return tuple(one for one in said if not one.is_gone)

    @property
    def has_code(self) -> bool:
        """Whether a page that shows it needs the colours of code."""
        return any('class="highlight' in said.body_html for said in self.everything)


def of_post(
    session: Session,
    post_id: int,
    reader: Reader,
    *,
    closed: Refusal | None = None,
    kind: str = POST,
) -> Thread:
    """All comments of a post that this reader may see, in one query."""
    query = _rows(reader) if reader.waiting_hash or reader.user_id else _rows_for_anybody()
    rows = session.execute(query, {"post_id": post_id}).all()
    return Thread(
        post_id=post_id,
        comments=_in_order(rows),
        count=sum(row.state == APPROVED for row in rows),
        closed=closed,
        kind=kind,
    )


@cache
def _rows_for_anybody() -> Any:
    """Made once: it takes longer than to execute it."""
    return _rows(Reader())


def _rows(reader: Reader) -> Any:
    writes_post = and_(
        RevisionAuthor.revision_id == Post.live_revision_id,
        RevisionAuthor.user_id == Comment.user_id,
    )
    badge = case(
        (RevisionAuthor.user_id.is_not(None), "author"),
        (User.role.in_(ROLES[ROLES.index(EDITOR) :]), "editor"),
        (User.id.is_not(None), "writer"),
        else_=literal(""),
    ).label("badge")
    return (
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
            badge,
            Comment.written_by(reader).label("is_mine"),
        )
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(User, User.id == Comment.user_id)
        .outerjoin(RevisionAuthor, writes_post)
        .where(Comment.post_id == bindparam("post_id"), Comment.shown_to(reader))
        .order_by(Comment.created_at, Comment.id)
    )


def _in_order(rows: Iterable[Any]) -> tuple[Said, ...]:
    """Answers under what they answer, all in the order in which they came."""
    tops: dict[int, Said] = {}
    answers: dict[int, list[Said]] = {}
    for row in rows:
        said = _said(row)
        if row.parent_id is None:
            tops[row.id] = said
        else:
            answers.setdefault(row.parent_id, []).append(said)
    for parent in answers.keys() - tops.keys():
        first = answers[parent][0]
        tops[parent] = Said(f"above-{first.uid}", said_at=first.said_at, is_gone=True)
    found = [replace(said, answers=tuple(answers.get(id, ()))) for id, said in tops.items()]
    return tuple(sorted(found, key=lambda said: said.said_at))


def _said(row: Any) -> Said:
    return Said(
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
    """Why a post takes no comments, in a sentence; None while it does."""
    if settings.comments == "closed":
        return Refusal(N_("This blog takes no comments at present."))
    if not takes_comments:
        return Refusal(N_("Comments are closed here."))
    days = settings.comments_days
    if days and publish_at and now() - publish_at > timedelta(days=days):
        return Refusal(N_("Comments are closed here: they stay open for %(days)s days."), days=days)
    return None
