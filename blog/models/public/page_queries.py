"""The entry points of the public views: one function per page or feed, each one transaction."""

from dataclasses import dataclass, replace
from datetime import tzinfo

from sqlalchemy.orm import Session

from blog.models.comments import comment
from blog.models.comments.comment import Reader, Thread
from blog.models.listing import NumberedPage
from blog.models.public import archives, cards, post_page
from blog.models.public.archives import Archive
from blog.models.public.cards import Card, Name, PostList, PostPage
from blog.models.public.post_counts import WHOLE, ListRange
from blog.models.tags import tag

IN_FEED = 20  # posts on one page of a feed


@dataclass(frozen=True)
class RedirectsTo:
    """The address redirects to `location`, a path of this site or an absolute URL."""

    location: str


@dataclass(frozen=True)
class UnknownAddress:
    """The address is unknown. `near` are the posts with the most similar addresses."""

    near: tuple[Card, ...] = ()


@dataclass(frozen=True)
class FeedPosts(NumberedPage):
    """One page of the posts of a feed. `name` is the tag or author; the site's feed has none."""

    name: Name | None
    shown: tuple[PostPage, ...]
    total: int
    page: int
    per_page: int


@dataclass(frozen=True)
class ArchiveOverview:
    """The archive page: all months, tags and authors with their numbers of posts."""

    archive: Archive
    tags: tuple[Name, ...]
    authors: tuple[Name, ...]


def at(
    session: Session, path: str, reader: Reader | None = None
) -> PostPage | RedirectsTo | UnknownAddress:
    """Return what a decoded path shows: a post with its comments, a redirect or nothing."""
    return known_at(session, path, reader or Reader()) or unknown_address(session, path)


def known_at(session: Session, path: str, reader: Reader) -> PostPage | RedirectsTo | None:
    """Return the post at a decoded path with its comments, or its redirect, or None."""
    result = post_page.at(session, path)
    if isinstance(result, PostPage):
        return _with_thread(session, result, reader)
    return RedirectsTo(result) if result else None


def _with_thread(session: Session, page: PostPage, reader: Reader) -> PostPage:
    return replace(page, thread=_thread(session, page, reader))


def _thread(session: Session, page: PostPage, reader: Reader) -> Thread:
    closed = comment.closed(
        reader.settings,
        takes_comments=page.takes_comments,
        publish_at=page.card.published_at,
    )
    card = page.card
    return comment.of_post(session, card.id, reader, closed=closed, kind=card.kind)


def unknown_address(session: Session, path: str) -> UnknownAddress:
    """Return the posts to suggest for an unknown path."""
    return UnknownAddress(archives.nearest(session, path))


def tagged(session: Session, slug: str, page: int, per_page: int) -> tuple[Name, PostList]:
    """Return a tag and a page of its posts. Raises `LookupError`, also if it has none."""
    name, list_range = archives.tag(session, slug)
    posts = cards.post_list(session, list_range, page=page, per_page=per_page)
    if not posts.cards:
        raise LookupError(slug)
    return name, posts


def written_by(session: Session, name: str, page: int, per_page: int) -> tuple[Name, PostList]:
    """Return an author and a page of their posts. Raises `LookupError`, also without posts."""
    author, list_range = archives.author(session, name)
    posts = cards.post_list(session, list_range, page=page, per_page=per_page)
    if not posts.cards:
        raise LookupError(name)
    return author, posts


def from_span(
    session: Session, year: int, month: int | None, zone: tzinfo, page: int, per_page: int
) -> PostList:
    """Return a page of the posts of a year or month in the time zone of the site.

    Raises `LookupError`, also if there are none.
    """
    start, end = archives.span(year, month, zone)
    posts = cards.post_list(session, ListRange(start=start, end=end), page=page, per_page=per_page)
    if not posts.cards:
        raise LookupError(year, month)
    return posts


def overview(session: Session, zone: tzinfo) -> ArchiveOverview:
    """Return what the archive page shows, with months in the time zone of the site."""
    return ArchiveOverview(
        archives.archive(session, zone),
        archives.all_tags(session),
        archives.all_authors(session),
    )


def canonical_tag_slug(session: Session, text: str) -> str | None:
    """Return the slug to redirect to for an address such as /tags/异步 or /tags/Python.

    Also finds renamed tags. Returns None if there is no such tag or the address is its own.
    """
    slug = tag.current_slug(session, tag.tag_slug(text))
    try:
        return archives.tag(session, slug)[0].slug if slug != text else None
    except LookupError:
        return None


def feed(session: Session, page: int = 1) -> FeedPosts:
    """Return a page of the site's feed. Raises `LookupError` past the last page."""
    return _feed_posts(session, None, WHOLE, page)


def tag_feed(session: Session, slug: str, page: int = 1) -> FeedPosts:
    """Return a page of a tag's feed. Raises `LookupError`, also if the tag has no posts."""
    name, list_range = archives.tag(session, slug)
    return _feed_posts(session, name, list_range, page)


def author_feed(session: Session, name: str, page: int = 1) -> FeedPosts:
    """Return a page of an author's feed. Raises `LookupError`, also if they have no posts."""
    author, list_range = archives.author(session, name)
    return _feed_posts(session, author, list_range, page)


def _feed_posts(session: Session, name: Name | None, list_range: ListRange, page: int) -> FeedPosts:
    posts, total = archives.whole_posts(session, list_range, (page - 1) * IN_FEED, IN_FEED)
    if not posts and (name or page > 1):
        raise LookupError(page)
    return FeedPosts(name, posts, total, page, IN_FEED)
