"""Plain text of a rendered post, its length in words and minutes, its excerpt, a title's slug."""

import html
import re
import unicodedata
from dataclasses import dataclass

from blog.markup.chinese import HAN, KANA
from blog.markup.pinyin import pinyin

LATIN_A_MINUTE = 230
HAN_A_MINUTE = 400
LONGEST_SLUG = 80

ASIDE = re.compile(
    r'<sup class="footnote-ref">.*?</sup>|<a [^>]*class="footnote-backref"[^>]*>.*?</a>'
    r"|<math .*?</math>",
    re.S,
)
BREAK = re.compile(
    r"</?(?:p|div|h[1-6]|li|ul|ol|dl|dt|dd|pre|blockquote|table|t[rdh]|br|hr|details|summary|"
    r"section|figure|figcaption)\b[^>]*>"
)
TAG = re.compile(r"<[^>]*>")
EAST = re.compile(f"[{HAN}{KANA}]")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
SPACES = re.compile(r"\s+")
NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Count:
    """Words of a text: those with spaces round them, and Han (and kana) characters."""

    latin: int
    han: int

    @property
    def minutes(self) -> int:
        return max(1, round(self.latin / LATIN_A_MINUTE + self.han / HAN_A_MINUTE))


def plain(cleaned: str) -> str:
    """The words of sanitised HTML, a line for each block; formulas and note marks left out.

    Only for the sanitiser's own output, where no attribute holds a bare '>'.
    """
    text = TAG.sub("", BREAK.sub("\n", ASIDE.sub("", cleaned)))
    lines = (line.strip() for line in html.unescape(text).split("\n"))
    return "\n".join(line for line in lines if line)


def count(text: str) -> Count:
    rest, han = EAST.subn(" ", text)
    return Count(latin=sum(1 for _ in WORD.finditer(rest)), han=han)


def excerpt(text: str, length: int = 160) -> str:
    """The beginning of `text`, at most `length` characters, cut between words or Han."""
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
    """Where the last Han before `end` is over, or 0."""
    return next((at for at in range(end, 0, -1) if EAST.match(text[at - 1])), 0)


def slugify(title: str) -> str:
    """An address in lower-case ASCII: pinyin for Han, no accents, never empty."""
    ascii_ = unicodedata.normalize("NFKD", pinyin(title)).encode("ascii", "ignore").decode()
    slug = NO_SLUG.sub("-", ascii_.lower().replace("'", "")).strip("-")
    if len(slug) > LONGEST_SLUG:
        slug = slug[:LONGEST_SLUG].rpartition("-")[0] or slug[:LONGEST_SLUG]
    return slug.strip("-") or "post"
