"""The last part of a post's address: typed, or made from its title; the rest is a pattern's."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import N_
from blog.markup import slugify
from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.base import Refusal, now
from blog.models.posts import path_pattern
from blog.models.posts.post import PAGE, Post
from blog.models.settings import site

MOST_ALIKE = 1000


def set_slug(session: Session, post: Post, typed: str) -> None:
    """A typed slug must be free; one made from the title takes the next free number."""
    if not typed and (post.path or post.address_id):
        return
    if typed and typed == post.slug and not post.path:
        return
    if typed:
        slug = clean_slug(typed)
        place = address.claim(session, path_for(session, post, slug), post.id)
    elif post.title:
        slug, place = claim_free(session, post, slugify(post.title))
    else:
        return
    post.slug, post.path = slug, ""
    forget_reserved(session, post, place)


def move_in(session: Session, post: Post) -> None:
    """The reserved address comes alive; the one before it leads to it from now on."""
    if not (post.path or post.slug):
        set_slug(session, post, "")
    place = address.claim(session, post.path, post.id) if post.path else _claim(session, post)
    place.live_since = place.live_since or now()
    post.address_id = place.id
    forget_reserved(session, post, place)


def _claim(session: Session, post: Post) -> Address:
    """Of a post that comes out now, the day may have changed since its address was reserved."""
    if post.kind == PAGE or (post.address_id and _keeps_pattern(post)):
        return address.claim(session, path_for(session, post, post.slug), post.id)
    post.slug, place = claim_free(session, post, post.slug)
    post.pattern = pattern_of(session, post)
    return place


def claim_free(session: Session, post: Post, stem: str) -> tuple[str, Address]:
    """`stem`, or the first of `stem-2`, `stem-3` … whose address is free or this post's own."""
    if address.is_reserved(path_for(session, post, stem)):
        stem = f"{stem}-page"
    for number in range(1, MOST_ALIKE):
        slug = stem if number == 1 else f"{stem}-{number}"
        path = path_for(session, post, slug)
        try:
            return slug, address.claim(session, path, post.id)
        except Refusal:
            if not address.find(session, path):  # not taken, but no address at all
                raise
    raise Refusal(N_("The address %(path)s is already in use."), "slug", path=path)


def forget_reserved(session: Session, post: Post, place: Address) -> None:
    """Of the addresses that were never alive, a post keeps the one it is to have."""
    keep_ids = {place.id, post.address_id}
    for row in session.scalars(select(Address).where(Address.post_id == post.id)):
        if row.live_since is None and row.id not in keep_ids:
            session.delete(row)


def clean_slug(typed: str) -> str:
    """What was typed, made fit for an address. Raises `Refusal` if nothing is left."""
    slug = "-".join(typed.strip("/").split())
    if not slug or any(mark in slug for mark in "/?#%\\&"):
        raise Refusal(N_("Use only letters, digits and hyphens in the address."), "slug")
    return slug


def path_for(session: Session, post: Post, slug: str) -> str:
    """The address that the post has, or will have, with this slug."""
    return f"/{slug}" if post.kind == PAGE else path_pattern.filled(pattern_of(session, post), slug)


def pattern_of(session: Session, post: Post) -> str:
    """Its own from the day it is public; until then the site's, of the day it comes out."""
    if _keeps_pattern(post):
        return post.pattern
    facts = site.facts(session)
    moment = post.publish_at or now()
    return path_pattern.dated(facts.settings.post_address, moment, facts.timezone)


def _keeps_pattern(post: Post) -> bool:
    return bool(post.pattern) and post.publish_at is not None and post.publish_at <= now()
