"""Unsubscribed email addresses, stored as hashes, and the signed keys of unsubscribe links."""

import base64
import hashlib
import hmac
from contextlib import suppress
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.models.audit.action import action
from blog.models.base import Base, now

HASH = 16  # bytes of the hash and of the signature, the two halves of a key


class Unsubscribed(Base):
    """An address that gets no more reply notices."""

    __tablename__ = "unsubscribed"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)

    unaudited = True


def hash_of(secret: bytes, address: str) -> str:
    """Return the stored hash of an address, 32 hexadecimal digits.

    It is keyed with the installation's secret, so that addresses cannot be guessed from a stolen
    database.
    """
    return _mac(secret, b"address:" + address.strip().casefold().encode()).hex()


def link_key(secret: bytes, address: str) -> str:
    """Return the key of an unsubscribe link. It is signed, so no row is needed to verify it."""
    hashed = bytes.fromhex(hash_of(secret, address))
    return base64.urlsafe_b64encode(hashed + _mac(secret, b"link:" + hashed)).decode().rstrip("=")


def read_link_key(secret: bytes, key: str) -> str:
    """Return the hash of the address in a key. Raises `LookupError` for an invalid key."""
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
    """Store that an address is unsubscribed. Does nothing if it is, even concurrently."""
    if is_unsubscribed(session, hash):
        return
    with suppress(IntegrityError), session.begin_nested():
        session.add(Unsubscribed(hash=hash))


def is_unsubscribed(session: Session, hash: str) -> bool:
    """Return whether the address with this hash is unsubscribed."""
    return session.get(Unsubscribed, hash) is not None
