"""The first visit: an empty blog becomes somebody's."""

import uuid

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.settings import site
from blog.models.settings.site import THE_ONE, Site
from blog.models.users import user
from blog.models.users.user import ADMIN, User


@action("site.set_up")
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
    display_name: str = "",
) -> int:
    """Claim the blog for its first keeper, once; returns their id."""
    site.check(title=title, address=address, language=language, timezone=timezone)
    blank(session)
    row = session.get_one(Site, THE_ONE, with_for_update=True, populate_existing=True)
    if row.set_up_at:
        raise Refusal(N_("This blog has already been set up."))
    row.title, row.address, row.language = _one_line(title), address.rstrip("/"), language
    row.timezone, row.set_up_at = timezone, now()
    keeper = _admin(session, name, display_name, email, password_hash)
    return keeper.id


def _one_line(title: str) -> str:
    return " ".join(title.split())[:200]


@action("site.create")
def blank(session: Session) -> Site:
    """The site's row before anybody has said what it is; import works without set-up too."""
    row = session.get(Site, THE_ONE)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(Site(id=THE_ONE, title="inkhouse", uid=uuid.uuid4().urn))
            session.flush()
    except IntegrityError:  # another process was first
        session.expire_all()
    return session.get_one(Site, THE_ONE)


@action("user.create_admin")
def add_admin(session: Session, *, name: str, email: str, password_hash: str) -> str:
    """An admin made from a shell, which sets an empty blog up. Returns the name.

    The site keeps its first title and address until the office says better ones.
    """
    row = blank(session)
    row.set_up_at = row.set_up_at or now()
    return _admin(session, name, "", email, password_hash).name


def _admin(session: Session, name: str, display_name: str, email: str, password_hash: str) -> User:
    """Who bears a byline of that name takes it over, with all that stands under it."""
    known = session.scalar(select(User).where(User.name == name.strip().casefold()))
    if known is None:
        return user.add(
            session,
            name=name if user.NAME.match(name) else user.free_name(session, name),
            display_name=display_name or name,
            email=email,
            role=ADMIN,
            password_hash=password_hash,
        )
    if known.password_hash:
        raise Refusal(N_("This name is already in use."), "name")
    known.password_hash, known.role = password_hash, ADMIN
    user.describe(
        session,
        known.id,
        by=known,
        display_name=display_name or known.display_name,
        email=email,
        bio=known.bio,
        language=known.language,
    )
    return known
