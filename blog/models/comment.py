"""What readers answer to a post: it waits for approval, and one level of replies hangs under it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, now

PENDING, APPROVED, REJECTED, SPAM = "pending", "approved", "rejected", "spam"
STATES = (PENDING, APPROVED, REJECTED, SPAM)


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
    ip: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]

    audit_secret = frozenset({"waiting_hash"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """What waits touches the office; what is or was approved touches its post's page."""
        tags = {f"comment:{values['id']}", "comments"}
        if values["state"] == APPROVED:
            tags |= {f"post:{values['post_id']}", f"comments:{values['post_id']}"}
        return tags
