"""What a process with a page cache reads from the database to find out which pages are outdated."""

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

SCHEDULE_TAGS = frozenset({"posts", "site"})  # changes that can move `Invalidation.until`
EVERYTHING = None  # as `Invalidation.tags`: every cached page is outdated
SCHEMA = select(column("version_num", String)).select_from(table("alembic_version"))


@dataclass(frozen=True)
class Invalidation:
    """What changed since the last check, read from one snapshot.

    `tags` are those of every change since then, or `EVERYTHING`. `until` is the next time after
    `at` when public pages change without a write: a post is published or unpublished on schedule,
    or no longer accepts comments. `last` is the newest change of the log; `schema` is the Alembic
    revision.
    """

    site: SiteFacts = field(default_factory=SiteFacts)
    schema: str | None = None
    last: Mark | None = None
    at: datetime = field(default_factory=now)
    until: datetime | None = None
    tags: frozenset[str] | None = EVERYTHING

    def is_over(self) -> bool:
        """Whether `until` has passed, or the system clock was set back before `at`."""
        moment = now()
        return moment < self.at or (self.until is not None and self.until <= moment)


def since(session: Session, before: Invalidation) -> Invalidation:
    """Return what changed since the check `before`."""
    moment, facts, schema = now(), sites.facts(session), session.scalar(SCHEMA)
    last, tags = change_log.since(session, before.last)
    if before.is_over() or schema != before.schema:  # a migration does not log the rows it changes
        tags = EVERYTHING
    keeps_schedule = tags is not EVERYTHING and not tags & SCHEDULE_TAGS
    until = before.until if keeps_schedule else _until(session, facts.settings, moment)
    return Invalidation(facts, schema, last, moment, until, tags)


def _until(session: Session, settings: Settings, moment: datetime) -> datetime | None:
    """Return the next time after `moment` when public pages change by schedule."""
    times = [_first(session, Post.publish_at, moment), _first(session, Post.withdraw_at, moment)]
    if settings.comments_days:
        open_for = timedelta(days=settings.comments_days, microseconds=1)
        oldest = _first(session, Post.publish_at, moment - open_for)
        times.append(oldest and oldest + open_for)
    return min(filter(None, times), default=None)


def _first(
    session: Session, column: InstrumentedAttribute[datetime | None], after: datetime
) -> datetime | None:
    """Return the first value of a column of public posts after a time.

    Posts and pages are queried separately, so that an index finds each without reading more rows.
    """
    shown = Post.live_revision_id.is_not(None) & Post.trashed_at.is_(None)
    query = select(column).where(column > after, shown).order_by(column).limit(1)
    times = [session.scalar(query.where(Post.kind == kind)) for kind in (POST, PAGE)]
    return min(filter(None, times), default=None)
