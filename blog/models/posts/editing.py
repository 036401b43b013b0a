"""Editing a post: loading it, starting a draft, and saving its working copy.

Readers see nothing of this until the post is published: see `publishing`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from blog.config import LANGUAGES, N_
from blog.markup import language_of
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.posts.authors import set_authors
from blog.models.posts.post import PAGE, POST, Post, PostAuthor
from blog.models.posts.revision import Revision, keep_earlier
from blog.models.posts.slug import set_slug
from blog.models.settings.site import is_target
from blog.models.tags.tag import split
from blog.models.users.user import User

LONGEST_BODY = 500_000
REUSE_AFTER = timedelta(hours=1)
EDITABLE_FIELDS = (
    *("title", "slug", "path", "summary", "body", "tags", "cover", "language"),
    *("is_listed", "takes_comments"),
)


@dataclass
class WorkingCopy:
    """The contents of the edit form. `version` is the version the form was loaded with."""

    title: str = ""
    slug: str = ""
    summary: str = ""
    body: str = ""
    tags: str = ""
    cover: str = ""
    language: str = "en"
    is_listed: bool = True
    version: int = 1
    # A newer version by somebody else that the writer has seen and decided to overwrite.
    over: int = 0
    authors: list[int] | None = None  # None keeps them
    takes_comments: bool | None = None  # None keeps it


class Conflict(Refusal):
    """Somebody else saved the post after it was loaded. Nothing was overwritten."""


def load(session: Session, id: int, *, by: User, for_update: bool = False) -> Post:
    """Return the post with its authors, address and live revision.

    `for_update` locks the row until the transaction ends. Raises `LookupError` if it does not exist
    or `by` may not edit it.
    """
    query = (
        select(Post)
        .where(Post.id == id, Post.editable_by(by))
        .options(
            selectinload(Post.author_links).selectinload(PostAuthor.user),
            selectinload(Post.address),
            selectinload(Post.live_revision).selectinload(Revision.author_links),
        )
    )
    post = session.scalar(query.with_for_update(of=Post) if for_update else query)
    if post is None:
        raise LookupError(id)
    return post


@action("post.start")
def start(session: Session, kind: str, language: str, *, by: User) -> int:
    """Return the id of an empty draft by this author: an old untouched one, or a new one."""
    kind = PAGE if kind == PAGE else POST
    untouched_id = session.scalar(_untouched(kind, by))
    if untouched_id is not None:
        return untouched_id
    post = Post(kind=kind, language=language, takes_comments=kind == POST)
    session.add(post)
    session.flush()
    session.add(PostAuthor(post_id=post.id, user_id=by.id))
    return post.id


def _untouched(kind: str, by: User) -> Select[int]:
    """Return a query for drafts by this author, over an hour old, that nobody has typed into."""
    is_own = Post.author_links.any(PostAuthor.user_id == by.id)
    is_empty = (Post.version == 1) & (Post.title == "") & (Post.body == "") & ~Post.is_trashed()
    return select(Post.id).where(
        Post.kind == kind, is_own, is_empty, Post.created_at < now() - REUSE_AFTER
    )


@action("post.save")
def save(session: Session, id: int, copy: WorkingCopy, *, by: User) -> int:
    """Save the working copy, which changes nothing public. Returns the new version.

    Saving the same contents twice creates one version. The replaced copy is kept as a revision:
    at most one every ten minutes, but always if it was somebody else's. Raises `Conflict` if
    somebody else saved in between, and `Refusal` for invalid contents.
    """
    post = load(session, id, by=by, for_update=True)
    copy = _with_detected_language(post, copy)
    before, earlier = _typed(post), earlier_copy(post)
    _check(copy, post)
    _write(session, post, copy)
    if not set_authors(session, post, copy.authors, by) and _typed(post) == before:
        return post.version
    if post.version not in (copy.version, copy.over):
        raise Conflict(N_("Somebody else has saved this post since you opened it."))
    moment = now()
    keep_earlier(session, earlier, moment, at_once=post.version != copy.version)
    post.version, post.updated_at = post.version + 1, moment
    return post.version


def _with_detected_language(post: Post, copy: WorkingCopy) -> WorkingCopy:
    """Detect the language from the first text, unless the writer has chosen one."""
    if post.title or post.body or copy.language != post.language:
        return copy
    return replace(copy, language=language_of(copy.title, copy.body) or copy.language)


def _typed(post: Post) -> tuple[object, ...]:
    """Return the values of all fields that the edit form changes."""
    return tuple(getattr(post, name) for name in EDITABLE_FIELDS)


def _check(copy: WorkingCopy, post: Post) -> None:
    if len(copy.body) > LONGEST_BODY:
        raise Refusal(N_("The text is longer than 500,000 characters."), "body")
    if copy.language not in LANGUAGES:
        raise Refusal(N_("Choose one of the languages."), "language")
    for name, longest in (("title", 300), ("slug", 200), ("summary", 2000), ("cover", 1000)):
        if len(getattr(copy, name)) > longest:
            raise Refusal(N_("This is longer than %(number)s characters."), name, number=longest)
    if copy.cover.strip() not in ("", post.cover) and not is_target(copy.cover.strip()):
        raise Refusal(N_("Enter the address of a picture, or leave this empty."), "cover")


def _write(session: Session, post: Post, copy: WorkingCopy) -> None:
    post.title, post.summary, post.body = copy.title.strip(), copy.summary.strip(), copy.body
    post.tags, post.cover = ", ".join(split(copy.tags)), copy.cover.strip()
    post.language, post.is_listed = copy.language, copy.is_listed
    if copy.takes_comments is not None:
        post.takes_comments = copy.takes_comments
    set_slug(session, post, copy.slug.strip())


def earlier_copy(post: Post) -> Revision:
    """Return the working copy as an unsaved revision, dated to when the copy was saved."""
    earlier = snapshot(post, None)
    earlier.created_at = post.updated_at
    return earlier


def snapshot(post: Post, by: User | None) -> Revision:
    """Return the working copy as an unsaved revision."""
    return Revision(
        post_id=post.id,
        title=post.title,
        slug=post.slug,
        summary=post.summary,
        body=post.body,
        language=post.language,
        cover=post.cover,
        is_listed=post.is_listed,
        takes_comments=post.takes_comments,
        created_by=by.id if by else None,
    )
