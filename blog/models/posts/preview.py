"""The private link that shows a working copy as it would look."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from blog.markup import Rendered, excerpt
from blog.models.audit.action import action
from blog.models.base import now
from blog.models.posts import editing
from blog.models.posts.post import Post, PostAuthor
from blog.models.public.cards import Card, PostPage, author_name, tag_name
from blog.models.tags.tag import split, tag_slug
from blog.models.uploads.upload import sizes
from blog.models.users.user import User


@dataclass(frozen=True)
class Draft:
    """What a preview needs before its text is rendered."""

    card: Card
    body: str
    links: dict[str, Any]
    sizes: dict[str, tuple[int, int]]


def draft(session: Session, key: str) -> Draft:
    """The working copy behind a private link. Raises `LookupError`."""
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
        title=post.title,
        summary=post.summary,
        language=post.language,
        cover=post.cover,
        published_at=moment,
        updated_at=moment,
        words=0,
        minutes=0,
        is_listed=post.is_listed,
        revision_id=0,
        authors=tuple(
            author_name(link.user.name, link.user.display_name, link.user.bio)
            for link in post.author_links
        ),
        tags=tuple(tag_name(tag_slug(name), name) for name in split(post.tags)),
    )
    return Draft(card, post.body, post.links, sizes(session, post.body, post.links))


def page(draft: Draft, rendered: Rendered) -> PostPage:
    """The preview as `home` shows any post."""
    card = replace(
        draft.card,
        summary=draft.card.summary or excerpt(rendered.text),
        words=rendered.words,
        minutes=rendered.minutes,
    )
    return PostPage(card, rendered.html, tuple(rendered.outline), draft.card.summary)


@action("post.open_preview")
def open_preview(session: Session, id: int, *, by: User) -> str:
    """The key of the private link that shows the working copy."""
    post = editing.load(session, id, by=by)
    post.preview_key = post.preview_key or secrets.token_urlsafe(24)
    return post.preview_key


@action("post.close_preview")
def close_preview(session: Session, id: int, *, by: User) -> None:
    """The private link leads nowhere from now on; another one can be opened."""
    editing.load(session, id, by=by).preview_key = None
