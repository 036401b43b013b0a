"""The tables `post` and `post_author`: working copies, publication dates and states of posts."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, and_, select, true
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.models.addresses.address import Address
from blog.models.base import Base, now
from blog.models.posts.content import WorkingContent
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.tags.tag import Tag
from blog.models.users.user import EDITOR, User

POST, PAGE = "post", "page"
PUBLIC_COLUMNS = {"live_revision_id", "publish_at", "withdraw_at", "trashed_at", "address_id"}


class Post(WorkingContent, Base):
    """A post or page, by `kind`. Its columns, and those of `WorkingContent`, hold the working copy;
    readers see `live_revision`.

    A `publish_at` in the future means scheduled. Unpublishing keeps `publish_at`, so that no post
    is announced twice.
    """

    __tablename__ = "post"
    __table_args__ = (
        Index("ix_post_kind_publish_at", "kind", "publish_at"),
        Index("ix_post_kind_withdraw_at", "kind", "withdraw_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(200), unique=True, default=lambda: uuid.uuid4().urn)
    kind: Mapped[str] = mapped_column(String(10), default=POST)
    # An address independent of the pattern, such as that of an imported post; usually empty.
    path: Mapped[str] = mapped_column(String(500), default="")
    # The pattern of its address, with the date filled in; empty until it is published.
    pattern: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, index=True)

    publish_at: Mapped[datetime | None]
    withdraw_at: Mapped[datetime | None]
    trashed_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    review_asked_at: Mapped[datetime | None]  # unused, but in the databases of all releases
    live_revision_id: Mapped[int | None] = mapped_column(
        ForeignKey("revision.id", use_alter=True), index=True
    )
    address_id: Mapped[int | None] = mapped_column(
        ForeignKey("address.id", use_alter=True), index=True
    )
    preview_key: Mapped[str | None] = mapped_column(String(64), unique=True)

    # Set by imports: our addresses by original link target, the source file, and the front
    # matter that has no column of its own.
    links: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    source_path: Mapped[str | None] = mapped_column(String(1000), unique=True)
    source_hash: Mapped[str] = mapped_column(String(64), default="")
    source_version: Mapped[int] = mapped_column(default=0)
    extra: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)

    live_revision: Mapped[Revision | None] = relationship(
        lazy="raise", foreign_keys=[live_revision_id]
    )
    address: Mapped[Address | None] = relationship(lazy="raise", foreign_keys=[address_id])
    author_links: Mapped[list["PostAuthor"]] = relationship(
        lazy="raise", order_by="PostAuthor.position"
    )

    audit_secret = frozenset({"preview_key"})

    @classmethod
    def change_tags(
        cls, session: Session, values: Mapping[str, object], changed: set[str]
    ) -> set[str]:
        """Tag the draft; if a public column changed, also the post and the lists that show it."""
        tags = {f"draft:{values['id']}", "drafts"}
        if changed & PUBLIC_COLUMNS:
            tags |= {f"post:{values['id']}", "posts", *_list_tags(session, values)}
        return tags

    @hybrid_method
    def is_live(self, moment: datetime) -> bool:
        """Return whether readers can see the post at this moment."""
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
        """Return whether the post is to become public after this moment."""
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
        """Return whether the post is in the trash."""
        return self.trashed_at is not None

    @is_trashed.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _is_trashed(cls) -> ColumnElement[bool]:
        return cls.trashed_at.is_not(None)

    @hybrid_method
    def editable_by(self, user: User) -> bool:
        """Return whether the user may edit the post: editors all posts, authors their own."""
        return user.has_role(EDITOR) or any(link.user_id == user.id for link in self.author_links)

    @editable_by.inplace.expression  # type: ignore[attr-defined, untyped-decorator]  # typed as the plain function
    @classmethod
    def _editable_by(cls, user: User) -> ColumnElement[bool]:
        if user.has_role(EDITOR):
            return true()
        return cls.author_links.any(PostAuthor.user_id == user.id)

    def state(self, moment: datetime) -> str:
        """Return `trashed`, `live`, `scheduled`, `withdrawn` or `draft`."""
        if self.is_trashed():
            return "trashed"
        if self.is_live(moment):
            return "live"
        if self.is_scheduled(moment):
            return "scheduled"
        return "withdrawn" if self.live_revision_id else "draft"


class PostAuthor(Base):
    """An author of a post, who may edit it. `position` orders the authors of a post."""

    __tablename__ = "post_author"

    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    user: Mapped[User] = relationship(lazy="raise")

    @classmethod
    def change_tags(
        cls, session: Session, values: Mapping[str, object], changed: set[str]
    ) -> set[str]:
        """Tag the draft whose authors changed."""
        return {f"draft:{values['post_id']}", "drafts"}


def _list_tags(session: Session, values: Mapping[str, object]) -> set[str]:
    """Return the cache tags of the lists that show the post: by its tags, authors and month."""
    revision = values["live_revision_id"]
    if revision is None:
        return set()
    slugs = select(Tag.slug).join(RevisionTag).where(RevisionTag.revision_id == revision)
    authors = select(RevisionAuthor.user_id).where(RevisionAuthor.revision_id == revision)
    tags = {f"tag:{slug}" for slug in session.scalars(slugs)}
    tags |= {f"user:{id}" for id in session.scalars(authors)}
    publish_at = values["publish_at"]
    if isinstance(publish_at, datetime):
        tags.add(f"month:{publish_at:%Y-%m}")
    return tags
