"""Editing a post: loading it, starting a draft, and saving its working copy.

Readers see nothing of this until the post is published: see `publishing`.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from blog.config import N_
from blog.markup import language_of
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.posts.authors import set_authors
from blog.models.posts.content import FIELDS, ContentField, Value, Values, values_of
from blog.models.posts.post import PAGE, POST, Post, PostAuthor
from blog.models.posts.revision import Revision, keep_earlier
from blog.models.posts.slug import set_slug
from blog.models.settings.site import is_target
from blog.models.tags.tag import split
from blog.models.users.user import User

REUSE_AFTER = timedelta(hours=1)
COMPARED = (*FIELDS, "path")


class WorkingCopy:
    """What an author submits: `WorkingCopy(title="Tea", version=3)`.

    `content` holds the values of content fields by name; fields that are missing keep theirs.
    `version` is the version that the author has edited, and `over` a newer one by somebody else
    that the author has seen and decided to overwrite. `authors` are ids; None keeps the authors.
    """

    def __init__(
        self,
        *,
        version: int = 1,
        over: int = 0,
        authors: list[int] | None = None,
        **content: Value,
    ) -> None:
        if unknown := content.keys() - FIELDS.keys():
            raise TypeError(f"a post has no field {unknown}")
        self.content: Values = content
        self.version, self.over, self.authors = version, over, authors

    def text(self, name: str) -> str:
        """Return the text of a field, or "" if it is missing."""
        return str(self.content.get(name, ""))


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


def is_edited(post: Post) -> bool:
    """Return whether the working copy was saved after the live revision was created."""
    return post.live_revision is not None and post.updated_at > post.live_revision.created_at


def save_time(post: Post) -> datetime:
    """Return the time of a save: now, but in any case after the live revision was created.

    `is_edited` compares the two times, and the clock may have been set back between them.
    """
    if post.live_revision is None:
        return now()
    return max(now(), post.live_revision.created_at + timedelta(microseconds=1))


def may_edit(session: Session, id: int, user: User) -> bool:
    """Return whether the user may edit the post."""
    return session.scalar(select(Post.id).where(Post.id == id, Post.editable_by(user))) is not None


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
    _detect_language(post, copy)
    before, earlier = _typed(post), earlier_copy(post)
    _check(copy, post)
    _write(session, post, copy)
    if not set_authors(session, post, copy.authors, by) and _typed(post) == before:
        return post.version
    if post.version not in (copy.version, copy.over):
        raise Conflict(N_("Somebody else has saved this post since you opened it."))
    moment = save_time(post)
    keep_earlier(session, earlier, moment, at_once=post.version != copy.version)
    post.version, post.updated_at = post.version + 1, moment
    return post.version


def _detect_language(post: Post, copy: WorkingCopy) -> None:
    """Detect the language from the first text, unless the writer has chosen one.

    A form that is sent twice at once comes back as the first text, whose language is known by then.
    """
    is_chosen = copy.content.get("language", post.language) != post.language
    is_first = not (post.title or post.body) and not is_chosen
    if not is_first and not _is_first_text_again(post, copy):
        return
    if language := language_of(copy.text("title"), copy.text("body")):
        copy.content["language"] = language


def _is_first_text_again(post: Post, copy: WorkingCopy) -> bool:
    """Whether an older version of the form brings the very text that the post has got since."""
    is_older = copy.version < post.version and not copy.over
    return is_older and (copy.text("title").strip(), copy.text("body")) == (post.title, post.body)


def _typed(post: Post) -> tuple[object, ...]:
    """Return the values of all fields that the edit form changes."""
    return tuple(getattr(post, name) for name in COMPARED)


def _check(copy: WorkingCopy, post: Post) -> None:
    for name, value in copy.content.items():
        field = FIELDS[name]
        if field.choices and value not in field.choices:
            raise Refusal(N_("Choose one of these."), name)
        if isinstance(value, str) and len(value) > field.longest:
            message = N_("This is longer than %(number)s characters.")
            raise Refusal(message, name, number=field.longest)
    cover = copy.text("cover").strip()
    if cover not in ("", post.cover) and not is_target(cover):
        raise Refusal(N_("Enter the address of a picture, or leave this empty."), "cover")


def _write(session: Session, post: Post, copy: WorkingCopy) -> None:
    for name, value in copy.content.items():
        if name == "slug":
            continue  # set last: an empty one is made from the title
        if name == "tags":
            value = ", ".join(split(str(value)))
        elif isinstance(value, str) and name != "body":  # in the body, every space counts
            value = value.strip()
        if value and not getattr(post, name):
            _forget_kept(post, FIELDS[name])
        setattr(post, name, value)
    set_slug(session, post, copy.text("slug").strip())


def _forget_kept(post: Post, field: ContentField) -> None:
    """Forget the value of an imported front matter that the author's own now takes the place of.

    An import by an earlier release kept it, because the field did not exist.
    """
    if key := field.key_in(post.extra):
        post.extra = {name: value for name, value in post.extra.items() if name != key}


def earlier_copy(post: Post) -> Revision:
    """Return the working copy as an unsaved revision, dated to when the copy was saved."""
    earlier = snapshot(post, None)
    earlier.created_at = post.updated_at
    return earlier


def snapshot(post: Post, by: User | None) -> Revision:
    """Return the working copy as an unsaved revision."""
    return Revision(post_id=post.id, created_by=by.id if by else None, **values_of(post))
