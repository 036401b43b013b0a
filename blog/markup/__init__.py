"""Authors' text made into safe HTML, with its outline, plain text, excerpt and slug."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from blog.config import N_
from blog.markup import clean, parser, words
from blog.markup.clean import NARROW, narrow
from blog.markup.language import language_of
from blog.markup.limits import LONGEST, TooMuch
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

RENDERER = 1  # raised when the same text would now come out differently

Trust = Literal["author", "guest"]
Size = tuple[int, int]
Outline = list[tuple[int, str, str]]
OPENING = re.compile(r"\s*<(h[1-6])\b[^>]*>(.*?)</\1>\s*", re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """What a text came to. `outline` holds (level, id, text) of each heading."""

    html: str
    outline: Outline = field(default_factory=list)
    text: str = ""
    words: int = 0
    minutes: int = 1
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Rendered":
        values: dict[str, Any] = json.loads(text)
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
    """`source` (Markdown) as HTML that is safe to show. Raises `TooMuch`.

    `links` maps targets, as they stand in the source, to new ones. `sizes` tells width and height
    of the site's own pictures by address. A guest gets the narrow profile that comments need.
    A heading at its very start that says `title` is left out: the page has said it already.
    """
    parsed = parser.parse(_aimed(_bounded(source), links or {}), trust)
    cleaned = clean.clean(parsed, links or {}, sizes or {}, trust)
    html, outline = _untitled(cleaned.html, parsed.outline, title)
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


def _untitled(html: str, outline: Outline, title: str) -> tuple[str, Outline]:
    opening = OPENING.match(html)
    if not (title and opening and words.plain(opening[2]).strip() == title.strip()):
        return html, outline
    return html[opening.end() :], outline[1:]


def _aimed(source: str, links: Mapping[str, str]) -> str:
    """Targets such as `{% post_url x %}` hold spaces, and so are no links to Markdown."""
    for old, new in links.items():
        if old.startswith(("{%", "{{")):
            source = source.replace(f"]({old}", f"]({new}")
    return source


def _bounded(source: str) -> str:
    """The text, if it is not too long; half a character of a broken file becomes a `?`."""
    utf8 = source[: LONGEST + 1].encode(errors="replace")
    if len(utf8) > LONGEST:
        raise TooMuch(N_("The text is longer than %(limit)s kB."), limit=LONGEST // 1000)
    return utf8.decode()
