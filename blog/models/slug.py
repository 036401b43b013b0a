"""The last part of a post's address: typed, or made from its title."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.markup import slugify
from blog.models import address
from blog.models.address import Address
from blog.models.base import Refusal
from blog.models.post import PAGE, Post


def set_slug(session: Session, post: Post, typed: str) -> None:
    """A typed slug must be free; one made from the title takes the next free number."""
    if not typed and (post.path or post.address_id):
        return
    if typed and typed == post.slug and not post.path:
        return
    if typed:
        place = address.claim(session, path_for(post, clean_slug(typed)), post.id)
    elif post.title:
        stem = path_for(post, slugify(post.title))
        place = address.claim_free(session, _unreserved(stem), post.id)
    else:
        return
    post.slug, post.path = place.path.rpartition("/")[2], ""
    keep_ids = {place.id, post.address_id}
    for row in session.scalars(select(Address).where(Address.post_id == post.id)):
        if row.live_since is None and row.id not in keep_ids:
            session.delete(row)


def _unreserved(path: str) -> str:
    return f"{path}-page" if address.is_reserved(path) else path


def clean_slug(typed: str) -> str:
    """What was typed, made fit for an address. Raises `Refusal` if nothing is left."""
    slug = "-".join(typed.strip("/").split())
    if not slug or any(mark in slug for mark in "/?#%\\&"):
        raise Refusal(N_("Use letters, digits and hyphens in the address."), "slug")
    return slug


def path_for(post: Post, slug: str) -> str:
    """The pattern of new addresses."""
    return f"/{slug}" if post.kind == PAGE else f"/posts/{slug}"
