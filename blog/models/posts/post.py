"""A post or page: its working copy, and the facts from which its state is read."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, and_, select, true
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.models.addresses.address import Address
from blog.models.base import Base, now
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tags.tag import Tag
from blog.models.users.user import EDITOR, User

POST, PAGE = "post", "page"
PUBLIC = {"live_revision_id", "publish_at", "withdraw_at", "trashed_at", "address_id"}


class Post(Base):
    """The working copy, which only the desk sees; readers see `live_revision`.

    `publish_at` in the future means scheduled. Withdrawing keeps it, so nothing is announced twice.
    """

    __tablename__ = "post"
    __table_args__ = (
        Index("ix_post_kind_publish_at", "kind", "publish_at"),
        Index("ix_post_kind_withdraw_at", "kind", "withdraw_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(200), unique=True, default=lambda: uuid.uuid4().urn)
    kind: Mapped[str] = mapped_column(String(10), default=POST)
    title: Mapped[str] = mapped_column(String(300), default="")
    slug: Mapped[str] = mapped_column(String(300), default="")
    # An address of its own, such as an old blog's; empty means that the slug makes it.
    path: Mapped[str] = mapped_column(String(500), default="")
    # The pattern that its address was made by, dates filled in; empty until it is published.
    pattern: Mapped[str] = mapped_column(String(500), default="")
    summary: Mapped[str] = mapped_column(String(2000), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(10))
    cover: Mapped[str] = mapped_column(String(1000), default="")
    tags: Mapped[str] = mapped_column(String(2500), default="")
    is_listed: Mapped[bool] = mapped_column(default=True)
    takes_comments: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, index=True)

    publish_at: Mapped[datetime | None]
    withdraw_at: Mapped[datetime | None]
    trashed_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    review_asked_at: Mapped[datetime | None]  # unused; databases of every release have the column
    live_revision_id: Mapped[int | None] = mapped_column(
        ForeignKey("revision.id", use_alter=True), index=True
    )
    address_id: Mapped[int | None] = mapped_column(
        ForeignKey("address.id", use_alter=True), index=True
    )
    preview_key: Mapped[str | None] = mapped_column(String(64), unique=True)

    # What moving in leaves behind: raw link target -> our address, the file, unknown front matter.
    links: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source_path: Mapped[str | None] = mapped_column(String(1000), unique=True)
    source_hash: Mapped[str] = mapped_column(String(64), default="")
    source_version: Mapped[int] = mapped_column(default=0)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)

    live_revision: Mapped[Revision | None] = relationship(
        lazy="raise", foreign_keys=[live_revision_id]
    )
    address: Mapped[Address | None] = relationship(lazy="raise", foreign_keys=[address_id])
    author_links: Mapped[list["PostAuthor"]] = relationship(
        lazy="raise", order_by="PostAuthor.position"
    )

    audit_secret = frozenset({"preview_key"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """A save touches the desk; what readers see is touched when a public fact moves."""
        tags = {f"draft:{values['id']}", "drafts"}
        if changed & PUBLIC:
            tags |= {f"post:{values['id']}", "posts", *_shown_on(session, values)}
        return tags

    @hybrid_method
    def is_live(self, moment: datetime) -> bool:
        """True while readers may see it."""
        return (
            self.live_revision_id is not None
            and self.trashed_at is None
            and self.publish_at is not None
            and self.publish_at <= moment
            and (self.withdraw_at is None or self.withdraw_at > moment)
        )

    @is_live.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _is_live(cls, moment: datetime) -> ColumnElement[bool]:
        return and_(
            cls.live_revision_id.is_not(None),
            cls.trashed_at.is_(None),
            cls.publish_at.is_not(None) & (cls.publish_at <= moment),
            cls.withdraw_at.is_(None) | (cls.withdraw_at.is_not(None) & (cls.withdraw_at > moment)),
        )

    @hybrid_method
    def is_scheduled(self, moment: datetime) -> bool:
        return (
            self.live_revision_id is not None
            and self.trashed_at is None
            and self.publish_at is not None
            and self.publish_at > moment
            and (self.withdraw_at is None or self.withdraw_at > moment)
        )

    @is_scheduled.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _is_scheduled(cls, moment: datetime) -> ColumnElement[bool]:
        return and_(
            cls.live_revision_id.is_not(None),
            cls.trashed_at.is_(None),
            cls.publish_at.is_not(None) & (cls.publish_at > moment),
            cls.withdraw_at.is_(None) | (cls.withdraw_at.is_not(None) & (cls.withdraw_at > moment)),
        )

    @hybrid_method
    def is_trashed(self) -> bool:
        return self.trashed_at is not None

    @is_trashed.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _is_trashed(cls) -> ColumnElement[bool]:
        return cls.trashed_at.is_not(None)

    @hybrid_method
    def editable_by(self, user: User) -> bool:
        """An editor may touch every post, an author their own."""
        return user.has_role(EDITOR) or any(link.user_id == user.id for link in self.author_links)

    @editable_by.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _editable_by(cls, user: User) -> ColumnElement[bool]:
        if user.has_role(EDITOR):
            return true()
        return cls.author_links.any(PostAuthor.user_id == user.id)

    def state(self, moment: datetime) -> str:
        """`trashed`, `live`, `scheduled`, `withdrawn` or `draft`."""
        if self.is_trashed():
            return "trashed"
        if self.is_live(moment):
            return "live"
        if self.is_scheduled(moment):
            return "scheduled"
        return "withdrawn" if self.live_revision_id else "draft"


class PostAuthor(Base):
    """Who writes a post, and so may touch it."""

    __tablename__ = "post_author"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    user: Mapped[User] = relationship(lazy="raise")

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {f"draft:{values['post_id']}", "drafts"}


def _shown_on(session: Session, values: dict[str, Any]) -> set[str]:
    """The lists that show a post with these values: its tags', authors' and month's."""
    revision = values["live_revision_id"]
    if revision is None:
        return set()
    slugs = select(Tag.slug).join(RevisionTag).where(RevisionTag.revision_id == revision)
    people = select(RevisionAuthor.user_id).where(RevisionAuthor.revision_id == revision)
    tags = {f"tag:{slug}" for slug in session.scalars(slugs)}
    tags |= {f"user:{id}" for id in session.scalars(people)}
    if values["publish_at"]:
        tags.add(f"month:{values['publish_at']:%Y-%m}")
    return tags
