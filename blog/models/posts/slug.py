"""Choosing the slug of a post, and reserving and activating the address that contains it."""

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

MAX_ATTEMPTS = 1000


def set_slug(session: Session, post: Post, typed: str) -> None:
    """Set the slug and reserve its address, which readers do not see yet.

    A slug made from the title gets a number if it is taken. Raises `Refusal` if a typed one is
    taken or invalid.
    """
    if not typed and (post.path or post.address_id):
        return
    if typed and typed == post.slug and not post.path:
        return
    if typed:
        slug = clean_slug(typed)
        claimed = address.claim(session, path_for(session, post, slug), post.id)
    elif post.title:
        slug, claimed = claim_free(session, post, slugify(post.title))
    else:
        return
    post.slug, post.path = slug, ""
    delete_unused_reservations(session, post, claimed)


def activate_address(session: Session, post: Post) -> None:
    """Make the reserved address live; the previous one redirects to it from then on."""
    if not (post.path or post.slug):
        set_slug(session, post, "")
    claimed = address.claim(session, post.path, post.id) if post.path else _claim(session, post)
    claimed.live_since = claimed.live_since or now()
    post.address_id = claimed.id
    delete_unused_reservations(session, post, claimed)


def _claim(session: Session, post: Post) -> Address:
    """Claim the address of the slug; its date may have changed since it was reserved."""
    if post.kind == PAGE or (post.address_id and _keeps_pattern(post)):
        return address.claim(session, path_for(session, post, post.slug), post.id)
    post.slug, claimed = claim_free(session, post, post.slug)
    post.pattern = pattern_of(session, post)
    return claimed


def claim_free(session: Session, post: Post, stem: str) -> tuple[str, Address]:
    """Claim the address of the first free slug of `stem`, `stem-2`, `stem-3` …

    Returns the slug and its address. An address of this post counts as free. Raises `Refusal`.
    """
    if address.is_reserved(path_for(session, post, stem)):
        stem = f"{stem}-page"
    for number in range(1, MAX_ATTEMPTS):
        slug = stem if number == 1 else f"{stem}-{number}"
        path = path_for(session, post, slug)
        try:
            return slug, address.claim(session, path, post.id)
        except Refusal:
            if not address.find(session, path):  # the address is invalid, not taken
                raise
    raise Refusal(N_("The address %(path)s is already in use."), "slug", path=path)


def delete_unused_reservations(session: Session, post: Post, kept: Address) -> None:
    """Delete the reserved addresses of a post, except `kept` and its current one."""
    keep_ids = {kept.id, post.address_id}
    for row in session.scalars(select(Address).where(Address.post_id == post.id)):
        if row.live_since is None and row.id not in keep_ids:
            session.delete(row)


def clean_slug(typed: str) -> str:
    """Return a typed slug with hyphens for spaces. Raises `Refusal` if it is invalid."""
    slug = "-".join(typed.strip("/").split())
    if not slug or any(mark in slug for mark in "/?#%\\&"):
        raise Refusal(N_("Use only letters, digits and hyphens in the address."), "slug")
    return slug


def path_for(session: Session, post: Post, slug: str) -> str:
    """Return the address that the post has, or will have, with this slug."""
    return f"/{slug}" if post.kind == PAGE else path_pattern.filled(pattern_of(session, post), slug)


def pattern_of(session: Session, post: Post) -> str:
    """Return the pattern of a public post, else the site's with the date of publication."""
    if _keeps_pattern(post):
        return post.pattern
    facts = site.facts(session)
    moment = post.publish_at or now()
    return path_pattern.dated(facts.settings.post_address, moment, facts.timezone)


def _keeps_pattern(post: Post) -> bool:
    return bool(post.pattern) and post.publish_at is not None and post.publish_at <= now()
