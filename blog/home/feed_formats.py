"""A feed of posts or comments, and its formats: Atom, RSS 2.0 and JSON Feed 1.1."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from html import escape

from sanic import HTTPResponse, Request
from sanic.response import raw

from blog import web
from blog.models.public.cards import Name
from blog.web.templating import isodate

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Characters that XML 1.0 cannot represent at all, not even escaped.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
JSON_FEED = "https://jsonfeed.org/version/1.1"


@dataclass(frozen=True)
class Person:
    """An author. `url` is absolute, or empty."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class Entry:
    """A post or comment in a feed. All addresses are absolute, those in `html` too."""

    id: str
    url: str
    title: str
    html: str
    language: str
    published: datetime
    updated: datetime
    authors: tuple[Person, ...]
    tags: tuple[Name, ...] = ()
    summary: str = ""
    image: str = ""


@dataclass(frozen=True)
class Feed:
    """One page of a feed, newest entries first, independent of the format.

    `page_url` is the page that shows the same entries, and `base_url` what the address of the
    feed starts with, followed by a slash and the file name of a format. Pages are numbered from 1.
    """

    id: str
    title: str
    description: str
    language: str
    page_url: str
    base_url: str
    author: Person
    entries: tuple[Entry, ...]
    number: int
    pages: int

    @property
    def updated(self) -> datetime | None:
        """The time of the last change, or None if there are no entries."""
        return max((entry.updated for entry in self.entries), default=None)


@dataclass(frozen=True)
class FeedFormat:
    """A format: its name, the file name in addresses, its content type and its renderer."""

    name: str
    file: str
    content_type: str
    render: Callable[[Request, Feed, dict[str, str]], str] = field(repr=False)

    def url(self, feed: Feed, number: int) -> str:
        """Return the absolute URL of a page of the feed in this format."""
        return f"{feed.base_url}/{self.file}{page_suffix(number)}"

    def respond(self, request: Request, feed: Feed) -> HTTPResponse:
        """Return the response with a page of the feed in this format."""
        body = self.render(request, feed, _links(self, feed)).encode()
        return raw(body, content_type=f"{self.content_type}; charset=utf-8")


def page_suffix(number: int) -> str:
    """Return what follows the address of a feed in the address of one of its pages."""
    return f"/page/{number}" if number > 1 else ""


def _links(format: FeedFormat, feed: Feed) -> dict[str, str]:
    """Return the URLs of this page and, by RFC 5005, of the others, by their link relation."""
    url = partial(format.url, feed)
    links = {"self": url(feed.number)}
    if feed.pages > 1:
        links |= {"first": url(1), "last": url(feed.pages)}
    if feed.number > 1:
        links["previous"] = url(feed.number - 1)
    if feed.number < feed.pages:
        links["next"] = url(feed.number + 1)
    return links


def _xml(template: str, request: Request, feed: Feed, links: dict[str, str]) -> str:
    text = web.render_to_string(
        request,
        template,
        feed=feed,
        links=links,
        never=NEVER,
        as_html=escape,  # for text where readers expect HTML
        rfc822=partial(format_datetime, usegmt=True),
    )
    return NOT_XML.sub("", text)


def _json(request: Request, feed: Feed, links: dict[str, str]) -> str:
    content: dict[str, object] = {
        "version": JSON_FEED,
        "title": feed.title,
        "home_page_url": feed.page_url,
        "feed_url": links.get("first", links["self"]),  # it also identifies the feed
        "next_url": links.get("next"),
        "description": feed.description,
        "language": feed.language,
        "authors": _json_people((feed.author,)),
        "items": [_json_item(entry) for entry in feed.entries],
    }
    return json.dumps(_without_empty(content) | {"items": content["items"]}, ensure_ascii=False)


def _json_item(entry: Entry) -> dict[str, object]:
    item: dict[str, object] = {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "image": entry.image,
        "date_published": isodate(entry.published),
        "date_modified": isodate(entry.updated),
        "authors": _json_people(entry.authors),
        "tags": [tag.name for tag in entry.tags],
        "language": entry.language,
    }
    return _without_empty(item) | {"content_html": entry.html}  # required, even if it is empty


def _json_people(people: tuple[Person, ...]) -> list[dict[str, object]]:
    return [_without_empty({"name": person.name, "url": person.url}) for person in people]


def _without_empty(values: dict[str, object]) -> dict[str, object]:
    """Return the values without those that are empty or None."""
    return {name: value for name, value in values.items() if value}


ATOM = FeedFormat("Atom", "feed.atom", "application/atom+xml", partial(_xml, "home/feed_atom.xml"))
RSS = FeedFormat("RSS", "rss.xml", "application/rss+xml", partial(_xml, "home/feed_rss.xml"))
JSON = FeedFormat("JSON", "feed.json", "application/feed+json", _json)
FORMATS = (ATOM, RSS, JSON)
