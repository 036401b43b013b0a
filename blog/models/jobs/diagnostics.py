"""Facts from the database that the checks of `blog doctor` and the admin dashboard need."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, column, func, select, table
from sqlalchemy.orm import Session

from blog.loopback import is_loopback
from blog.models.base import now
from blog.models.jobs import outbox
from blog.models.jobs.lease import SCHEDULER, SPAN, Lease
from blog.models.jobs.outbox import MailState
from blog.models.posts.post import Post
from blog.models.settings import site
from blog.models.settings.site import SITE_ID, Site, SiteFacts
from blog.models.users.signin import SignIn
from blog.models.users.user import ADMIN, User


@dataclass(frozen=True)
class Diagnostics:
    """The state of the installation, as far as the database knows it.

    `born` is when the site was set up, `schema` the Alembic revision. `samples` counts published,
    unmodified sample posts. `has_clock`: some process runs the scheduler. `is_asked_by_itself`:
    all sessions come from this machine, which suggests a reverse proxy that is not configured.
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


def collect(session: Session, samples: str) -> Diagnostics:
    """Collect the facts. `samples` is the folder that the sample posts were imported from."""
    row = session.get(Site, SITE_ID)
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
    is_unmodified = Post.version == Post.source_version
    is_sample = Post.source_path.startswith(f"{folder}/", autoescape=True)
    query = select(func.count()).select_from(Post)
    return session.scalar(query.where(Post.is_live(now()), is_sample, is_unmodified)) or 0


def _is_asked_by_itself(session: Session) -> bool:
    addresses = set(session.scalars(select(SignIn.ip).where(SignIn.ip != "").distinct()))
    return bool(addresses) and all(is_loopback(ip) for ip in addresses)


def _has_clock(session: Session) -> bool:
    until = session.scalar(select(Lease.until).where(Lease.name == SCHEDULER))
    return until is not None and until > now() - SPAN
