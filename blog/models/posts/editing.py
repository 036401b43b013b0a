"""Editing a post: starting a draft and saving its working copy, which readers do not see."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

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
LEFT_AFTER = timedelta(hours=1)
EDITABLE_FIELDS = (
    *("title", "slug", "path", "summary", "body", "tags", "cover", "language"),
    *("is_listed", "takes_comments"),
)


@dataclass
class WorkingCopy:
    """What the edit form says of a post. `version` is the one that it was filled from."""

    title: str = ""
    slug: str = ""
    summary: str = ""
    body: str = ""
    tags: str = ""
    cover: str = ""
    language: str = "en"
    is_listed: bool = True
    version: int = 1
    # The version of somebody else's that its writer has seen and means to replace.
    over: int = 0
    authors: list[int] | None = None  # as they are
    takes_comments: bool | None = None  # as it is


class Conflict(Refusal):
    """Somebody else saved in between; nothing was overwritten."""


def load(session: Session, id: int, *, by: User) -> Post:
    """The post with its people and address, if `by` may touch it. Raises `LookupError`."""
    query = (
        select(Post)
        .where(Post.id == id, Post.editable_by(by))
        .options(
            selectinload(Post.author_links).selectinload(PostAuthor.user),
            selectinload(Post.address),
            selectinload(Post.live_revision).selectinload(Revision.author_links),
        )
    )
    post = session.scalar(query.with_for_update(of=Post) if session.info.get("action") else query)
    if post is None:
        raise LookupError(id)
    return post


@action("post.start")
def start(session: Session, kind: str, language: str, *, by: User) -> int:
    """An empty draft of one's own; one that was left empty before, where there is such."""
    kind = PAGE if kind == PAGE else POST
    if (left := session.scalar(_untouched(kind, by))) is not None:
        return left
    post = Post(kind=kind, language=language, takes_comments=kind == POST)
    session.add(post)
    session.flush()
    session.add(PostAuthor(post_id=post.id, user_id=by.id))
    return post.id


def _untouched(kind: str, by: User) -> Select[int]:
    """Drafts of one's own, begun a while ago, in which nobody has typed anything."""
    mine = Post.author_links.any(PostAuthor.user_id == by.id)
    empty = (Post.version == 1) & (Post.title == "") & (Post.body == "") & ~Post.is_trashed()
    return select(Post.id).where(
        Post.kind == kind, mine, empty, Post.created_at < now() - LEFT_AFTER
    )


@action("post.save")
def save(session: Session, id: int, copy: WorkingCopy, *, by: User) -> int:
    """Save the working copy; no public byte changes. Returns the new version.

    Sent twice it is saved once. What stood there before is kept as a revision, at most every ten
    minutes, and always where somebody else's is replaced.
    """
    post = load(session, id, by=by)
    copy = _in_its_language(post, copy)
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


def _in_its_language(post: Post, copy: WorkingCopy) -> WorkingCopy:
    """The first words tell the language, unless the writer has chosen one."""
    if post.title or post.body or copy.language != post.language:
        return copy
    return replace(copy, language=language_of(copy.title, copy.body) or copy.language)


def _typed(post: Post) -> tuple[Any, ...]:
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
    """The working copy before it is typed over, of the moment it was saved; not stored yet."""
    earlier = snapshot(post, None)
    earlier.created_at = post.updated_at
    return earlier


def snapshot(post: Post, by: User | None) -> Revision:
    """The working copy as a revision that is not stored yet."""
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
