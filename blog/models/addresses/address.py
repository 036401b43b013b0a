"""The table `address`: which path shows which post, or redirects where, and reserved paths."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, unquote

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column, validates

from blog.config import N_
from blog.models.base import Base, Refusal, now

LONGEST = 500
# First path segments and paths reserved since 0.5.0. A post or redirect that an older release
# created there keeps its address.
RESERVED_LATER = {
    "apple-touch-icon-precomposed.png",
    "apple-touch-icon.png",
    "feed.json",
    "rss.xml",
    "security.txt",
    "site.webmanifest",
}
PATHS_RESERVED_LATER = {"/.well-known/security.txt"}
# First path segments that have routes of their own.
RESERVED = RESERVED_LATER | {
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
# Paths that have routes of their own; others beside them, such as /.well-known/webfinger, are free.
RESERVED_PATHS = PATHS_RESERVED_LATER | {"/"}


class Address(Base):
    """A path of this site.

    It shows its post if it is that post's `address_id`; otherwise it redirects to the post, or to
    `target`. `path` is percent-decoded, and `key` is the same for all spellings of it. While
    `live_since` is empty it is only reserved, and readers get a 404.
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
    def change_tags(
        cls, session: Session, values: Mapping[str, object], changed: set[str]
    ) -> set[str]:
        """Tag the address; the list of addresses only if it is live rather than reserved."""
        tags = {f"address:{values['key']}"}
        return tags | {"addresses"} if values["live_since"] else tags

    @validates("path")
    def _compose(self, column: str, path: str) -> str:
        return composed(path)

    @property
    def href(self) -> str:
        """The path, percent-encoded for a link."""
        return href(self.path)


def composed(path: str) -> str:
    """Normalise to NFC, so that `é` is one character. File names from macOS have it as two."""
    return unicodedata.normalize("NFC", path)


def href(path: str) -> str:
    """Return the path, percent-encoded for a link."""
    return quote(path, safe="/~!$&'()*+,;=:@")


def decode(raw: str) -> str | None:
    """Return a requested path, percent-decoded once; None if it is not a valid path."""
    path = unquote(raw, errors="surrogateescape")
    if len(path) > LONGEST or not path.isprintable() or not path.startswith("/"):
        return None
    return composed(path)


def key_of(path: str) -> str:
    """Return the key that `/A/b.html`, `/a/b/` and `/a/b` share."""
    key = composed(path).casefold().rstrip("/")
    for ending in ("/index.html", "/index.htm", ".html", ".htm"):
        key = key.removesuffix(ending)
    return key.rstrip("/") or "/"


def is_reserved(path: str) -> bool:
    """Return whether a path belongs to a route of the blog itself."""
    key = key_of(path)
    return key.split("/")[1] in RESERVED or key in RESERVED_PATHS


def was_free(path: str) -> bool:
    """Return whether a post or redirect of an older release may have this reserved path."""
    key = key_of(path)
    return key.split("/")[1] in RESERVED_LATER or key in PATHS_RESERVED_LATER


def find(session: Session, path: str) -> Address | None:
    """Return the address with this path in any spelling."""
    return session.scalar(select(Address).where(Address.key == key_of(path)))


def claim(session: Session, path: str, post_id: int) -> Address:
    """Return the address of a post, reserving it if new. Raises `Refusal` if invalid or taken.

    A post keeps an address that it had before a release reserved it for the blog.
    """
    _refuse_invalid(path)
    known = find(session, path)
    if known is None:
        _refuse_reserved(path)
        known = _reserve(session, path, post_id)
    if known.post_id != post_id:
        raise Refusal(N_("The address %(path)s is already in use."), "slug", path=path)
    if not known.live_since:
        known.path = path
    return known


def _refuse_invalid(path: str) -> None:
    if len(path) > LONGEST or not path.isprintable() or "//" in path or "?" in path or "#" in path:
        raise Refusal(N_("This is not a valid address."), "slug")


def _refuse_reserved(path: str) -> None:
    if is_reserved(path):
        raise Refusal(
            N_("The address %(path)s is reserved for the blog itself."), "slug", path=path
        )


def _reserve(session: Session, path: str, post_id: int) -> Address:
    """Insert the address; if another transaction was faster, return the row it inserted."""
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


def add_redirect(
    session: Session, path: str, *, post_id: int | None = None, target: str = ""
) -> bool:
    """Add a redirect from `path`, to a post or to `target`, live at once.

    Returns whether it exists now; False if the path is reserved, too long or used otherwise.
    """
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
