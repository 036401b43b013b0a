"""Everything that leaves when a blog is written out, as plain data: nothing of it is secret."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.models.addresses.address import Address
from blog.models.base import now
from blog.models.comments.comment import Comment
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.settings.site import THE_ONE, Site
from blog.models.tags.tag import Tag, split, tag_slug
from blog.models.uploads.upload import Upload
from blog.models.users.user import User


@dataclass(frozen=True)
class ExportedText:
    """What was typed of a post."""

    title: str
    slug: str
    summary: str
    body: str
    language: str
    cover: str
    is_listed: bool
    takes_comments: bool


@dataclass(frozen=True)
class ExportBatch:
    """A post: what readers see of it, else its draft. `since`: what was typed on after that."""

    uid: str
    kind: str
    state: str
    words: ExportedText
    since: ExportedText | None
    tags: list[str]
    authors: list[str]
    path: str
    leads: list[str]
    publish_at: datetime | None
    as_of: datetime | None
    links: dict[str, Any]
    extra: dict[str, Any]

    @property
    def is_public(self) -> bool:
        return self.state in ("live", "scheduled")


def posts(session: Session) -> Iterator[ExportBatch]:
    """Every post and page but those in the trash, and drafts in which nobody has typed.

    By their addresses, so that two blogs with the same posts are written out alike.
    """
    rows = session.execute(
        select(Post.id, Post.uid, Address.key)
        .outerjoin(Address, Address.id == Post.address_id)
        .where(~Post.is_trashed())
    )
    for row in sorted(rows, key=lambda row: (row.key or "", row.uid)):
        leaving = post(session, row.id)
        if leaving.words.title or leaving.words.body:
            yield leaving


def post(session: Session, id: int) -> ExportBatch:
    row = session.get_one(Post, id)
    revision = session.get(Revision, row.live_revision_id) if row.live_revision_id else None
    state, typed = row.state(now()), _words(row)
    is_public = revision is not None and state in ("live", "scheduled")
    shown = _words(revision) if revision is not None and is_public else typed
    place = session.get(Address, row.address_id) if row.address_id else None
    return ExportBatch(
        uid=row.uid,
        kind=row.kind,
        state=state,
        words=shown,
        since=typed if typed != shown else None,
        tags=_tags_shown(session, revision)
        if revision and is_public
        else _tags_typed(session, row),
        authors=_authors(session, row, revision if is_public else None),
        path=place.path if place else row.path or _reserved(session, row),
        leads=_leads(session, row),
        publish_at=row.publish_at,
        as_of=revision.as_of if revision and is_public else None,
        links=row.links,
        extra=row.extra,
    )


def _words(row: Post | Revision) -> ExportedText:
    return ExportedText(**{field.name: getattr(row, field.name) for field in fields(ExportedText)})


def _tags_shown(session: Session, revision: Revision) -> list[str]:
    names = select(Tag.name).join(RevisionTag).where(RevisionTag.revision_id == revision.id)
    return list(session.scalars(names.order_by(RevisionTag.position)))


def _tags_typed(session: Session, row: Post) -> list[str]:
    """In the spelling that readers see elsewhere."""
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
    """The address that is kept for a draft."""
    theirs = Address.post_id == row.id, Address.live_since.is_(None)
    paths = select(Address.path).where(*theirs).order_by(Address.id.desc())
    return session.scalars(paths.limit(1)).first() or ""


def _leads(session: Session, row: Post) -> list[str]:
    """Further addresses that lead to it, the oldest first."""
    theirs = Address.post_id == row.id, Address.live_since.is_not(None)
    paths = select(Address.path).where(*theirs, Address.id != (row.address_id or 0))
    return list(session.scalars(paths.order_by(Address.id)))


def trashed(session: Session) -> int:
    return len(session.scalars(select(Post.id).where(Post.is_trashed())).all())


def pictures(session: Session) -> list[str]:
    return list(session.scalars(select(Upload.name).order_by(Upload.name)))


def people(session: Session) -> list[dict[str, Any]]:
    """Without password, keys and sign-ins."""
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


def comments(session: Session) -> Iterator[dict[str, Any]]:
    """Each with the address of its post, the oldest first; `answers` is another's `id`."""
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
    """Every address that answers: which it shows, or where it leads."""
    shown = select(Post.id, Address.path).join(Address, Address.id == Post.address_id)
    own = {row.id: row.path for row in session.execute(shown)}
    trash = select(Post.id).where(Post.is_trashed())
    not_theirs = Address.post_id.is_(None) | Address.post_id.not_in(trash)
    query = select(Address).where(Address.live_since.is_not(None), not_theirs)
    rows = session.scalars(query.order_by(Address.key)).all()
    return [{"address": row.path, "leads_to": _target(row, own)} for row in rows]


def _target(row: Address, own: dict[int, str]) -> str:
    """Empty where it shows its own post."""
    target = row.target if row.post_id is None else own.get(row.post_id, "")
    return "" if target == row.path else target


def about(session: Session) -> dict[str, Any]:
    """What the office keeps of the site."""
    row = session.get_one(Site, THE_ONE)
    names = ("title", "tagline", "address", "language", "timezone", "navigation", "posts_per_page")
    return {**{name: getattr(row, name) for name in names}, "settings": row.choices}


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
