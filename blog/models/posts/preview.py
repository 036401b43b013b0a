"""Private preview links, which show a working copy as readers would see it."""

import secrets
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from blog.markup import Rendered, excerpt
from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts import editing
from blog.models.posts.post import Post, PostAuthor
from blog.models.public.cards import Card, PostPage, author_name, card_content, tag_name
from blog.models.tags.tag import split, tag_slug
from blog.models.uploads.upload import picture_sizes
from blog.models.users.user import User


@dataclass(frozen=True)
class Draft:
    """A working copy whose text is not rendered yet.

    `links` maps link targets in the text to our addresses; `sizes` holds the width and height of
    each picture in pixels.
    """

    card: Card
    body: str
    links: dict[str, str]
    sizes: dict[str, tuple[int, int]]


def draft(session: Session, key: str) -> Draft:
    """Return the working copy of a preview key. Raises `LookupError`."""
    post = session.scalar(
        select(Post)
        .where(Post.preview_key == key, Post.trashed_at.is_(None))
        .options(selectinload(Post.author_links).selectinload(PostAuthor.user))
    )
    if post is None:
        raise LookupError(key)
    moment = post.publish_at or now()
    card = Card(
        id=post.id,
        kind=post.kind,
        uid=post.uid,
        path=f"/preview/{key}",
        summary=post.summary,
        published_at=moment,
        updated_at=moment,
        words=0,
        minutes=0,
        revision_id=0,
        **card_content(post),
        authors=tuple(
            author_name(link.user.name, link.user.display_name, link.user.bio)
            for link in post.author_links
        ),
        tags=tuple(tag_name(tag_slug(name), name) for name in split(post.tags)),
    )
    return Draft(card, post.body, post.links, picture_sizes(session, post.body, post.links))


def page(draft: Draft, rendered: Rendered) -> PostPage:
    """Return the draft as a page for the template of posts."""
    card = replace(
        draft.card,
        summary=draft.card.summary or excerpt(rendered.text),
        words=rendered.words,
        minutes=rendered.minutes,
    )
    return PostPage(card, rendered.html, tuple(rendered.outline), draft.card.summary)


@action("post.open_preview")
def open_preview(session: Session, id: int, *, by: User) -> str:
    """Return the preview key of a post; create one if there is none. Raises `LookupError`."""
    post = editing.load(session, id, by=by, for_update=True)
    post.preview_key = post.preview_key or secrets.token_urlsafe(24)
    return post.preview_key


@action("post.close_preview")
def close_preview(session: Session, id: int, *, by: User) -> None:
    """Invalidate the preview key of a post. Raises `LookupError`."""
    editing.load(session, id, by=by, for_update=True).preview_key = None
