"""Renders authors' Markdown to safe HTML, with its outline, plain text and word count."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from blog.config import N_
from blog.markup import clean, parser, words
from blog.markup.clean import NARROW, narrow
from blog.markup.language import language_of
from blog.markup.limits import MAX_SOURCE, TooMuch
from blog.markup.words import excerpt, slugify

__all__ = [
    "NARROW",
    "RENDERER",
    "Rendered",
    "Size",
    "TooMuch",
    "Trust",
    "excerpt",
    "language_of",
    "narrow",
    "render",
    "slugify",
]

RENDERER = 1  # the version of the output; raise it when the same text is rendered differently

Trust = Literal["author", "guest"]
Size = tuple[int, int]
Outline = list[tuple[int, str, str]]
LEADING_HEADING = re.compile(r"\s*<(h[1-6])\b[^>]*>(.*?)</\1>\s*", re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """A rendered text.

    `outline` holds (level, id, text) of each heading, `minutes` the reading time. `pictures` and
    `links` are the addresses that the text points to.
    """

    html: str
    outline: Outline = field(default_factory=list)
    text: str = ""
    words: int = 0
    minutes: int = 1
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Serialize all fields."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Rendered":
        """Create an object from the output of `to_json`."""
        values = json.loads(text)
        outline = [(level, id, title) for level, id, title in values.pop("outline")]
        return cls(outline=outline, **values)


def render(
    source: str,
    links: Mapping[str, str] | None = None,
    *,
    trust: Trust = "author",
    sizes: Mapping[str, Size] | None = None,
    title: str = "",
) -> Rendered:
    """Render Markdown to HTML that is safe to show. Raises `TooMuch` if it exceeds a limit.

    `links` maps link targets, as written in the source, to new ones. `sizes` holds the width and
    height of the site's own pictures by address. For the trust "guest", only the elements that
    comments need are allowed. A leading heading equal to `title` is removed, since the page
    already shows the title.
    """
    parsed = parser.parse(_with_template_links(_checked(source), links or {}), trust)
    cleaned = clean.clean(parsed, links or {}, sizes or {}, trust)
    html, outline = _without_title(cleaned.html, parsed.outline, title)
    text = words.plain(html)
    count = words.count(text)
    return Rendered(
        html=html,
        outline=outline,
        text=text,
        words=count.latin + count.han,
        minutes=count.minutes,
        pictures=cleaned.pictures,
        links=cleaned.links,
    )


def _without_title(html: str, outline: Outline, title: str) -> tuple[str, Outline]:
    heading = LEADING_HEADING.match(html)
    if not (title and heading and words.plain(heading[2]).strip() == title.strip()):
        return html, outline
    return html[heading.end() :], outline[1:]


def _with_template_links(source: str, links: Mapping[str, str]) -> str:
    """Replace targets such as `{% post_url x %}`, whose spaces Markdown does not allow."""
    for old, new in links.items():
        if old.startswith(("{%", "{{")):
            source = source.replace(f"]({old}", f"]({new}")
    return source


def _checked(source: str) -> str:
    """Return the text, with `?` for lone surrogates. Raises `TooMuch` if it is too long."""
    utf8 = source[: MAX_SOURCE + 1].encode(errors="replace")
    if len(utf8) > MAX_SOURCE:
        raise TooMuch(N_("The text is longer than %(limit)s kB."), limit=MAX_SOURCE // 1000)
    return utf8.decode()
