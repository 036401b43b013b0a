"""Text as search compares it: folded in width, case and accents, and cut into tokens."""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

# Characters that fold, alone, to exactly one character: most of any text, folded in one sweep.
PLAIN = (
    "\x00-\x7f\u00c0-\u00c5\u00c7-\u00d6\u00d8-\u00dd\u00e0-\u00e5\u00e7-\u00f6\u00f8-\u00fd\u00ff"
    "\u2010-\u2016\u2018-\u2023\u2027\u2190-\u21ff\u2500-\u27bf\u3000-\u3029\u3041-\u3096"
    "\u30a0-\u30fe\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e\U0001f300-\U0001faff"
)
# What belongs to the character before it: vowel and final jamo, half-width voice marks.
_JOINING = "\u1160-\u11ff\uff9e\uff9f\uffa0-\uffdc"
# Letters that Unicode does not see as a letter with an accent, though readers type them so.
_LOOKALIKES = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe"})


def _class(*categories: str, until: int = 0x3100) -> str:
    """The characters of these Unicode categories, as the inside of a regular expression's set."""
    found = [c for c in map(chr, range(0x80, until)) if unicodedata.category(c) in categories]
    return "".join(found)


MARKS = _class("Mn", "Mc", "Me")
_UNSEEN = "\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff"
_FOLLOWING = f"[{MARKS}{_JOINING}{_UNSEEN}]*"
_ODD = re.compile(f".?[^{PLAIN}]+", re.DOTALL)
_CLUSTER = re.compile(f".{_FOLLOWING}", re.DOTALL)
_DROPPED = re.compile(f"[{_UNSEEN}]+")
_ACCENTED = re.compile("([a-z\u00df-\u02af\u03b1-\u03c9])[\u0300-\u036f]+")


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    """One character with its marks, until nothing changes: folding twice is folding once."""
    folded = _DROPPED.sub("", cluster)
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def _fold_once(text: str) -> str:
    cased = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", cased))
    return unicodedata.normalize("NFC", bare).translate(_LOOKALIKES)


class _Table(dict[int, str]):
    """A table for `str.translate` that learns each character when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_cluster(chr(code))
        return folded


_TABLE = _Table()


class Folded:
    """A folded text with the way back: which stretch of the original a folded stretch came from."""

    def __init__(self, original: str) -> None:
        self._starts: list[int] = []  # where each piece starts in the folded text
        self._origins: list[tuple[int, int]] = []  # its start in the original, its length or 0: 1:1
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
        """Where the folded character `at` stands in the original: start and end."""
        piece = bisect_right(self._starts, at) - 1
        origin, length = self._origins[piece]
        if length:
            return origin, origin + length
        start = origin + at - self._starts[piece]
        return start, start + 1

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that `text[start:end]`, not empty, was folded from."""
        return self._place(start)[0], self._place(end - 1)[1]


def fold(text: str) -> str:
    return Folded(text).text


# --- tokens ---

# Scripts written without spaces: Han, kana, Hangul, and those of the south-east.
DENSE = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ece\u1000-\u109d\u1780-\u17d3"
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u3131-\u318e\u31f0-\u31ff\u1100-\u11ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\U00020000-\U000323af"
)
LETTER = f"[^\\W_{DENSE}]"
# C++ and C# are words of their own, and no `c`; the dot of .NET is one before `net`.
SUFFIX = rf"(?:\+\+(?!\+)|#(?!#|{LETTER}))"
_PIECE = re.compile(rf"[{DENSE}]+|\.(?=net(?!{LETTER}))|{LETTER}+(?:[{MARKS}]+{LETTER}*)*{SUFFIX}?")
LONGEST_TOKEN = 64
BREAK = "#"  # stands between two tags; alone it is no token of any text


def pieces(folded: str) -> list[str]:
    """Words, numbers and unbroken runs of a dense script, in order."""
    return [found if is_dense(found) else found[:LONGEST_TOKEN] for found in _PIECE.findall(folded)]


def is_dense(piece: str) -> bool:
    return bool(_IS_DENSE.match(piece))


_IS_DENSE = re.compile(f"[{DENSE}]")


def tokens(pieces: list[str]) -> list[str]:
    """What is indexed. Dense 异步编 becomes 异 异步 步 步编 编: a run of these is a run of text."""
    found: list[str] = []
    for piece in pieces:
        found += _interleaved(piece) if is_dense(piece) else [piece]
    return found


def _interleaved(run: str) -> list[str]:
    singles_and_pairs = ((run[i], run[i : i + 2]) for i in range(len(run)))
    return [token for both in singles_and_pairs for token in both][:-1]
