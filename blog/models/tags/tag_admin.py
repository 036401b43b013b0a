"""Listing, renaming, merging and deleting tags in the admin area.

After a rename or merge the old address redirects to the new one, search finds the posts by the
new name, and typing the old name selects the renamed tag.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Update, delete, exists, func, select, update
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
from blog.models.search.schema import NO_CACHE_TAGS, entry
from blog.models.tags.tag import Tag, path_of, split, tag_slug
from blog.models.users.user import User


@dataclass(frozen=True)
class ListedTag:
    """A tag in the admin area.

    `posts` is the number of posts, outside the trash, that have the tag in their live revision.
    """

    id: int
    name: str
    slug: str
    posts: int

    @property
    def href(self) -> str:
        """The link to the tag's page, or empty if it has no posts."""
        return address.href(path_of(self.slug)) if self.posts else ""

    @property
    def is_used(self) -> bool:
        """Whether a post has the tag."""
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
    columns = (Tag.id, Tag.name, Tag.slug, POSTS.label("posts"))
    return select(*columns).outerjoin(USES, USES.c.tag_id == Tag.id)


def _make(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedTag, ...]:
    return tuple(ListedTag(row.id, row.name, row.slug, row.posts) for row in rows)


def _used(use: str) -> ColumnElement[bool]:
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


def get_tag(session: Session, id: int) -> ListedTag:
    """Return a tag as the list shows it. Raises `LookupError`."""
    rows = tags.only(session, [id])
    if not rows:
        raise LookupError(id)
    return rows[0]


def names(session: Session) -> list[tuple[str, str]]:
    """Return all tag names as (value, label) options of a select element."""
    return [(name, name) for name in session.scalars(select(Tag.name).order_by(Tag.name))]


# --- actions ---


@action("tag.rename")
def rename(session: Session, id: int, *, name: str, by: User) -> Tag:
    """Rename a tag, redirecting its old address. Raises `LookupError` or `Refusal`."""
    tag = _tag(session, id)
    name = _name(name)
    slug, before = tag_slug(name), tag.slug
    existing = session.scalar(select(Tag).where(Tag.slug == slug, Tag.id != id))
    if existing:
        message = N_("The tag “%(name)s” already exists. Merge the two tags instead.")
        raise Refusal(message, "name", name=existing.name)
    posts = _posts(session, [id])
    _rename_in_working_copies(session, tag, name)
    try:
        with session.begin_nested():
            tag.name, tag.slug = name, slug
    except IntegrityError as error:  # another transaction took it at the same moment
        message = N_("The tag “%(name)s” already exists. Merge the two tags instead.")
        raise Refusal(message, "name", name=name) from error
    if slug != before:
        _redirect(session, before, slug)
    _reindex(session, posts)
    return tag


@action("tag.merge")
def merge(session: Session, id: int, *, into: str, by: User) -> Tag:
    """Replace a tag by another in all posts and delete it. Raises `LookupError` or `Refusal`."""
    old, new = _tag(session, id), session.scalar(select(Tag).where(Tag.slug == tag_slug(into)))
    if new is None:
        raise Refusal(N_("No tag has this name."), "into")
    if new.id == id:
        raise Refusal(N_("These are the same tag."), "into")
    posts = _posts(session, [id])
    cache_tags = {f"post:{post}" for post in posts}
    cache_tags |= {f"tag:{old.slug}", f"tag:{new.slug}", "tags", "posts"}
    _replace_in_revisions(session, old.id, new.id, tuple(cache_tags))
    _rename_in_working_copies(session, old, new.name)
    session.delete(old)
    session.flush()
    _redirect(session, old.slug, new.slug)
    _reindex(session, posts)
    return new


@action("tag.delete")
def delete_tag(session: Session, id: int, *, by: User) -> None:
    """Delete a tag that no live revision has, including those of scheduled and hidden posts.

    Raises `LookupError` or `Refusal`.
    """
    tag = _tag(session, id)
    live = select(Post.id).join(RevisionTag, RevisionTag.revision_id == Post.live_revision_id)
    if session.scalar(live.where(RevisionTag.tag_id == id).limit(1)):
        raise Refusal(N_("Posts still use this tag. Merge it into another tag instead."))
    from_revisions = delete(RevisionTag).where(RevisionTag.tag_id == id)
    session.execute(from_revisions, execution_options={"tags": (f"tag:{tag.slug}",)})
    session.delete(tag)


def _tag(session: Session, id: int) -> Tag:
    tag = session.get(Tag, id)
    if tag is None:
        raise LookupError(id)
    return tag


def _name(typed: str) -> str:
    names = split(typed)
    if len(names) != 1:
        raise Refusal(N_("Enter one name, without a comma."), "name")
    return names[0]


def _posts(session: Session, ids: Sequence[int]) -> list[int]:
    """Return the ids of posts that have one of these tags in their live revision."""
    query = select(Post.id).join(RevisionTag, RevisionTag.revision_id == Post.live_revision_id)
    return list(session.scalars(query.where(RevisionTag.tag_id.in_(ids)).distinct()))


def _replace_in_revisions(
    session: Session, old: int, new: int, cache_tags: tuple[str, ...]
) -> None:
    """Replace a tag by another in all revisions; where a revision has both, remove the old."""
    options = {"tags": cache_tags, "synchronize_session": False}
    other = aliased(RevisionTag)
    has_both = exists().where(other.revision_id == RevisionTag.revision_id, other.tag_id == new)
    session.execute(
        delete(RevisionTag).where(RevisionTag.tag_id == old, has_both), execution_options=options
    )
    session.execute(
        update(RevisionTag).where(RevisionTag.tag_id == old).values(tag_id=new),
        execution_options=options,
    )


def _rename_in_working_copies(session: Session, tag: Tag, name: str) -> None:
    """Replace a tag's name in all working copies.

    Versions stay the same, so that saving an open edit form causes no conflict: the old name that
    it holds still selects this tag.
    """
    with_tag = select(Post.id, Post.tags).where(Post.tags.icontains(tag.name, autoescape=True))
    for id, typed in session.execute(with_tag).all():
        parts = [name if tag_slug(part) == tag.slug else part for part in split(typed)]
        text = ", ".join(split(", ".join(parts)))
        if text != typed:
            changes = {
                f"post:{id}": {
                    "tags": [row_diff.to_json_value(typed), row_diff.to_json_value(text)]
                }
            }
            options = {"tags": (f"draft:{id}",), "facts": changes}
            session.execute(_set_tags(id, text), execution_options=options)


def _set_tags(id: int, text: str) -> Update:
    return update(Post).where(Post.id == id).values(tags=text, updated_at=Post.updated_at)


def _redirect(session: Session, old: str, new: str) -> None:
    """Redirect slug `old` to `new`, and existing redirects to `old` as well.

    Deletes a redirect away from `new`, which would otherwise lead to itself.
    """
    old_path, new_path = path_of(old), path_of(new)
    for row in session.scalars(select(Address).where(Address.target == old_path)):
        row.target = new_path
    reverse = address.find(session, new_path)
    if reverse:
        session.delete(reverse)
    session.flush()
    existing = address.find(session, old_path)
    row = existing or Address(path=old_path, key=address.key_of(old_path))
    row.target, row.post_id, row.live_since = new_path, None, now()
    session.add(row)


def _reindex(session: Session, posts: Sequence[int]) -> None:
    """Index the posts for search again: the newest now, the others by the scheduled task."""
    stale = update(entry).where(entry.c.post_id.in_(posts)).values(version=0)
    session.execute(stale, execution_options=NO_CACHE_TAGS)
    search.rebuild(session)
