"""The table of uploaded pictures: recording an upload, and looking up picture sizes for a text."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now
from blog.models.users.user import EDITOR, User

STORED = re.compile(r"/media/([0-9a-f]{2}/[0-9a-f]{32}\.\w{2,5})")  # the name in an address


class Upload(Base):
    """A picture in the media folder. Its stored name is derived from its content.

    `original` is the name of the uploaded file, `size` is in bytes, `width` and `height` are in
    pixels, and `type` is the media type.
    """

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    original: Mapped[str] = mapped_column(String(300), default="")
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    type: Mapped[str] = mapped_column(String(50))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """Return the tag of this picture and the tag of all lists of pictures."""
        return {f"upload:{values['id']}", "uploads"}

    @classmethod
    def seen_by(cls, user: User) -> Select["Upload"]:
        """Select the pictures that a user may see, newest first; authors see only their own."""
        query = select(cls).order_by(cls.id.desc())
        return query if user.has_role(EDITOR) else query.where(cls.user_id == user.id)


@action("picture.upload")
def record_upload(
    session: Session,
    *,
    name: str,
    original: str,
    width: int,
    height: int,
    size: int,
    type: str,
    by: User | None = None,
) -> Upload:
    """Record a stored picture, and return its row; the same picture gets one row only."""
    existing = session.scalar(select(Upload).where(Upload.name == name))
    if existing:
        return existing
    upload = Upload(
        name=name, original=original[:300], width=width, height=height, size=size, type=type
    )
    upload.user_id = by.id if by else None
    session.add(upload)
    session.flush()
    return upload


def picture_sizes(
    session: Session, body: str, links: Mapping[str, str]
) -> dict[str, tuple[int, int]]:
    """Return width and height, in pixels, of the uploaded pictures in a text, by address.

    `links` maps the links of an imported text to addresses on this blog.
    """
    names = set(STORED.findall(" ".join((body, *links.values()))))
    rows = session.execute(
        select(Upload.name, Upload.width, Upload.height).where(Upload.name.in_(names))
    )
    return {f"/media/{name}": (width, height) for name, width, height in rows}
