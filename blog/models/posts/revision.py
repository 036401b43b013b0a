"""A post as it once stood: never changed afterwards."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.models.base import Base, now
from blog.models.tags.tag import Tag
from blog.models.users.user import User

KEPT_EVERY = timedelta(minutes=10)


class Revision(Base):
    """What readers saw (`body_html` is set) or what was typed at a moment (it is not)."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    title: Mapped[str] = mapped_column(String(300))
    slug: Mapped[str] = mapped_column(String(300))
    summary: Mapped[str] = mapped_column(String(2000), default="")
    excerpt: Mapped[str] = mapped_column(String(2000), default="")
    body: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    outline: Mapped[list[Any]] = mapped_column(default=list)
    renderer: Mapped[int] = mapped_column(default=0)
    words: Mapped[int] = mapped_column(default=0)
    minutes: Mapped[int] = mapped_column(default=0)
    language: Mapped[str] = mapped_column(String(10))
    cover: Mapped[str] = mapped_column(String(1000), default="")
    is_listed: Mapped[bool] = mapped_column(default=True)
    takes_comments: Mapped[bool] = mapped_column(default=True)
    # The day its readers are told: of an imported text the old one.
    as_of: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)

    author_links: Mapped[list["RevisionAuthor"]] = relationship(
        lazy="raise", order_by="RevisionAuthor.position"
    )

    # Made from the text, which is told.
    audit_ignored = frozenset(
        {"body_html", "text", "outline", "renderer", "words", "minutes", "excerpt"}
    )

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {f"revisions:{values['post_id']}"}


class RevisionAuthor(Base):
    """Under whose name a revision stands."""

    __tablename__ = "revision_author"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    user: Mapped[User] = relationship(lazy="raise")

    unaudited = True


class RevisionTag(Base):
    """What a revision is about."""

    __tablename__ = "revision_tag"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    tag: Mapped[Tag] = relationship(lazy="raise")

    unaudited = True


def keep_earlier(
    session: Session, earlier: Revision, moment: datetime, *, at_once: bool = False
) -> None:
    """Store what is about to be replaced, unless it is empty or stored already.

    Of what is typed in one go, only what is ten minutes apart is stored, or `at_once`.
    """
    latest = session.scalar(
        select(func.max(Revision.created_at)).where(Revision.post_id == earlier.post_id)
    )
    is_stored = latest is not None and latest >= earlier.created_at
    is_due = at_once or latest is None or moment - latest >= KEPT_EVERY
    if is_due and not is_stored and (earlier.title or earlier.body):
        session.add(earlier)
