"""What keepers do with tags: rename one, merge two, delete what no reader sees.

Readers who come by the old address are led to the new one, search finds the posts by the new
name, and who still types the old one means the new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Update, delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from blog.config import N_
from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.audit import row_diff
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import Post
from blog.models.posts.revision import RevisionTag
from blog.models.search import search
from blog.models.search.schema import UNTOLD, entry
from blog.models.tags.tag import Tag, place_of, split, tag_slug


@dataclass(frozen=True)
class ListedTag:
    """A tag as the office lists it. `posts` counts those that stand, or stood, before readers
    with it, the trash left out."""

    id: int
    name: str
    slug: str
    posts: int

    @property
    def href(self) -> str:
        return address.href(place_of(self.slug)) if self.posts else ""

    @property
    def is_used(self) -> bool:
        return self.posts > 0


USES = (
    select(RevisionTag.tag_id, func.count().label("posts"))
    .join(Post, Post.live_revision_id == RevisionTag.revision_id)
    .where(~Post.is_trashed())
    .group_by(RevisionTag.tag_id)
    .subquery("uses")
)
POSTS = func.coalesce(USES.c.posts, 0)


def _rows() -> Select[*tuple[Any, ...]]:
    rows: Select[*tuple[Any, ...]] = select(Tag.id, Tag.name, Tag.slug, POSTS.label("posts"))
    return rows.outerjoin(USES, USES.c.tag_id == Tag.id)


def _make(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedTag, ...]:
    return tuple(ListedTag(row.id, row.name, row.slug, row.posts) for row in rows)


def _used(use: str) -> Any:
    return POSTS > 0 if use == "used" else POSTS == 0


tags = Listing(
    query=_rows,
    key=Tag.id,
    make=_make,
    orders={
        "name": Order(func.lower(Tag.name)),
        "posts": Order(POSTS, descending=True),
    },
    sort="name",
    filters={"use": QueryFilter(_used, ("used", "unused"))},
    search=containing(Tag.name, Tag.slug),
)


def one(session: Session, id: int) -> ListedTag:
    """Raises `LookupError`."""
    found = tags.only(session, [id])
    if not found:
        raise LookupError(id)
    return found[0]


def names(session: Session) -> list[tuple[str, str]]:
    """Every name, to choose from."""
    return [(name, name) for name in session.scalars(select(Tag.name).order_by(Tag.name))]


# --- verbs ---


@action("tag.rename")
def rename(session: Session, id: int, *, name: str) -> Tag:
    """Give a tag another name; its old address leads to the new one."""
    tag = _tag(session, id)
    name = _name(name)
    slug, before = tag_slug(name), tag.slug
    known = session.scalar(select(Tag).where(Tag.slug == slug, Tag.id != id))
    if known:
        message = N_("The tag “%(name)s” already exists. Merge the two tags instead.")
        raise Refusal(message, "name", name=known.name)
    posts = _posts(session, [id])
    _retype(session, tag, name)
    try:
        with session.begin_nested():
            tag.name, tag.slug = name, slug
    except IntegrityError as error:  # somebody else took it at the same moment
        message = N_("The tag “%(name)s” already exists. Merge the two tags instead.")
        raise Refusal(message, "name", name=name) from error
    if slug != before:
        _lead(session, before, slug)
    _find_anew(session, posts)
    return tag


@action("tag.merge")
def merge(session: Session, id: int, *, into: str) -> Tag:
    """Let every post that bears a tag bear another instead; the first is gone."""
    old, new = _tag(session, id), session.scalar(select(Tag).where(Tag.slug == tag_slug(into)))
    if new is None:
        raise Refusal(N_("No tag has this name."), "into")
    if new.id == id:
        raise Refusal(N_("These are the same tag."), "into")
    posts = _posts(session, [id])
    told = {f"post:{post}" for post in posts}
    told |= {f"tag:{old.slug}", f"tag:{new.slug}", "tags", "posts"}
    _hand_over(session, old.id, new.id, tuple(told))
    _retype(session, old, new.name)
    session.delete(old)
    session.flush()
    _lead(session, old.slug, new.slug)
    _find_anew(session, posts)
    return new


@action("tag.delete")
def delete_tag(session: Session, id: int) -> None:
    """Only one that stands under no post that readers see, saw last, or will see."""
    tag = _tag(session, id)
    live = select(Post.id).join(RevisionTag, RevisionTag.revision_id == Post.live_revision_id)
    if session.scalar(live.where(RevisionTag.tag_id == id).limit(1)):
        raise Refusal(N_("Posts still use this tag. Merge it into another tag instead."))
    mine = delete(RevisionTag).where(RevisionTag.tag_id == id)
    session.execute(mine, execution_options={"tags": (f"tag:{tag.slug}",)})
    session.delete(tag)


def _tag(session: Session, id: int) -> Tag:
    tag = session.get(Tag, id)
    if tag is None:
        raise LookupError(id)
    return tag


def _name(typed: str) -> str:
    found = split(typed)
    if len(found) != 1:
        raise Refusal(N_("Enter one name, without a comma."), "name")
    return found[0]


def _posts(session: Session, ids: Sequence[int]) -> list[int]:
    """Posts whose readers see one of these tags."""
    query = select(Post.id).join(RevisionTag, RevisionTag.revision_id == Post.live_revision_id)
    return list(session.scalars(query.where(RevisionTag.tag_id.in_(ids)).distinct()))


def _hand_over(session: Session, old: int, new: int, told: tuple[str, ...]) -> None:
    """Every revision's mark moves; where one bears both, the old mark goes."""
    options = {"tags": told, "synchronize_session": False}
    other = aliased(RevisionTag)
    both = exists().where(other.revision_id == RevisionTag.revision_id, other.tag_id == new)
    session.execute(
        delete(RevisionTag).where(RevisionTag.tag_id == old, both), execution_options=options
    )
    session.execute(
        update(RevisionTag).where(RevisionTag.tag_id == old).values(tag_id=new),
        execution_options=options,
    )


def _retype(session: Session, tag: Tag, name: str) -> None:
    """The tags as typed in every working copy; a copy that somebody has open meets no conflict,
    for the old name goes on meaning the new tag."""
    bearing = select(Post.id, Post.tags).where(Post.tags.icontains(tag.name, autoescape=True))
    for id, typed in session.execute(bearing).all():
        parts = [name if tag_slug(part) == tag.slug else part for part in split(typed)]
        if (text := ", ".join(split(", ".join(parts)))) != typed:
            told = {f"post:{id}": {"tags": [row_diff.short(typed), row_diff.short(text)]}}
            options = {"tags": (f"draft:{id}",), "facts": told}
            session.execute(_set_tags(id, text), execution_options=options)


def _set_tags(id: int, text: str) -> Update:
    return update(Post).where(Post.id == id).values(tags=text, updated_at=Post.updated_at)


def _lead(session: Session, old: str, new: str) -> None:
    """`old` leads to `new`, and so does whatever led to `old`; nothing leads to itself."""
    here, there = place_of(old), place_of(new)
    for row in session.scalars(select(Address).where(Address.target == here)):
        row.target = there
    if back := address.find(session, there):
        session.delete(back)
    session.flush()
    known = address.find(session, here)
    row = known or Address(path=here, key=address.key_of(here))
    row.target, row.post_id, row.live_since = there, None, now()
    session.add(row)


def _find_anew(session: Session, posts: Sequence[int]) -> None:
    """Search forgets which tags the posts had: the newest are indexed at once, all others by the
    clock."""
    stale = update(entry).where(entry.c.post_id.in_(posts)).values(version=0)
    session.execute(stale, execution_options=UNTOLD)
    search.rebuild(session)
