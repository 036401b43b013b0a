"""What each page of the front room shows, whole, each in one transaction."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from blog.models.comments import comment
from blog.models.comments.comment import Reader, Thread
from blog.models.public import archives, cards, post_page
from blog.models.public.archives import Archive
from blog.models.public.cards import Card, Name, PostList, PostPage
from blog.models.public.post_counts import Part
from blog.models.tags import tag


@dataclass(frozen=True)
class Leads:
    """An address that leads on: to a path of ours, or elsewhere."""

    location: str


@dataclass(frozen=True)
class Nothing:
    """An address that shows nothing, and the posts whose addresses look like it."""

    near: tuple[Card, ...] = ()


@dataclass(frozen=True)
class ArchiveOverview:
    """The archive: months, tags and authors, with how many posts each has."""

    archive: Archive
    tags: tuple[Name, ...]
    authors: tuple[Name, ...]


def at(session: Session, path: str, reader: Reader | None = None) -> PostPage | Leads | Nothing:
    """What a decoded path shows, and what has been said about it."""
    found = post_page.at(session, path)
    if isinstance(found, PostPage):
        return replace(found, thread=_thread(session, found, reader or Reader()))
    return Leads(found) if found else nothing(session, path)


def _thread(session: Session, page: PostPage, reader: Reader) -> Thread:
    closed = comment.closed(
        reader.settings,
        takes_comments=page.takes_comments,
        publish_at=page.card.published_at,
    )
    card = page.card
    return comment.of_post(session, card.id, reader, closed=closed, kind=card.kind)


def nothing(session: Session, path: str) -> Nothing:
    return Nothing(archives.nearest(session, path))


def tagged(session: Session, slug: str, page: int, per_page: int) -> tuple[Name, PostList]:
    """A tag and a page of its posts. Raises `LookupError`, for a tag that none bears too."""
    name, part = archives.tag(session, slug)
    shelf = cards.post_list(session, part, page=page, per_page=per_page)
    if not shelf.cards:
        raise LookupError(slug)
    return name, shelf


def written_by(session: Session, name: str, page: int, per_page: int) -> tuple[Name, PostList]:
    """An author and a page of their posts. Who has published nothing is not shown."""
    author, part = archives.author(session, name)
    shelf = cards.post_list(session, part, page=page, per_page=per_page)
    if not shelf.cards:
        raise LookupError(name)
    return author, shelf


def from_span(
    session: Session, year: int, month: int | None, zone: Any, page: int, per_page: int
) -> PostList:
    """A page of what was published in a year or a month."""
    start, end = archives.span(year, month, zone)
    shelf = cards.post_list(session, Part(start=start, end=end), page=page, per_page=per_page)
    if not shelf.cards:
        raise LookupError(year, month)
    return shelf


def overview(session: Session, zone: Any) -> ArchiveOverview:
    return ArchiveOverview(
        archives.archive(session, zone),
        archives.all_tags(session),
        archives.all_authors(session),
    )


def tag_called(session: Session, text: str) -> str | None:
    """The slug of the tag that an old address means, such as /tags/异步 or /tags/Python, or that of
    a tag which has another name by now."""
    slug = tag.followed(session, tag.tag_slug(text))
    try:
        return archives.tag(session, slug)[0].slug if slug != text else None
    except LookupError:
        return None


def feed(session: Session) -> tuple[None, list[PostPage]]:
    return None, archives.newest(session)


def tag_feed(session: Session, slug: str) -> tuple[Name, list[PostPage]]:
    """Raises `LookupError` for a tag that no visible post bears."""
    return _with_posts(session, *archives.tag(session, slug))


def author_feed(session: Session, name: str) -> tuple[Name, list[PostPage]]:
    return _with_posts(session, *archives.author(session, name))


def _with_posts(session: Session, name: Name, part: Part) -> tuple[Name, list[PostPage]]:
    posts = archives.newest(session, part)
    if not posts:
        raise LookupError(name.slug)
    return name, posts
