"""Plain text of a rendered post: word count, reading time and excerpt. Also a title's slug."""

import html
import re
import unicodedata
from dataclasses import dataclass

from blog.markup.chinese import HAN, KANA
from blog.markup.pinyin import pinyin

LATIN_PER_MINUTE = 230
HAN_PER_MINUTE = 400
MAX_SLUG = 80  # characters

NOT_TEXT = re.compile(
    r'<sup class="footnote-ref">.*?</sup>|<a [^>]*class="footnote-backref"[^>]*>.*?</a>'
    r"|<math .*?</math>",
    re.S,
)
BLOCK_TAG = re.compile(
    r"</?(?:p|div|h[1-6]|li|ul|ol|dl|dt|dd|pre|blockquote|table|t[rdh]|br|hr|details|summary|"
    r"section|figure|figcaption)\b[^>]*>"
)
TAG = re.compile(r"<[^>]*>")
EAST = re.compile(f"[{HAN}{KANA}]")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
SPACES = re.compile(r"\s+")
NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Count:
    """The number of words separated by spaces, and of Han and kana characters."""

    latin: int
    han: int

    @property
    def minutes(self) -> int:
        """The reading time, at least 1."""
        return max(1, round(self.latin / LATIN_PER_MINUTE + self.han / HAN_PER_MINUTE))


def plain(cleaned: str) -> str:
    """Return the text of sanitised HTML, one line per block, without formulas and footnote marks.

    The input must come from the sanitiser, so that no attribute contains a bare '>'.
    """
    text = TAG.sub("", BLOCK_TAG.sub("\n", NOT_TEXT.sub("", cleaned)))
    lines = (line.strip() for line in html.unescape(text).split("\n"))
    return "\n".join(line for line in lines if line)


def count(text: str) -> Count:
    """Count the words and the Han and kana characters of a plain text."""
    latin_text, han = EAST.subn(" ", text)
    return Count(latin=sum(1 for _ in WORD.finditer(latin_text)), han=han)


def excerpt(text: str, length: int = 160) -> str:
    """Return the start of `text`, at most `length` characters, cut between words or Han."""
    text = SPACES.sub(" ", text).strip()
    if len(text) <= length:
        return text
    cut = length - 1
    if _inside_word(text, cut):
        cut = max(text.rfind(" ", 0, cut), _last_east(text, cut)) or cut
    return text[:cut].rstrip(" ,.;:!?-\u2014\u3001\uff0c\u3002\uff1b\uff1a\uff01\uff1f") + "\u2026"


def _inside_word(text: str, at: int) -> bool:
    pair = text[at - 1 : at + 1]
    return " " not in pair and not EAST.search(pair)


def _last_east(text: str, end: int) -> int:
    """Return the position after the last Han or kana character before `end`, or 0."""
    return next((at for at in range(end, 0, -1) if EAST.match(text[at - 1])), 0)


def slugify(title: str) -> str:
    """Return a slug in lower-case ASCII: pinyin for Han, no accents, never empty."""
    ascii_ = unicodedata.normalize("NFKD", pinyin(title)).encode("ascii", "ignore").decode()
    slug = NOT_IN_SLUG.sub("-", ascii_.lower().replace("'", "")).strip("-")
    if len(slug) > MAX_SLUG:
        slug = slug[:MAX_SLUG].rpartition("-")[0] or slug[:MAX_SLUG]
    return slug.strip("-") or "post"
