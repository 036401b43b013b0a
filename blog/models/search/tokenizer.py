"""Normalising text for search: folding of width, case and accents, and splitting into tokens."""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

# Characters that fold to exactly one character each. They make up most of any text, and are
# folded with a single `str.translate`.
PLAIN = (
    "\x00-\x7f\u00c0-\u00c5\u00c7-\u00d6\u00d8-\u00dd\u00e0-\u00e5\u00e7-\u00f6\u00f8-\u00fd\u00ff"
    "\u2010-\u2016\u2018-\u2023\u2027\u2190-\u21ff\u2500-\u27bf\u3000-\u3029\u3041-\u3096"
    "\u30a0-\u30fe\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e\U0001f300-\U0001faff"
)
# Characters that belong to the one before: vowel and final jamo, half-width voice marks.
_JOINING = "\u1160-\u11ff\uff9e\uff9f\uffa0-\uffdc"
# Letters that Unicode does not decompose, although readers type them without the accent.
_LOOKALIKES = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe"})


def _class(*categories: str, until: int = 0x3100) -> str:
    """Return the characters of these Unicode categories, for use in a regular expression's set."""
    return "".join(
        char for char in map(chr, range(0x80, until)) if unicodedata.category(char) in categories
    )


MARKS = _class("Mn", "Mc", "Me")
_UNSEEN = "\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff"
_FOLLOWING = f"[{MARKS}{_JOINING}{_UNSEEN}]*"
_ODD = re.compile(f".?[^{PLAIN}]+", re.DOTALL)
_CLUSTER = re.compile(f".{_FOLLOWING}", re.DOTALL)
_DROPPED = re.compile(f"[{_UNSEEN}]+")
_ACCENTED = re.compile("([a-z\u00df-\u02af\u03b1-\u03c9])[\u0300-\u036f]+")


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    """Fold one character with its marks, repeatedly until nothing changes.

    This makes folding idempotent.
    """
    folded = _DROPPED.sub("", cluster)
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def _fold_once(text: str) -> str:
    cased = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", cased))
    return unicodedata.normalize("NFC", bare).translate(_LOOKALIKES)


class _TranslationTable(dict[int, str]):
    """A table for `str.translate` that computes each entry when it is first needed."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_cluster(chr(code))
        return folded


_TABLE = _TranslationTable()


class Folded:
    """A folded text, with the mapping from its positions to those of the original text."""

    def __init__(self, original: str) -> None:
        self._starts: list[int] = []  # of each piece, in the folded text
        # Of each piece, its start and length in the original; 0 if its characters map one to one.
        self._origins: list[tuple[int, int]] = []
        self._size = 0
        if original.isascii():
            self.text = original.lower()
            self._note(0, 0, len(original))
        else:
            self.text = "".join(self._pieces(original))

    def _pieces(self, original: str) -> list[str]:
        pieces, done = [], 0
        for odd in _ODD.finditer(original):
            if odd.start() > done:
                pieces.append(original[done : odd.start()].translate(_TABLE))
                self._note(done, 0, len(pieces[-1]))
            for cluster in _CLUSTER.finditer(odd.group()):
                pieces.append(_fold_cluster(cluster.group()))
                self._note(odd.start() + cluster.start(), len(cluster.group()), len(pieces[-1]))
            done = odd.end()
        pieces.append(original[done:].translate(_TABLE))
        self._note(done, 0, len(pieces[-1]))
        return pieces

    def _note(self, origin: int, length: int, folded_length: int) -> None:
        if folded_length:
            self._starts.append(self._size)
            self._origins.append((origin, length))
            self._size += folded_length

    def _place(self, at: int) -> tuple[int, int]:
        """Return start and end, in the original, of the folded character at index `at`."""
        piece = bisect_right(self._starts, at) - 1
        origin, length = self._origins[piece]
        if length:
            return origin, origin + length
        start = origin + at - self._starts[piece]
        return start, start + 1

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return start and end, in the original, of `text[start:end]`, which must not be empty."""
        return self._place(start)[0], self._place(end - 1)[1]


def fold(text: str) -> str:
    """Fold a text in width, case and accents, so that equal words become equal strings."""
    return Folded(text).text


# --- tokens ---

# Scripts that are written without spaces or, like Hangul, searched by parts of words: Han, kana,
# Hangul, Thai, Lao, Burmese and Khmer.
DENSE = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ece\u1000-\u109d\u1780-\u17d3"
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u3131-\u318e\u31f0-\u31ff\u1100-\u11ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\U00020000-\U000323af"
)
LETTER = f"[^\\W_{DENSE}]"
# C++ and C# are words of their own, which searching for C does not find; so is the dot of .NET.
SUFFIX = rf"(?:\+\+(?!\+)|#(?!#|{LETTER}))"
_PIECE = re.compile(rf"[{DENSE}]+|\.(?=net(?!{LETTER}))|{LETTER}+(?:[{MARKS}]+{LETTER}*)*{SUFFIX}?")
MAX_TOKEN_LENGTH = 64
BREAK = "#"  # separates two tags; no text has a token that consists of it


def pieces(folded: str) -> list[str]:
    """Split a folded text into words, numbers and unbroken runs of a dense script, in order."""
    return [
        piece if is_dense(piece) else piece[:MAX_TOKEN_LENGTH] for piece in _PIECE.findall(folded)
    ]


def is_dense(piece: str) -> bool:
    """Return whether a piece is a run of a script without spaces."""
    return bool(_IS_DENSE.match(piece))


_IS_DENSE = re.compile(f"[{DENSE}]")


def tokens(pieces: list[str]) -> list[str]:
    """Return the tokens to index.

    A dense run becomes its characters and pairs in turn: 异步编 becomes 异 异步 步 步编 编. So
    consecutive characters of the text are consecutive tokens.
    """
    result: list[str] = []
    for piece in pieces:
        result += _interleaved(piece) if is_dense(piece) else [piece]
    return result


def _interleaved(run: str) -> list[str]:
    singles_and_pairs = ((run[i], run[i : i + 2]) for i in range(len(run)))
    return [token for entry in singles_and_pairs for token in entry][:-1]
