"""What a process that keeps pages has to hear of the database, in one snapshot."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import String, column, select, table
from sqlalchemy.orm import InstrumentedAttribute, Session

from blog.models.audit import change_log
from blog.models.audit.change_log import Mark
from blog.models.base import now
from blog.models.posts.post import PAGE, POST, Post
from blog.models.settings import site as sites
from blog.models.settings.settings import Settings
from blog.models.settings.site import SiteFacts

TELLING = frozenset({"posts", "site"})  # what moves the next moment
EVERYTHING = None
SCHEMA = select(column("version_num", String)).select_from(table("alembic_version"))


@dataclass(frozen=True)
class Invalidation:
    """`tags` are those of every change since the last news; None where there is too much to say.

    `until` is the next moment, seen from `at`, at which time alone changes what readers see: a post
    falls due, is withdrawn, or takes no more comments.
    """

    site: SiteFacts = field(default_factory=SiteFacts)
    schema: str | None = None
    last: Mark | None = None
    at: datetime = field(default_factory=now)
    until: datetime | None = None
    tags: frozenset[str] | None = EVERYTHING

    def is_over(self) -> bool:
        """That moment has come; or the clock was set back, and others lie ahead once more."""
        moment = now()
        return moment < self.at or (self.until is not None and self.until <= moment)


def since(session: Session, before: Invalidation) -> Invalidation:
    moment, facts, schema = now(), sites.facts(session), session.scalar(SCHEMA)
    last, tags = change_log.since(session, before.last)
    if before.is_over() or schema != before.schema:  # a migration says nothing of single rows
        tags = EVERYTHING
    stands = tags is not EVERYTHING and not tags & TELLING
    until = before.until if stands else _until(session, facts.settings, moment)
    return Invalidation(facts, schema, last, moment, until, tags)


def _until(session: Session, settings: Settings, moment: datetime) -> datetime | None:
    found = [_first(session, Post.publish_at, moment), _first(session, Post.withdraw_at, moment)]
    if settings.comments_days:
        open_for = timedelta(days=settings.comments_days, microseconds=1)
        oldest = _first(session, Post.publish_at, moment - open_for)
        found.append(oldest and oldest + open_for)
    return min(filter(None, found), default=None)


def _first(
    session: Session, column: InstrumentedAttribute[datetime | None], after: datetime
) -> datetime | None:
    """Of each kind apart, so that an index leads there at once, however many come after it."""
    shown = Post.live_revision_id.is_not(None) & Post.trashed_at.is_(None)
    query = select(column).where(column > after, shown).order_by(column).limit(1)
    found = [session.scalar(query.where(Post.kind == kind)) for kind in (POST, PAGE)]
    return min(filter(None, found), default=None)
