"""What a reader asks of search: words, phrases, an unfinished last word. Nothing is syntax."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

from blog.models.search.tokenizer import (
    LETTER,
    LONGEST_TOKEN,
    SUFFIX,
    fold,
    is_dense,
    pieces,
    tokens,
)

LONGEST = 200
MOST_TERMS = 12
MOST_LOOSE_TERMS = 24
SHORTEST_PREFIX = 2  # one letter would find half of all words

_CHUNK = re.compile(
    r'"[^"]*"|＂[^＂]*＂|“[^”]*”|「[^」]*」|『[^』]*』|«[^»]*»'
    r'|(?P<plain>[^\s"＂“”「」『』«»,;，；、。]+)'
)


@dataclass(frozen=True)
class Term:
    """A word or phrase that must stand in a post as it is. `is_prefix`: its last word may go on."""

    pieces: tuple[str, ...]
    is_prefix: bool = False

    @cached_property
    def tokens(self) -> list[str]:
        """The run of tokens to look for. A pair at either end says what its single would."""
        run = tokens(list(self.pieces))
        first, last = self.pieces[0], self.pieces[-1]
        start = 1 if is_dense(first) and len(first) > 1 else 0
        return run[start : -1 if is_dense(last) and len(last) > 1 else None]

    @cached_property
    def canonical(self) -> str:
        """What a canonical text contains where it contains this term."""
        before = "" if is_dense(self.pieces[0]) else " "
        after = "" if is_dense(self.pieces[-1]) or self.is_prefix else " "
        return before + " ".join(self.pieces) + after

    @cached_property
    def pattern(self) -> str:
        """A regular expression for this term in a folded text."""
        found = _exactly(self.pieces[0])
        for one, other in pairwise(self.pieces):
            found += _gap(one, other) + _exactly(other)
        return found + (f"{LETTER}*" if self.is_prefix else _end(self.pieces[-1]))


def _end(last: str) -> str:
    """What may not follow the last piece: more of its word."""
    if is_dense(last):
        return ""
    return {"+": r"(?!\+)", "#": f"(?!#|{LETTER})"}.get(last[-1], f"(?!{LETTER}|{SUFFIX})")


def _exactly(piece: str) -> str:
    """The piece, and for a word no letter before it: looked for last, since `re` is quick to find
    a plain beginning. What was cut off a very long word may follow it."""
    plain = re.escape(piece)
    if is_dense(piece) or piece == ".":
        return plain
    return f"{plain}(?<!{LETTER}{plain})" + f"{LETTER}*" * (len(piece) == LONGEST_TOKEN)


def _gap(one: str, other: str) -> str:
    """What may stand between two pieces: no letter, and something if both are words."""
    touching = is_dense(one) or is_dense(other) or "." in (one, other)
    return r"[\W_]{0,40}" if touching else r"[\W_]{1,40}"


@dataclass(frozen=True)
class SearchQuery:
    """`text` is what was typed, made neat; each of `terms` must be found, in any order."""

    text: str
    terms: tuple[Term, ...]

    @cached_property
    def finished(self) -> tuple[Term, ...]:
        """The terms with the last word taken as it stands."""
        return tuple(Term(term.pieces) for term in self.terms)

    @property
    def has_prefix(self) -> bool:
        return any(term.is_prefix for term in self.terms)

    @property
    def canonical(self) -> str:
        """The title of which this is the whole."""
        return canonical(pieces(fold(self.text)))

    @cached_property
    def loose(self) -> tuple[Term, ...]:
        """Each word and pair of the terms alone, for when nothing has them all."""
        alone = (part for term in self.terms for piece in term.pieces for part in _parts(piece))
        words = dict.fromkeys(part for part in alone if part != ".")
        return tuple(Term((word,)) for word in words)[:MOST_LOOSE_TERMS]


def _parts(piece: str) -> list[str]:
    if not is_dense(piece):
        return [piece]
    return [piece[i : i + 2] for i in range(max(1, len(piece) - 1))]


def ask(typed: str) -> SearchQuery:
    """Read a query. Never raises; what holds no word at all has no terms."""
    text = " ".join(_printable(typed[:LONGEST]).split())
    found: dict[Term, None] = {}
    for chunk in _CHUNK.finditer(text):
        last = chunk.end() == len(text)
        found |= dict.fromkeys(_terms(chunk[0], is_quoted=chunk["plain"] is None, is_last=last))
    return SearchQuery(text, tuple(found)[:MOST_TERMS])


def _printable(text: str) -> str:
    """Without invisible marks and halves of characters; other controls become spaces."""
    kept = (char for char in text if unicodedata.category(char) not in ("Cf", "Cs"))
    return "".join(char if char.isprintable() else " " for char in kept)


def _terms(chunk: str, *, is_quoted: bool, is_last: bool) -> list[Term]:
    found = pieces(fold(chunk))
    if is_quoted:
        return [Term(tuple(found))] if found else []
    groups = [tuple(group) for _, group in groupby(found, key=is_dense)]
    runs = [run for group in groups for run in _runs(group)]
    return [Term(run, is_last and run is runs[-1] and _may_go_on(run[-1])) for run in runs]


def _runs(group: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Each dense run alone; words typed in one go, such as async/await, as one phrase."""
    return [(run,) for run in group] if is_dense(group[0]) else [group]


def _may_go_on(piece: str) -> bool:
    return len(piece) >= SHORTEST_PREFIX and not is_dense(piece) and piece[-1] not in "+#"


def canonical(pieces: list[str]) -> str:
    """A text as its pieces: contains `Term.canonical` exactly where it contains the term."""
    return f" {' '.join(pieces)} "
