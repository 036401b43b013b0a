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
from blog.models.base import Base, Refusal, now
from blog.models.posts.post import PAGE, POST, Post, PostAuthor
from blog.models.posts.revision import RevisionAuthor
from blog.models.public.compiled_query import CompiledQuery
from blog.models.settings.settings import Settings
from blog.models.users.user import EDITOR, ROLES, User

PENDING, APPROVED, REJECTED, SPAM = "pending", "approved", "rejected", "spam"
STATES = (PENDING, APPROVED, REJECTED, SPAM)
# What its writer sees waiting. Nobody is told that their words were taken for spam.
WAITING = (PENDING, SPAM)
USER_ID = bindparam("user_id", type_=Integer)


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
    statement = _shown_to(
        has_cookie=bool(reader.waiting_hash),
        is_person=bool(reader.user_id),
        is_editor=reader.is_editor,
    )
    mine = {"waiting_hash": reader.waiting_hash, "user_id": reader.user_id}
    found = statement.rows(session, post_id=post_id, **mine)
    return Thread(
        post_id=post_id,
        comments=_in_order(found),
        count=sum(row.state == APPROVED for row in found),
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
    """What everybody sees, what this reader wrote, and what waits for their word.

    Made once for each kind of reader: it takes longer than to execute it.
    """
    is_mine = _is_mine(has_cookie, is_person)
    is_seen = or_(
        Comment.state == APPROVED,
        is_mine & or_(*(Comment.state == state for state in WAITING)),
        _waits_for(is_person, is_editor) & (Comment.state == PENDING),
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
        .where(Comment.post_id == bindparam("post_id", type_=Integer), is_seen)
        .order_by(Comment.created_at, Comment.id)
    )


def _is_mine(has_cookie: bool, is_person: bool) -> ColumnElement[bool]:
    """A guest is known by their cookie, a person by their sign-in."""
    mine = (Comment.user_id == USER_ID) if is_person else false()
    if has_cookie:
        mine |= Comment.waiting_hash == bindparam("waiting_hash", type_=String)
    return mine


def _waits_for(is_person: bool, is_editor: bool) -> ColumnElement[bool]:
    """Editors, and the authors of the post, may read what waits where it will stand."""
    if is_editor or not is_person:
        return true() if is_editor else false()
    theirs = PostAuthor.post_id == Comment.post_id, PostAuthor.user_id == USER_ID
    return exists().where(*theirs)


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
    found = [
        replace(said, answers=tuple(answers[id])) if id in answers else said
        for id, said in tops.items()
    ]
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
        return Refusal(N_("This blog does not accept comments at the moment."))
    if not takes_comments:
        return Refusal(N_("Comments are closed here."))
    days = settings.comments_days
    if days and publish_at and now() - publish_at > timedelta(days=days):
        return Refusal(N_("Comments are closed here: they stay open for %(days)s days."), days=days)
    return None
