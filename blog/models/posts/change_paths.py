"""Moving published posts to the current address pattern, with redirects from the old addresses."""

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from blog.markup import slugify
from blog.models.addresses import address
from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts import path_pattern
from blog.models.posts.post import POST, Post
from blog.models.posts.slug import claim_free
from blog.models.settings import site

BATCH_SIZE = 200
MAX_EXAMINED, MAX_SAMPLES = 200, 10  # posts that `samples` reads and returns


@dataclass(frozen=True)
class PathChange:
    """A post whose address would change under the pattern of the settings."""

    title: str
    language: str
    before: str
    after: str


@dataclass(frozen=True)
class PathChanges:
    """The number of posts changed in a batch, and the id to continue `after`; 0 at the end."""

    number: int
    after: int


def samples(session: Session, *, brought: bool) -> tuple[PathChange, ...]:
    """Return up to ten of the newest posts whose addresses would change.

    `brought`: include posts that were imported with an address of their own.
    """
    facts = site.facts(session)
    rows = session.scalars(_published(brought).order_by(Post.publish_at.desc()).limit(MAX_EXAMINED))
    changes = (_change_of(post, facts) for post in rows)
    return tuple(change for change in changes if change)[:MAX_SAMPLES]


def _published(brought: bool) -> Select[Post]:
    """Return a query for public posts; without `brought`, not those with a path of their own."""
    query = select(Post).options(selectinload(Post.address), selectinload(Post.live_revision))
    query = query.where(Post.kind == POST, Post.address_id.is_not(None), Post.publish_at <= now())
    return query if brought else query.where(Post.path == "")


@action("post.change_address")
def change_batch(session: Session, after: int, *, brought: bool) -> PathChanges:
    """Change the addresses of up to 200 posts with ids above `after`; old addresses redirect.

    `brought`: include posts that were imported with an address of their own.
    """
    facts, number = site.facts(session), 0
    batch = _published(brought).where(Post.id > after).order_by(Post.id).limit(BATCH_SIZE)
    posts = session.scalars(batch).all()
    for post in posts:
        if _change_of(post, facts):
            _change_path(session, post, facts)
            number += 1
    return PathChanges(number, posts[-1].id if len(posts) == BATCH_SIZE else 0)


def _change_of(post: Post, facts: site.SiteFacts) -> PathChange | None:
    """Return the old and new path; None if the post follows the pattern, with any number added."""
    current = post.address.path if post.address else ""
    slugs = [_slug(post) + end for end in ("", "-page", *(f"-{n}" for n in range(2, 20)))]
    possible = [path_pattern.filled(_dated_pattern(post, facts), slug) for slug in slugs]
    if address.key_of(current) in {address.key_of(path) for path in possible}:
        return None
    return PathChange(post.title, post.language, current, possible[0])


def _dated_pattern(post: Post, facts: site.SiteFacts) -> str:
    return path_pattern.dated(facts.settings.post_address, post.publish_at or now(), facts.timezone)


def _slug(post: Post) -> str:
    """Return the slug of the live revision; that of the working copy is for the next update."""
    live = post.live_revision
    return (live.slug if live else "") or post.slug or slugify(post.title)


def _change_path(session: Session, post: Post, facts: site.SiteFacts) -> None:
    is_slug_pending = bool(post.slug) and post.slug != _slug(post)
    post.pattern, post.path = _dated_pattern(post, facts), ""
    slug, claimed = claim_free(session, post, _slug(post))
    claimed.live_since = claimed.live_since or now()
    post.address_id = claimed.id
    if not is_slug_pending:
        post.slug = slug
    session.flush()
