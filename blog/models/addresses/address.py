"""Which address shows or leads to what: one table, so that no link ever breaks."""

import unicodedata
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, validates

from blog.config import N_
from blog.models.base import Base, Refusal, now

LONGEST = 500
# First segments that the rooms answer themselves.
RESERVED = {
    "admin",
    "archive",
    "atom.xml",
    "authors",
    "comments",
    "control-panel",
    "docs",
    "favicon.ico",
    "favicon.svg",
    "feed",
    "feed.atom",
    "feed.xml",
    "forgotten",
    "health",
    "index.xml",
    "invitation",
    "look",
    "media",
    "page",
    "preview",
    "reset",
    "robots.txt",
    "rss",
    "search",
    "set-up",
    "sign-in",
    "sign-out",
    "sitemap.xml",
    "static",
    "tags",
    "unsubscribe",
}


class Address(Base):
    """A path of ours. It shows its post if it is the post's own, else it leads there.

    `path` is percent-decoded; `key` is what all spellings of it share.
    Until `live_since` it is only reserved, and readers get a 404.
    """

    __tablename__ = "address"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(String(LONGEST))
    key: Mapped[str] = mapped_column(String(LONGEST * 2), unique=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"), index=True)
    target: Mapped[str] = mapped_column(String(1000), default="")
    live_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        """One that is only reserved leads nobody anywhere yet."""
        tags = {f"address:{values['key']}"}
        return tags | {"addresses"} if values["live_since"] else tags

    @validates("path")
    def _compose(self, column: str, path: str) -> str:
        return composed(path)

    @property
    def href(self) -> str:
        return href(self.path)


def composed(path: str) -> str:
    """With `é` as one character, however it was typed: in the names of a Mac's files it is two."""
    return unicodedata.normalize("NFC", path)


def href(path: str) -> str:
    """The path as it stands in a link."""
    return quote(path, safe="/~!$&'()*+,;=:@")


def decode(raw: str) -> str | None:
    """A requested path, percent-decoded once; None where it is nonsense."""
    path = unquote(raw, errors="surrogateescape")
    if len(path) > LONGEST or not path.isprintable() or not path.startswith("/"):
        return None
    return composed(path)


def key_of(path: str) -> str:
    """What `/A/b.html`, `/a/b/` and `/a/b` share."""
    key = composed(path).casefold().rstrip("/")
    for ending in ("/index.html", "/index.htm", ".html", ".htm"):
        key = key.removesuffix(ending)
    return key.rstrip("/") or "/"


def is_reserved(path: str) -> bool:
    return key_of(path).split("/")[1] in RESERVED or key_of(path) == "/"


def find(session: Session, path: str) -> Address | None:
    return session.scalar(select(Address).where(Address.key == key_of(path)))


def claim(session: Session, path: str, post_id: int) -> Address:
    """The address for a post, reserved if it is new. Raises `Refusal` if it is another's."""
    _refuse_unusable(path)
    known = find(session, path)
    if known is None:
        known = _reserve(session, path, post_id)
    if known.post_id != post_id:
        raise Refusal(N_("The address %(path)s is already in use."), "slug", path=path)
    if not known.live_since:
        known.path = path
    return known


def _refuse_unusable(path: str) -> None:
    if len(path) > LONGEST or not path.isprintable() or "//" in path or "?" in path or "#" in path:
        raise Refusal(N_("This is not a valid address."), "slug")
    if is_reserved(path):
        raise Refusal(
            N_("The address %(path)s is reserved for the blog itself."), "slug", path=path
        )


def _reserve(session: Session, path: str, post_id: int) -> Address:
    """Whoever inserts first has it; the other finds the row."""
    try:
        with session.begin_nested():
            address = Address(path=path, key=key_of(path), post_id=post_id)
            session.add(address)
            session.flush()
        return address
    except IntegrityError:
        taken = find(session, path)
        if taken is None:
            raise
        return taken


def lead(session: Session, path: str, *, post_id: int | None = None, target: str = "") -> bool:
    """A redirect from `path`, live at once. False if the address is taken."""
    if is_reserved(path) or len(path) > LONGEST:
        return False
    known = find(session, path)
    if known:
        return known.post_id == post_id and known.target == target
    session.add(
        Address(path=path, key=key_of(path), post_id=post_id, target=target, live_since=now())
    )
    session.flush()
    return True
