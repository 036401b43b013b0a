"""Writes imported posts with their authors, pictures and addresses to the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from blog.markup import Rendered
from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.posts import path_pattern, publishing
from blog.models.posts.content import FIELDS, Values
from blog.models.posts.post import PAGE, Post, PostAuthor
from blog.models.settings import site
from blog.models.tags import tag
from blog.models.uploads import upload
from blog.models.users import user
from blog.models.users.user import AUTHOR, User


@dataclass(frozen=True)
class KnownPost:
    """A post of this blog. `hash` is the fingerprint of the imported file, if it was imported.

    `was_edited` means that it was edited on this blog since the last import.
    """

    id: int
    uid: str
    hash: str
    path: str
    links: dict[str, str]
    was_edited: bool
    is_trashed: bool


@dataclass(frozen=True)
class NewUpload:
    """A picture that has been stored in the media folder. Width and height are pixels."""

    name: str
    original: str
    width: int
    height: int
    size: int
    type: str


@dataclass(frozen=True)
class ImportedPost:
    """A post to write. Times are aware.

    `content` has a value for each content field except the tags. Without `rendered` the post
    becomes a draft. `id` is the post to replace; None adds a new post.
    `old_paths` become redirects to `address`, and `links` maps targets in the text to addresses.
    """

    kind: str
    content: Values
    address: str
    tags: Sequence[str]
    authors: Sequence[str]
    date: datetime | None
    fallback_date: datetime
    updated: datetime | None
    uid: str
    source_path: str
    source_hash: str
    rendered: Rendered | None
    id: int | None = None
    old_paths: Sequence[str] = ()
    links: dict[str, str] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)
    uploads: Sequence[NewUpload] = ()
    is_withdrawn: bool = False


def known_posts(session: Session) -> dict[str, KnownPost]:
    """Return every post, by the path of its source file, or by its uid if it has no file."""
    source = (Post.source_path, Post.source_hash, Post.source_version)
    rows = session.execute(
        select(
            Post.id, Post.uid, Post.version, Post.trashed_at, Post.links, *source, Address.path
        ).outerjoin(Address, Address.id == Post.address_id)
    )
    return {
        row.source_path or row.uid: KnownPost(
            id=row.id,
            uid=row.uid,
            hash=row.source_hash,
            path=row.path or "",
            links=row.links,
            was_edited=row.version != row.source_version,
            is_trashed=row.trashed_at is not None,
        )
        for row in rows
    }


def address_keys(session: Session) -> dict[str, int | None]:
    """Return the id of the post, if any, of every used address, by the key of the address."""
    rows = session.execute(select(Address.key, Address.post_id))
    return {row.key: row.post_id for row in rows}


@action("post.import")
def import_post(session: Session, posts: Sequence[ImportedPost]) -> list[Refusal | None]:
    """Write several posts. Returns the `Refusal` of each one, or None if it was written."""
    return [_try_to_write(session, imported) for imported in posts]


def _try_to_write(session: Session, imported: ImportedPost) -> Refusal | None:
    try:
        with session.begin_nested():
            _write(session, imported)
    except Refusal as reason:
        return reason
    return None


def _write(session: Session, imported: ImportedPost) -> None:
    post = _load(session, imported.id) if imported.id else _add(session, imported)
    has_default_pattern = site.facts(session).settings.post_address == path_pattern.DEFAULT_PATTERN
    _set_columns(post, imported, has_default_pattern=has_default_pattern)
    _set_authors(session, post, imported.authors)
    for picture in imported.uploads:
        upload.record_upload(session, **vars(picture))
    if imported.rendered is None:
        _make_draft(session, post, imported)
    else:
        _publish(session, post, imported, imported.rendered, is_new=not imported.id)
    if imported.is_withdrawn:
        post.withdraw_at = now()
    for path in imported.old_paths:
        address.add_redirect(session, path, post_id=post.id)


def _add(session: Session, imported: ImportedPost) -> Post:
    """Add an empty post, with the imported uid unless another post has it."""
    post = Post(kind=imported.kind, language=imported.content["language"], version=0)
    post.takes_comments = imported.kind != PAGE
    if imported.uid and not session.scalar(select(Post.id).where(Post.uid == imported.uid)):
        post.uid = imported.uid
    session.add(post)
    session.flush()
    return post


def _load(session: Session, id: int) -> Post:
    query = select(Post).where(Post.id == id).options(selectinload(Post.author_links))
    return session.scalars(query.with_for_update(of=Post)).one()


def _set_columns(post: Post, imported: ImportedPost, *, has_default_pattern: bool) -> None:
    """Set the columns of the working copy.

    `path` stays empty if the address is the one that this blog gives to a post with this slug.
    `has_default_pattern` means that the address pattern of posts has not been changed.
    """
    for name, value in imported.content.items():
        setattr(post, name, FIELDS[name].shortened(value))
    parent, _, last = imported.address.rpartition("/")
    is_page_path = post.kind == PAGE and parent == ""
    is_post_path = post.kind != PAGE and parent == "/posts" and has_default_pattern
    if last and (is_page_path or is_post_path):
        post.path, post.slug = "", last
    else:
        post.path = imported.address
    post.tags = ", ".join(tag.split(", ".join(name.replace(",", " ") for name in imported.tags)))
    post.links, post.extra = imported.links, imported.extra
    post.source_path, post.source_hash = imported.source_path, imported.source_hash
    post.version, post.updated_at = post.version + 1, now()
    post.source_version = post.version


def _set_authors(session: Session, post: Post, names: Sequence[str]) -> None:
    """Set the authors in this order, and create bylines for unknown names."""
    user_ids = list(dict.fromkeys(byline(session, name).id for name in names))
    links = session.scalars(
        select(PostAuthor).where(PostAuthor.post_id == post.id).order_by(PostAuthor.position)
    ).all()
    if [link.user_id for link in links] == user_ids:
        return
    for link in links:
        session.delete(link)
    session.flush()
    for position, user_id in enumerate(user_ids):
        session.add(PostAuthor(post_id=post.id, user_id=user_id, position=position))
    session.flush()


def byline(session: Session, name: str) -> User:
    """Return the first user with this display name, else a new byline (a user without account)."""
    display_name = name[:200]
    users = select(User).where(User.display_name == display_name).order_by(User.id)
    return session.scalars(users).first() or user.create_user(
        session,
        name=user.free_name(session, display_name),
        display_name=display_name,
        email="",
        role=AUTHOR,
        password_hash=None,
    )


@action("user.import")
def add_people(session: Session, *, name: str, display_name: str, bio: str) -> None:
    """Add a byline under its old name, unless a user has the same name or display name."""
    taken = (User.display_name == display_name[:200]) | (User.name == name)
    if not user.NAME.match(name) or session.scalar(select(User.id).where(taken)):
        return
    person = user.create_user(
        session,
        name=name,
        display_name=display_name[:200],
        email="",
        role=AUTHOR,
        password_hash=None,
    )
    person.bio = bio


def _make_draft(session: Session, post: Post, imported: ImportedPost) -> None:
    """Reserve the address of a draft, and unpublish the post if it is live or scheduled."""
    reserved = address.claim(session, imported.address, post.id)
    post.address_id = post.address_id or reserved.id
    if post.is_live(now()) or post.is_scheduled(now()):
        post.withdraw_at = now()


def _publish(
    session: Session, post: Post, imported: ImportedPost, rendered: Rendered, *, is_new: bool
) -> None:
    """Publish the post with its old date.

    The text is dated by its imported update; without one, a changed post is dated today.
    """
    moment = now()
    post.publish_at = imported.date or post.publish_at or imported.fallback_date
    post.withdraw_at = None
    if post.publish_at <= moment:
        post.announced_at = (
            post.announced_at or moment
        )  # no announcement: its readers know it already
    as_of = imported.updated or (post.publish_at if is_new else moment)
    publishing.make_live(session, post, rendered, by=None, as_of=max(as_of, post.publish_at))
    if is_new and post.publish_at < moment - timedelta(days=1):
        post.created_at = post.publish_at
