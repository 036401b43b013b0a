"""First-run setup: creates the site's row and the first admin account."""

import uuid

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.settings import site
from blog.models.settings.site import SITE_ID, Site
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
    """Set up the site with its first admin and return the admin's id.

    Raises `Refusal` if it has been set up before, or for an invalid value.
    """
    site.check(title=title, address=address, language=language, timezone=timezone)
    get_or_create_site(session)
    row = session.get_one(Site, SITE_ID, with_for_update=True, populate_existing=True)
    if row.set_up_at:
        raise Refusal(N_("This blog has already been set up."))
    row.title, row.address, row.language = _one_line(title), address.rstrip("/"), language
    row.timezone, row.set_up_at = timezone, now()
    admin = _admin(session, name, display_name, email, password_hash)
    return admin.id


def _one_line(title: str) -> str:
    return " ".join(title.split())[:200]


@action("site.create")
def get_or_create_site(session: Session) -> Site:
    """Return the site's row, creating it with default values if necessary.

    An import may need it before the site is set up.
    """
    row = session.get(Site, SITE_ID)
    if row is not None:
        return row
    try:
        with session.begin_nested():
            session.add(Site(id=SITE_ID, title="inkhouse", uid=uuid.uuid4().urn))
            session.flush()
    except IntegrityError:  # another process has created it
        session.expire_all()
    return session.get_one(Site, SITE_ID)


@action("user.create_admin")
def add_admin(session: Session, *, name: str, email: str, password_hash: str) -> str:
    """Create an admin from the command line, which counts as setup. Returns the login name.

    The site keeps the default title and address until they are changed in the admin area.
    """
    row = get_or_create_site(session)
    row.set_up_at = row.set_up_at or now()
    return _admin(session, name, "", email, password_hash).name


def _admin(session: Session, name: str, display_name: str, email: str, password_hash: str) -> User:
    """Create an admin; a byline with this name becomes the account and keeps its posts.

    Raises `Refusal` if an account has this name.
    """
    byline = session.scalar(select(User).where(User.name == name.strip().casefold()))
    if byline is None:
        return user.create_user(
            session,
            name=name if user.NAME.match(name) else user.free_name(session, name),
            display_name=display_name or name,
            email=email,
            role=ADMIN,
            password_hash=password_hash,
        )
    if byline.password_hash:
        raise Refusal(N_("This name is already in use."), "name")
    byline.password_hash, byline.role = password_hash, ADMIN
    user.edit_profile(
        session,
        byline.id,
        by=byline,
        display_name=display_name or byline.display_name,
        email=email,
        bio=byline.bio,
        language=byline.language,
    )
    return byline
