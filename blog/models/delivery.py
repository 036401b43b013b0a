"""Something owed to the outside, such as a mail, until it is delivered or given up."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.base import Base, now


class Delivery(Base):
    """One mail to one address. `facts` is what its template needs; wiped once it is delivered."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_due_at_done_at", "due_at", "done_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    to: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(10), default="")
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(default=0)
    said: Mapped[str] = mapped_column(String(500), default="")  # the last fault, in short
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]

    audit_secret = frozenset({"facts"})

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {"deliveries"}


def owe(
    session: Session, kind: str, to: str, *, language: str, key: str | None = None, **facts: Any
) -> bool:
    """Owe a mail, in the transaction of the act that causes it. With a `key`, at most once ever."""
    if key and session.scalar(select(Delivery.id).where(Delivery.key == key)):
        return False
    session.add(Delivery(kind=kind, to=to, language=language, key=key, facts=facts))
    return True
