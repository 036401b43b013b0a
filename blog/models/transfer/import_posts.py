"""Posts of an old blog as they arrive: found again by their file, written whole, bylines made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from blog.markup import Rendered
from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.posts import path_pattern, publishing
from blog.models.posts.post import PAGE, Post, PostAuthor
from blog.models.settings import site
from blog.models.tags import tag
from blog.models.uploads import upload
from blog.models.users import user
from blog.models.users.user import AUTHOR, User


@dataclass(frozen=True)
class KnownPost:
    """A post that stands here. `was_edited`: somebody has typed in it here since it came."""

    id: int
    uid: str
    hash: str
    path: str
    links: dict[str, Any]
    was_edited: bool
    is_trashed: bool


@dataclass(frozen=True)
class NewUpload:
    """A picture that lies in the media folder already."""

    name: str
    original: str
    width: int
    height: int
    size: int
    type: str


@dataclass(frozen=True)
class ImportedPost:
    """A post as it is to stand here. Without `rendered` it is a draft. Times are aware.

    `id` is that of the post that it is to replace.
    """

    kind: str
    title: str
    slug: str
    address: str
    summary: str
    body: str
    tags: Sequence[str]
    authors: Sequence[str]
    cover: str
    language: str
    is_listed: bool
    date: datetime | None
    fallback_date: datetime
    updated: datetime | None
    uid: str
    source_path: str
    source_hash: str
    rendered: Rendered | None
    id: int | None = None
    leads: Sequence[str] = ()
    links: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    uploads: Sequence[NewUpload] = ()
    takes_comments: bool = True
    is_withdrawn: bool = False


def settled(session: Session) -> dict[str, KnownPost]:
    """Every post, by the path of the file that it came from; by its own name if it came of none."""
    source = (Post.source_path, Post.source_hash, Post.source_version)
    rows = session.execute(
        select(
            Post.id, Post.uid, Post.version, Post.trashed_at, Post.links, *source, Address.path
        ).outerjoin(Address, Address.id == Post.address_id)
    )
    return {row.source_path or row.uid: _settled(row) for row in rows}


def _settled(row: Any) -> KnownPost:
    return KnownPost(
        id=row.id,
        uid=row.uid,
        hash=row.source_hash,
        path=row.path or "",
        links=row.links,
        was_edited=row.version != row.source_version,
        is_trashed=row.trashed_at is not None,
    )


def keys(session: Session) -> dict[str, int | None]:
    """Every address that is taken, by its key, with the post it belongs to."""
    rows = session.execute(select(Address.key, Address.post_id))
    return {row.key: row.post_id for row in rows}


@action("post.import")
def import_post(session: Session, arrivals: Sequence[ImportedPost]) -> list[Refusal | None]:
    """Write each of these posts whole, or say why it was refused."""
    return [_refused(session, arrival) for arrival in arrivals]


def _refused(session: Session, arrival: ImportedPost) -> Refusal | None:
    try:
        with session.begin_nested():
            _bring(session, arrival)
    except Refusal as reason:
        return reason
    return None


def _bring(session: Session, arrival: ImportedPost) -> None:
    post = _loaded(session, arrival.id) if arrival.id else _new(session, arrival)
    _write(post, arrival, site.facts(session).settings.post_address == path_pattern.FIRST)
    _credit(session, post, arrival.authors)
    for picture in arrival.uploads:
        upload.note(session, **vars(picture))
    if arrival.rendered is None:
        _draft(session, post, arrival)
    else:
        _show(session, post, arrival, arrival.rendered, is_new=not arrival.id)
    if arrival.is_withdrawn:
        post.withdraw_at = now()
    for path in arrival.leads:
        address.lead(session, path, post_id=post.id)


def _new(session: Session, arrival: ImportedPost) -> Post:
    """An entry id that another post bears already is not taken twice."""
    post = Post(kind=arrival.kind, language=arrival.language, version=0)
    post.takes_comments = arrival.kind != PAGE
    if arrival.uid and not session.scalar(select(Post.id).where(Post.uid == arrival.uid)):
        post.uid = arrival.uid
    session.add(post)
    session.flush()
    return post


def _loaded(session: Session, id: int) -> Post:
    query = select(Post).where(Post.id == id).options(selectinload(Post.author_links))
    return session.scalars(query.with_for_update(of=Post)).one()


def _write(post: Post, arrival: ImportedPost, is_patterned: bool) -> None:
    """An address that the blog's own pattern makes is not the post's own."""
    stem, _, last = arrival.address.rpartition("/")
    is_ours = bool(last) and (
        stem == "" if post.kind == PAGE else is_patterned and stem == "/posts"
    )
    post.path, post.slug = ("", last) if is_ours else (arrival.address, arrival.slug[:300])
    post.title, post.summary, post.body = arrival.title[:300], arrival.summary[:2000], arrival.body
    post.tags = ", ".join(tag.split(", ".join(name.replace(",", " ") for name in arrival.tags)))
    post.cover, post.language, post.is_listed = arrival.cover, arrival.language, arrival.is_listed
    post.links, post.extra = arrival.links, arrival.extra
    post.takes_comments = arrival.takes_comments
    post.source_path, post.source_hash = arrival.source_path, arrival.source_hash
    post.version, post.updated_at = post.version + 1, now()
    post.source_version = post.version


def _credit(session: Session, post: Post, names: Sequence[str]) -> None:
    """The post's authors, in their order; who is not known gets a byline."""
    wanted = list(dict.fromkeys(byline(session, name).id for name in names))
    links = session.scalars(
        select(PostAuthor).where(PostAuthor.post_id == post.id).order_by(PostAuthor.position)
    ).all()
    if [link.user_id for link in links] == wanted:
        return
    for link in links:
        session.delete(link)
    session.flush()
    for position, user_id in enumerate(wanted):
        session.add(PostAuthor(post_id=post.id, user_id=user_id, position=position))
    session.flush()


def byline(session: Session, name: str) -> User:
    """The person shown by this name, else a new byline: somebody without a sign-in."""
    shown = name[:200]
    known = session.scalars(select(User).where(User.display_name == shown).order_by(User.id))
    return known.first() or user.add(
        session,
        name=user.free_name(session, shown),
        display_name=shown,
        email="",
        role=AUTHOR,
        password_hash=None,
    )


@action("user.import")
def add_people(session: Session, *, name: str, display_name: str, bio: str) -> None:
    """A byline under its old name, unless somebody is shown by that name or has the other."""
    taken = (User.display_name == display_name[:200]) | (User.name == name)
    if not user.NAME.match(name) or session.scalar(select(User.id).where(taken)):
        return
    person = user.add(
        session,
        name=name,
        display_name=display_name[:200],
        email="",
        role=AUTHOR,
        password_hash=None,
    )
    person.bio = bio


def _draft(session: Session, post: Post, arrival: ImportedPost) -> None:
    """Its address is kept for it; what was public before goes out of sight."""
    place = address.claim(session, arrival.address, post.id)
    post.address_id = post.address_id or place.id
    if post.is_live(now()) or post.is_scheduled(now()):
        post.withdraw_at = now()


def _show(
    session: Session, post: Post, arrival: ImportedPost, rendered: Rendered, *, is_new: bool
) -> None:
    """Readers see it from its old day on; a text that changed since bears today's, or its own."""
    moment = now()
    post.publish_at = arrival.date or post.publish_at or arrival.fallback_date
    post.withdraw_at = None
    if post.publish_at <= moment:
        post.announced_at = post.announced_at or moment  # its readers have known it for years
    as_of = arrival.updated or (post.publish_at if is_new else moment)
    publishing.show(session, post, rendered, by=None, as_of=max(as_of, post.publish_at))
    if is_new and post.publish_at < moment - timedelta(days=1):
        post.created_at = post.publish_at
