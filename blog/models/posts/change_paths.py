"""Posts that are published already, moved to the pattern of new ones; old addresses lead on."""

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

PIECE = 200
LOOKED_AT, FEW = 200, 10  # for samples


@dataclass(frozen=True)
class PathChange:
    """A post that would stand elsewhere under the pattern of the settings."""

    title: str
    language: str
    before: str
    after: str


@dataclass(frozen=True)
class PathChanges:
    """How many of a piece were moved, and the id to go on `after`; 0 at the end."""

    number: int
    after: int


def samples(session: Session, *, brought: bool) -> tuple[PathChange, ...]:
    """The newest posts that a move would touch."""
    facts = site.facts(session)
    rows = session.scalars(_public(brought).order_by(Post.publish_at.desc()).limit(LOOKED_AT))
    found = (_move(post, facts) for post in rows)
    return tuple(move for move in found if move)[:FEW]


def _public(brought: bool) -> Select[Post]:
    """Posts with an address; those that brought theirs along only if they are asked for."""
    query = select(Post).options(selectinload(Post.address), selectinload(Post.live_revision))
    query = query.where(Post.kind == POST, Post.address_id.is_not(None), Post.publish_at <= now())
    return query if brought else query.where(Post.path == "")


@action("post.change_address")
def move(session: Session, after: int, *, brought: bool) -> PathChanges:
    """A piece of the posts whose ids come after one. Each old address leads on from now on."""
    facts, number = site.facts(session), 0
    posts = session.scalars(_public(brought).where(Post.id > after).order_by(Post.id).limit(PIECE))
    found = posts.all()
    for post in found:
        if _move(post, facts):
            _settle(session, post, facts)
            number += 1
    return PathChanges(number, found[-1].id if len(found) == PIECE else 0)


def _move(post: Post, facts: site.SiteFacts) -> PathChange | None:
    """Where the post stands and where it would; None if it stands there, by whatever number."""
    here = post.address.path if post.address else ""
    slugs = [_slug(post) + end for end in ("", "-page", *(f"-{n}" for n in range(2, 20)))]
    there = [path_pattern.filled(_dated(post, facts), slug) for slug in slugs]
    if address.key_of(here) in {address.key_of(path) for path in there}:
        return None
    return PathChange(post.title, post.language, here, there[0])


def _dated(post: Post, facts: site.SiteFacts) -> str:
    return path_pattern.dated(facts.settings.post_address, post.publish_at or now(), facts.timezone)


def _slug(post: Post) -> str:
    """Of what readers see; what is typed for the next time stays as it is."""
    live = post.live_revision
    return (live.slug if live else "") or post.slug or slugify(post.title)


def _settle(session: Session, post: Post, facts: site.SiteFacts) -> None:
    is_pending = bool(post.slug) and post.slug != _slug(post)
    post.pattern, post.path = _dated(post, facts), ""
    slug, place = claim_free(session, post, _slug(post))
    place.live_since = place.live_since or now()
    post.address_id = place.id
    if not is_pending:
        post.slug = slug
    session.flush()
