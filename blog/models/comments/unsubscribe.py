"""Who wants no more mail of the kind that can be stopped. Kept is only the hash of an address."""

import base64
import hashlib
import hmac
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now

HASH = 16  # bytes; both halves of a key


class Unsubscribed(Base):
    """An address that is sent no more answers."""

    __tablename__ = "unsubscribed"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)

    unaudited = True

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return set()


def hash_of(secret: bytes, address: str) -> str:
    """Keyed with the installation's secret: nobody can try addresses on a stolen database."""
    return _mac(secret, b"address:" + address.strip().casefold().encode()).hex()


def key(secret: bytes, address: str) -> str:
    """What the link in a mail ends in. It needs no row: it proves itself."""
    hashed = bytes.fromhex(hash_of(secret, address))
    return base64.urlsafe_b64encode(hashed + _mac(secret, b"link:" + hashed)).decode().rstrip("=")


def read_key(secret: bytes, key: str) -> str:
    """The hash of the address that the key was made for. Raises `LookupError`."""
    try:
        raw = base64.urlsafe_b64decode(key.encode() + b"=" * (-len(key) % 4))
    except ValueError as error:
        raise LookupError(key) from error
    hashed, mac = raw[:HASH], raw[HASH:]
    if not hmac.compare_digest(mac, _mac(secret, b"link:" + hashed)):
        raise LookupError(key)
    return hashed.hex()


def _mac(secret: bytes, text: bytes) -> bytes:
    return hmac.new(secret, b"unsubscribe:" + text, hashlib.sha256).digest()[:HASH]


@action("mail.unsubscribe")
def unsubscribe(session: Session, hash: str) -> None:
    """Once is enough; a second press, even at the same moment, changes nothing."""
    if is_unsubscribed(session, hash):
        return
    with suppress(IntegrityError), session.begin_nested():
        session.add(Unsubscribed(hash=hash))


def is_unsubscribed(session: Session, hash: str) -> bool:
    return session.get(Unsubscribed, hash) is not None
