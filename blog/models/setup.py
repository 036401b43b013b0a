"""The first visit: an empty blog becomes somebody's."""

import uuid

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models import site, user
from blog.models.base import Refusal, now
from blog.models.site import THE_ONE, Site
from blog.models.user import ADMIN, User


def is_set_up(session: Session) -> bool:
    return site.facts(session).set_up


def set_up(
    session: Session,
    *,
    title: str,
    address: str,
    language: str,
    timezone: str,
    name: str,
    email: str,
    password_hash: str,
) -> int:
    """Claim the blog for its first keeper, once; returns their id."""
    row = session.get(Site, THE_ONE, with_for_update=True)
    if row and row.set_up_at:
        raise Refusal(N_("This blog has been set up already."))
    site.check(title=title, address=address, language=language, timezone=timezone)
    row = row or blank(session)
    row.title, row.address, row.language = title.strip()[:200], address.rstrip("/"), language
    row.timezone, row.set_up_at = timezone, now()
    keeper = user.add(
        session,
        name=user.free_name(session, name),
        display_name=name,
        email=email,
        role=ADMIN,
        password_hash=password_hash,
    )
    return keeper.id


def blank(session: Session) -> Site:
    """The site's row before anybody has said what it is; import works without set-up too."""
    row = session.get(Site, THE_ONE)
    if row is None:
        row = Site(id=THE_ONE, title="inkhouse", uid=uuid.uuid4().urn)
        session.add(row)
        session.flush()
    return row


def add_admin(session: Session, *, name: str, email: str, password_hash: str) -> str:
    """An admin made from a shell; a byline of that name becomes theirs. Returns the name."""
    known = session.scalar(select(User).where(User.name == name))
    if known is not None:
        if known.password_hash:
            raise Refusal(N_("Somebody has this name already."), "name")
        known.password_hash, known.role, known.email = password_hash, ADMIN, email or None
        return known.name
    return user.add(
        session,
        name=user.free_name(session, name),
        display_name=name,
        email=email,
        role=ADMIN,
        password_hash=password_hash,
    ).name


def count_people(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(User)) or 0
