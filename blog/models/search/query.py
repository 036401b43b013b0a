"""Parsing a search query into terms: words, quoted phrases, and an unfinished last word.

There is no query syntax other than quotation marks.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from blog.models.search.tokenizer import (
    LETTER,
    MAX_TOKEN_LENGTH,
    SUFFIX,
    fold,
    is_dense,
    pieces,
    tokens,
)

MAX_LENGTH = 200  # characters
MAX_TERMS = 12
MAX_LOOSE_TERMS = 24
MIN_PREFIX = 2  # a single letter would find half of all words

_CHUNK = re.compile(
    r'"[^"]*"|＂[^＂]*＂|“[^”]*”|「[^」]*」|『[^』]*』|«[^»]*»'
    r'|(?P<plain>[^\s"＂“”「」『』«»,;，；、。]+)'
)


@dataclass(frozen=True)
class Term:
    """A word or phrase to find. `is_prefix`: its last word may be the beginning of a longer one."""

    pieces: tuple[str, ...]
    is_prefix: bool = False

    @cached_property
    def tokens(self) -> list[str]:
        """The consecutive tokens to look for.

        A single character at either end is left out if the pair next to it contains it.
        """
        run = tokens(list(self.pieces))
        first, last = self.pieces[0], self.pieces[-1]
        start = 1 if is_dense(first) and len(first) > 1 else 0
        return run[start : -1 if is_dense(last) and len(last) > 1 else None]

    @cached_property
    def canonical(self) -> str:
        """The string to look for in a canonical text: see `canonical` below."""
        before = "" if is_dense(self.pieces[0]) else " "
        after = "" if is_dense(self.pieces[-1]) or self.is_prefix else " "
        return before + " ".join(self.pieces) + after

    @cached_property
    def pattern(self) -> str:
        """A regular expression for this term in a folded text."""
        pattern = _exact(self.pieces[0])
        for left, right in pairwise(self.pieces):
            pattern += _gap(left, right) + _exact(right)
        return pattern + (f"{LETTER}*" if self.is_prefix else _end(self.pieces[-1]))


def _end(last: str) -> str:
    """Return a lookahead that the word ends after its last piece."""
    if is_dense(last):
        return ""
    return {"+": r"(?!\+)", "#": f"(?!#|{LETTER})"}.get(last[-1], f"(?!{LETTER}|{SUFFIX})")


def _exact(piece: str) -> str:
    """Return a pattern for a piece, which for a word requires that no letter precedes it.

    The lookbehind comes after the text, because `re` is fast at finding a literal prefix. A word
    of the maximal length may be followed by the letters that were cut off.
    """
    plain = re.escape(piece)
    if is_dense(piece) or piece == ".":
        return plain
    rest = f"{LETTER}*" if len(piece) == MAX_TOKEN_LENGTH else ""
    return f"{plain}(?<!{LETTER}{plain})" + rest


def _gap(left: str, right: str) -> str:
    """Return a pattern for the text between two pieces: no letters, and not empty between words."""
    may_touch = is_dense(left) or is_dense(right) or "." in (left, right)
    return r"[\W_]{0,40}" if may_touch else r"[\W_]{1,40}"


@dataclass(frozen=True)
class SearchQuery:
    """A parsed query. `text` is what was typed, cleaned up; `terms` may be found in any order."""

    text: str
    terms: tuple[Term, ...]

    @cached_property
    def finished(self) -> tuple[Term, ...]:
        """The terms, with the last word taken as complete."""
        return tuple(Term(term.pieces) for term in self.terms)

    @property
    def has_prefix(self) -> bool:
        """Whether the last word may be unfinished."""
        return any(term.is_prefix for term in self.terms)

    @property
    def canonical(self) -> str:
        """The canonical form of a title that is the same as the query."""
        return canonical(pieces(fold(self.text)))

    @cached_property
    def loose(self) -> tuple[Term, ...]:
        """Each word and pair of the terms as a term, for when no post has all terms."""
        parts = (part for term in self.terms for piece in term.pieces for part in _parts(piece))
        words = dict.fromkeys(part for part in parts if part != ".")
        return tuple(Term((word,)) for word in words)[:MAX_LOOSE_TERMS]


def _parts(piece: str) -> list[str]:
    """Return a word, or the pairs of characters of a dense run."""
    if not is_dense(piece):
        return [piece]
    return [piece[i : i + 2] for i in range(max(1, len(piece) - 1))]


def parse(typed: str) -> SearchQuery:
    """Parse a query. Never raises; a query without words has no terms."""
    text = " ".join(_printable(typed[:MAX_LENGTH]).split())
    terms: dict[Term, None] = {}
    for chunk in _CHUNK.finditer(text):
        is_last = chunk.end() == len(text)
        is_quoted = chunk["plain"] is None
        terms |= dict.fromkeys(_terms(chunk[0], is_quoted=is_quoted, is_last=is_last))
    return SearchQuery(text, tuple(terms)[:MAX_TERMS])


def _printable(text: str) -> str:
    """Remove format characters and surrogates, and replace other control characters by spaces."""
    kept = (char for char in text if unicodedata.category(char) not in ("Cf", "Cs"))
    return "".join(char if char.isprintable() else " " for char in kept)


def _terms(chunk: str, *, is_quoted: bool, is_last: bool) -> list[Term]:
    folded = pieces(fold(chunk))
    if is_quoted:
        return [Term(tuple(folded))] if folded else []
    groups = [tuple(group) for _, group in groupby(folded, key=is_dense)]
    runs = [run for group in groups for run in _runs(group)]
    return [Term(run, is_last and run is runs[-1] and _may_be_prefix(run[-1])) for run in runs]


def _runs(group: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Split dense runs; words typed without a space, such as async/await, make one phrase."""
    return [(run,) for run in group] if is_dense(group[0]) else [group]


def _may_be_prefix(piece: str) -> bool:
    return len(piece) >= MIN_PREFIX and not is_dense(piece) and piece[-1] not in "+#"


def canonical(pieces: list[str]) -> str:
    """Join pieces to a canonical text.

    It contains `Term.canonical` of a term exactly if the original text contains the term.
    """
    return f" {' '.join(pieces)} "
