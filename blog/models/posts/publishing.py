"""Publishing, updating, scheduling and unpublishing a post, and the trash."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.markup import RENDERER, Rendered, Size, excerpt
from blog.models.addresses.address import Address
from blog.models.audit.action import action
from blog.models.base import Base, Refusal, now
from blog.models.comments import submission
from blog.models.posts.authors import add_authors_and_tags
from blog.models.posts.editing import Conflict, is_edited, load, snapshot
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.posts.slug import activate_address
from blog.models.search import search
from blog.models.tags.tag import split
from blog.models.uploads.upload import picture_sizes
from blog.models.users.user import User


class NotPublic(Refusal):
    """A post that is neither live nor scheduled cannot be unpublished."""

    def __init__(self) -> None:
        super().__init__(N_("This post is not public."))


class Publication(Enum):
    """What `publish` has done."""

    PUBLISHED = auto()
    UPDATED = auto()
    SCHEDULED = auto()
    UNCHANGED = auto()  # readers see this text already


@dataclass(frozen=True)
class UnrenderedText:
    """The text of a working copy, and everything else that its rendering depends on.

    `links` maps link targets in the text to our addresses; `sizes` holds the width and height of
    each picture in pixels.
    """

    title: str
    body: str
    links: dict[str, str]
    sizes: dict[str, Size]


def unrendered_text(session: Session, id: int, *, by: User) -> UnrenderedText:
    """Return the text of a working copy, to be rendered before it is published.

    Raises `LookupError`.
    """
    post = load(session, id, by=by)
    sizes = picture_sizes(session, post.body, post.links)
    return UnrenderedText(post.title, post.body, post.links, sizes)


@action("post.publish")
def publish(
    session: Session,
    id: int,
    rendered: Rendered,
    version: int,
    at: datetime | None = None,
    *,
    by: User,
) -> Publication:
    """Publish the working copy now, or schedule it `at` a moment. `rendered` is of `version`.

    A post that is live or scheduled like this already stays as it is, because the same request may
    arrive several times at once. Raises `Conflict` if the post has another version by now,
    `Refusal` if it cannot be published, and `LookupError` if it does not exist or `by` may not
    edit it.
    """
    post = load(session, id, by=by, for_update=True)
    if post.version != version:
        raise Conflict(N_("Somebody else has saved this post since you opened it."))
    moment = now()
    was_live = post.is_live(moment)
    if was_live and at == post.publish_at:
        at = None  # it was scheduled, and went live while its page was open: update it
    is_unchanged = _is_published(post, at, moment)
    if not is_unchanged:
        _check_publishable(post)
        _set_moment(post, at)
        make_live(session, post, rendered, by=by)
    if at is not None:
        return Publication.SCHEDULED
    if is_unchanged:
        return Publication.UNCHANGED
    return Publication.UPDATED if was_live else Publication.PUBLISHED


def _is_published(post: Post, at: datetime | None, moment: datetime) -> bool:
    """Whether the working copy is live at this moment, or scheduled for `at` if that is given."""
    if is_edited(post):
        return False
    if at is None:
        return post.is_live(moment)
    return post.is_scheduled(moment) and post.publish_at == at


def _check_publishable(post: Post) -> None:
    """Raise `Refusal` if the post is in the trash or has no title or text."""
    if post.is_trashed():
        raise Refusal(N_("This post is in the trash. Restore it before you publish it."))
    if not post.title:
        raise Refusal(N_("A post needs a title before it can be published."), "title")
    if not post.body.strip():
        raise Refusal(N_("The text is empty, so there is nothing to publish yet."), "body")


def _set_moment(post: Post, at: datetime | None) -> None:
    """Set `publish_at`. A post that was public before keeps its date unless a new one is given."""
    moment = now()
    if at is not None and at <= moment:
        raise Refusal(N_("Choose a time in the future."), "publish_at")
    was_public = post.publish_at is not None and post.publish_at <= moment
    if was_public and at is not None:
        if post.is_live(moment):
            raise Refusal(N_("This post is already public."), "publish_at")
        post.publish_at = at
    elif not was_public:
        post.publish_at = at or moment
    post.withdraw_at = None


def make_live(
    session: Session,
    post: Post,
    rendered: Rendered,
    *,
    by: User | None,
    as_of: datetime | None = None,
) -> Revision:
    """Create a revision from the working copy, make it the live one, and index it for search.

    `as_of` is the date of the text that readers see, by default the date of publication for the
    first revision and now for later ones.
    """
    revision = snapshot(post, by)
    revision.body_html, revision.text, revision.renderer = rendered.html, rendered.text, RENDERER
    revision.outline = [list(heading) for heading in rendered.outline]
    revision.words, revision.minutes = rendered.words, rendered.minutes
    revision.excerpt = post.summary or excerpt(rendered.text)
    is_first = post.live_revision_id is None and post.publish_at is not None
    # Later than the save that it shows, even if the clock was set back: see `editing.is_edited`.
    revision.created_at = max(now(), post.updated_at)
    revision.as_of = as_of or (post.publish_at if is_first else now())  # type: ignore[assignment]  # is_first
    session.add(revision)
    session.flush()
    tag_names = split(post.tags)
    add_authors_and_tags(session, post, revision, tag_names)
    post.live_revision_id = revision.id
    session.flush()
    activate_address(session, post)
    search.index(session, post.id, title=post.title, tags=tag_names, text=search.text_of(revision))
    return revision


@action("post.unpublish")
def unpublish(session: Session, id: int, *, by: User) -> Post:
    """Hide a live post, keeping `publish_at` so that it is not announced twice.

    A scheduled post becomes a draft. Raises `NotPublic`, and `LookupError`.
    """
    post = load(session, id, by=by, for_update=True)
    moment = now()
    if post.is_scheduled(moment):
        post.publish_at = None
        post.live_revision_id = None
    elif post.is_live(moment):
        post.withdraw_at = moment
    else:
        raise NotPublic
    return post


@action("post.trash")
def trash(session: Session, id: int, *, by: User) -> Post:
    """Move a post to the trash. Raises `LookupError`."""
    post = load(session, id, by=by, for_update=True)
    post.trashed_at = post.trashed_at or now()
    return post


@action("post.restore")
def restore(session: Session, id: int, *, by: User) -> Post:
    """Restore a post from the trash as a draft or as unpublished, never as public."""
    post = load(session, id, by=by, for_update=True)
    if post.trashed_at and post.live_revision_id and post.withdraw_at is None:
        post.withdraw_at = now()
    post.trashed_at = None
    return post


@action("post.delete_permanently")
def delete_permanently(session: Session, id: int, *, by: User) -> None:
    """Delete a post in the trash, with its revisions, comments and addresses."""
    post = load(session, id, by=by, for_update=True)
    if not post.is_trashed():
        raise Refusal(N_("Only posts in the trash can be deleted permanently."))
    post.live_revision_id = post.address_id = None
    session.flush()
    search.forget(session, id)
    submission.delete_of_post(session, id)
    revisions = select(Revision.id).where(Revision.post_id == id)
    for table, condition in (
        (RevisionTag, RevisionTag.revision_id.in_(revisions)),
        (RevisionAuthor, RevisionAuthor.revision_id.in_(revisions)),
        (Revision, Revision.post_id == id),
        (PostAuthor, PostAuthor.post_id == id),
        (Address, Address.post_id == id),
    ):
        _delete(session, table, condition, id)
    session.expire(post)
    session.delete(session.get_one(Post, id))


def _delete(session: Session, table: type[Base], condition: ColumnElement[bool], id: int) -> None:
    session.execute(delete(table).where(condition), execution_options={"tags": (f"post:{id}",)})
