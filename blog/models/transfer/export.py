"""Queries for `blog export`: posts, people, comments, addresses and settings, without secrets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.models.addresses.address import Address
from blog.models.base import now
from blog.models.comments.comment import Comment
from blog.models.posts.content import Values, values_of
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.settings.site import SITE_ID, Site
from blog.models.tags.tag import Tag, split, tag_slug
from blog.models.uploads.upload import Upload
from blog.models.users.user import User


@dataclass(frozen=True)
class ExportedPost:
    """A post or page.

    `text` is the public content, or the draft if there is none; `working_copy` holds unpublished
    edits of a public post. `old_paths` redirect to `path`. `links` maps targets in an imported text
    to addresses, and `extra` holds unused fields of its front matter.
    """

    uid: str
    kind: str
    state: str
    text: Values
    working_copy: Values | None
    tags: list[str]
    authors: list[str]
    path: str
    old_paths: list[str]
    publish_at: datetime | None
    as_of: datetime | None
    links: dict[str, str]
    extra: dict[str, object]

    @property
    def is_public(self) -> bool:
        """Whether the post is live or scheduled."""
        return self.state in ("live", "scheduled")


class PersonRow(TypedDict):
    """A person in `people.json`."""

    name: str
    display_name: str
    email: str
    bio: str
    role: str
    language: str
    can_sign_in: bool


class ExportedComment(TypedDict):
    """A comment in `comments.json`. `answers` is the `id` of another comment, or ""."""

    id: str
    post: str
    address: str
    answers: str
    person: str
    name: str
    email: str
    state: str
    language: str
    written: str
    decided: str
    body: str


def posts(session: Session) -> Iterator[ExportedPost]:
    """Yield every post and page, except those in the trash and empty drafts.

    Sorted by address, so that two blogs with the same posts give the same export.
    """
    rows = session.execute(
        select(Post.id, Post.uid, Address.key)
        .outerjoin(Address, Address.id == Post.address_id)
        .where(~Post.is_trashed())
    )
    for row in sorted(rows, key=lambda row: (row.key or "", row.uid)):
        exported = post(session, row.id)
        if exported.text["title"] or exported.text["body"]:
            yield exported


def post(session: Session, id: int) -> ExportedPost:
    """Return the post with this id. Raises `NoResultFound` if there is none."""
    row = session.get_one(Post, id)
    revision = session.get(Revision, row.live_revision_id) if row.live_revision_id else None
    state, working_copy = row.state(now()), values_of(row)
    if state not in ("live", "scheduled"):
        revision = None
    text = values_of(revision) if revision else working_copy
    address = session.get(Address, row.address_id) if row.address_id else None
    return ExportedPost(
        uid=row.uid,
        kind=row.kind,
        state=state,
        text=text,
        working_copy=working_copy if working_copy != text else None,
        tags=_revision_tags(session, revision) if revision else _draft_tags(session, row),
        authors=_authors(session, row, revision),
        path=address.path if address else row.path or _reserved(session, row),
        old_paths=_old_paths(session, row),
        publish_at=row.publish_at,
        as_of=revision.as_of if revision else None,
        links=row.links,
        extra=row.extra,
    )


def _revision_tags(session: Session, revision: Revision) -> list[str]:
    names = select(Tag.name).join(RevisionTag).where(RevisionTag.revision_id == revision.id)
    return list(session.scalars(names.order_by(RevisionTag.position)))


def _draft_tags(session: Session, row: Post) -> list[str]:
    """Return the tags of a draft, in the spelling of the existing tags."""
    slugs = {tag_slug(name): name for name in split(row.tags)}
    known = session.execute(select(Tag.slug, Tag.name).where(Tag.slug.in_(slugs)))
    return list({**slugs, **{row.slug: row.name for row in known}}.values())


def _authors(session: Session, row: Post, revision: Revision | None) -> list[str]:
    people = select(User.display_name)
    if revision is not None:
        people = people.join(RevisionAuthor).where(RevisionAuthor.revision_id == revision.id)
        return list(session.scalars(people.order_by(RevisionAuthor.position)))
    people = people.join(PostAuthor).where(PostAuthor.post_id == row.id)
    return list(session.scalars(people.order_by(PostAuthor.position)))


def _reserved(session: Session, row: Post) -> str:
    """Return the address that is reserved for a draft, or ""."""
    paths = select(Address.path).where(Address.post_id == row.id, Address.live_since.is_(None))
    return session.scalars(paths.order_by(Address.id.desc()).limit(1)).first() or ""


def _old_paths(session: Session, row: Post) -> list[str]:
    """Return the addresses that redirect to the post, the oldest first."""
    paths = select(Address.path).where(
        Address.post_id == row.id,
        Address.live_since.is_not(None),
        Address.id != (row.address_id or 0),
    )
    return list(session.scalars(paths.order_by(Address.id)))


def trashed(session: Session) -> int:
    """Return the number of posts in the trash."""
    return len(session.scalars(select(Post.id).where(Post.is_trashed())).all())


def pictures(session: Session) -> list[str]:
    """Return the names of all stored pictures."""
    return list(session.scalars(select(Upload.name).order_by(Upload.name)))


def people(session: Session) -> list[PersonRow]:
    """Return all users and bylines, without passwords, keys and sessions."""
    return [
        {
            "name": person.name,
            "display_name": person.display_name,
            "email": person.email or "",
            "bio": person.bio,
            "role": person.role,
            "language": person.language,
            "can_sign_in": bool(person.can_sign_in),
        }
        for person in session.scalars(select(User).order_by(User.name))
    ]


def comments(session: Session) -> Iterator[ExportedComment]:
    """Yield the comments of all posts that are not in the trash, the oldest first."""
    uids = {row.id: row.uid for row in session.execute(select(Comment.id, Comment.uid))}
    names = {row.id: row.name for row in session.execute(select(User.id, User.name))}
    query = (
        select(Comment, Post.uid, Address.path)
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(Address, Address.id == Post.address_id)
        .where(~Post.is_trashed())
    )
    for comment, post_uid, path in session.execute(query.order_by(Comment.created_at, Comment.uid)):
        yield {
            "id": comment.uid,
            "post": post_uid,
            "address": path or "",
            "answers": uids.get(comment.parent_id or 0, ""),
            "person": names.get(comment.user_id or 0, ""),
            "name": comment.name,
            "email": comment.email,
            "state": comment.state,
            "language": comment.language,
            "written": _moment(comment.created_at),
            "decided": _moment(comment.decided_at),
            "body": comment.body,
        }


def addresses(session: Session) -> list[dict[str, str]]:
    """Return every live address, with the address that it redirects to, or "" if it does not."""
    current = select(Post.id, Address.path).join(Address, Address.id == Post.address_id)
    path_of = {row.id: row.path for row in session.execute(current)}
    trash = select(Post.id).where(Post.is_trashed())
    is_not_trashed = Address.post_id.is_(None) | Address.post_id.not_in(trash)
    query = select(Address).where(Address.live_since.is_not(None), is_not_trashed)
    rows = session.scalars(query.order_by(Address.key)).all()
    return [{"address": row.path, "leads_to": _redirect_target(row, path_of)} for row in rows]


def _redirect_target(row: Address, path_of: dict[int, str]) -> str:
    """Return the target of a redirect; "" for the current address of a post."""
    target = row.target if row.post_id is None else path_of.get(row.post_id, "")
    return "" if target == row.path else target


def site_settings(session: Session) -> dict[str, object]:
    """Return the settings of the site."""
    row = session.get_one(Site, SITE_ID)
    names = ("title", "tagline", "address", "language", "timezone", "navigation", "posts_per_page")
    return {**{name: getattr(row, name) for name in names}, "settings": row.choices}


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
