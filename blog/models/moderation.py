"""What keepers decide about comments: approve, reject, spam, and take it back."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from blog.models.base import Base, now


class Moderation(Base):
    """One decision about one comment. Those made with one press share their `act`."""

    __tablename__ = "moderation"
    __table_args__ = (Index("ix_moderation_by_id_at", "by_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    act: Mapped[str] = mapped_column(String(32), index=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    before: Mapped[str] = mapped_column(String(10))
    after: Mapped[str] = mapped_column(String(10))
    decided_before: Mapped[datetime | None]  # the comment's `decided_at`, to be put back
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]

    unaudited = True  # the comment's own states, before and after, are in the audit
