"""How the installation stands, as far as its database knows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, column, func, select, table
from sqlalchemy.orm import Session

from blog.loopback import is_loopback
from blog.models.base import now
from blog.models.jobs import outbox
from blog.models.jobs.lease import CLOCK, SPAN, Lease
from blog.models.jobs.outbox import MailState
from blog.models.posts.post import Post
from blog.models.settings import site
from blog.models.settings.site import THE_ONE, Site, SiteFacts
from blog.models.users.signin import SignIn
from blog.models.users.user import ADMIN, User


@dataclass(frozen=True)
class Diagnostics:
    """`samples`: sample posts that readers see as they came. `has_clock`: some process keeps it.
    `is_asked_by_itself`: whoever has signed in seems to have come from this machine.
    """

    site: SiteFacts
    born: datetime | None
    schema: str
    mail: MailState
    admins: int
    admins_with_mail: int
    samples: int
    has_clock: bool
    is_asked_by_itself: bool = False


def look(session: Session, samples: str) -> Diagnostics:
    """`samples` is the folder that the sample posts came from."""
    row = session.get(Site, THE_ONE)
    admins = select(func.count()).select_from(User).where(User.role == ADMIN, User.can_sign_in)
    revision = select(column("version_num", String)).select_from(table("alembic_version"))
    return Diagnostics(
        site=site.facts(session),
        born=row.set_up_at if row else None,
        schema=str(session.scalar(revision) or ""),
        mail=outbox.state(session),
        admins=session.scalar(admins) or 0,
        admins_with_mail=session.scalar(admins.where(User.email.is_not(None))) or 0,
        samples=_samples(session, samples),
        has_clock=_has_clock(session),
        is_asked_by_itself=_is_asked_by_itself(session),
    )


def _samples(session: Session, folder: str) -> int:
    as_they_came = Post.version == Post.source_version
    ours = Post.source_path.startswith(f"{folder}/", autoescape=True)
    query = select(func.count()).select_from(Post).where(Post.is_live(now()), ours, as_they_came)
    return session.scalar(query) or 0


def _is_asked_by_itself(session: Session) -> bool:
    """What it looks like where a proxy stands in front that nobody has told of."""
    places = set(session.scalars(select(SignIn.ip).where(SignIn.ip != "").distinct()))
    return bool(places) and all(is_loopback(ip) for ip in places)


def _has_clock(session: Session) -> bool:
    until = session.scalar(select(Lease.until).where(Lease.name == CLOCK))
    return until is not None and until > now() - SPAN
