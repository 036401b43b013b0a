"""The tables `revision`, `revision_author` and `revision_tag`: immutable versions of posts."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import JSON, ForeignKey, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blog.models.base import Base, now
from blog.models.posts.content import Content
from blog.models.tags.tag import Tag
from blog.models.users.user import User

MIN_INTERVAL = timedelta(minutes=10)


class Revision(Content, Base):
    """A version of a post: published (`renderer` > 0, with `body_html`) or only saved.

    `outline` is a list of `[level, id, text]`, one for each heading.
    """

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    excerpt: Mapped[str] = mapped_column(String(2000), default="")
    body_html: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    outline: Mapped[list[list[int | str]]] = mapped_column(JSON, default=list)
    renderer: Mapped[int] = mapped_column(default=0)
    words: Mapped[int] = mapped_column(default=0)
    minutes: Mapped[int] = mapped_column(default=0)
    # The date that readers see; for an imported text, its original date.
    as_of: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)

    author_links: Mapped[list["RevisionAuthor"]] = relationship(
        lazy="raise", order_by="RevisionAuthor.position"
    )

    # Derived from the body, whose changes are logged.
    audit_ignored = frozenset(
        {"body_html", "text", "outline", "renderer", "words", "minutes", "excerpt"}
    )

    @classmethod
    def change_tags(
        cls, session: Session, values: Mapping[str, object], changed: set[str]
    ) -> set[str]:
        """Tag the list of revisions of the post."""
        return {f"revisions:{values['post_id']}"}


class RevisionAuthor(Base):
    """An author named on a revision."""

    __tablename__ = "revision_author"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    user: Mapped[User] = relationship(lazy="raise")

    unaudited = True


class RevisionTag(Base):
    """A tag of a revision."""

    __tablename__ = "revision_tag"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)
    tag: Mapped[Tag] = relationship(lazy="raise")

    unaudited = True


def keep_earlier(
    session: Session, earlier: Revision, moment: datetime, *, at_once: bool = False
) -> None:
    """Store `earlier`, a copy of what is about to be replaced, unless empty or already stored.

    Stores at most one revision every ten minutes, except with `at_once`.
    """
    latest = session.scalar(
        select(func.max(Revision.created_at)).where(Revision.post_id == earlier.post_id)
    )
    is_stored = latest is not None and latest >= earlier.created_at
    is_due = at_once or latest is None or moment - latest >= MIN_INTERVAL
    if is_due and not is_stored and (earlier.title or earlier.body):
        session.add(earlier)
