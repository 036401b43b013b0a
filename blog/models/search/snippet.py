"""Where a question's terms stand in a text: the words around them, and what to mark."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from unicodedata import combining, east_asian_width

from blog.models.search.query import Term
from blog.models.search.tokenizer import LETTER, Folded

Part = tuple[str, bool]  # a stretch of text, and whether it is a hit

WIDTH = 160  # columns: as many letters, half as many Han characters
BEFORE = 40  # of these, at most so many before the first hit
MOST_SPANS = 50  # of one term that are looked at
LOOKED_AT = 200_000  # characters of a text; hits in what follows are found but not shown
_SENTENCE_END = "\n。！？；.!?;"
_LETTER = re.compile(LETTER)
CUT: Part = ("…", False)


def highlight(text: str, terms: Sequence[Term]) -> list[Part]:
    """The whole text, in parts that are hits or not."""
    return _parts(text, 0, len(text), _merged(_spans(text, terms)))


def snippet(text: str, terms: Sequence[Term]) -> list[Part]:
    """About two lines of the text around its best hits; its beginning where it has none."""
    text = text[:LOOKED_AT]
    spans = _spans(text, terms)
    anchor = _best(spans)
    start = _start(text, anchor[0])
    end = _end(text, start, anchor[1])
    parts = _parts(text, start, end, _merged(spans))
    before = [CUT] if text[:start].strip() else []
    return before + parts + ([CUT] if text[end:].strip() else [])


Span = tuple[int, int, int]  # start and end in the text, and which term it is


def _spans(text: str, terms: Sequence[Term]) -> list[Span]:
    folded = Folded(text)
    return sorted(
        (*folded.span(*found.span()), number)
        for number, term in enumerate(terms)
        for found in islice(re.finditer(term.pattern, folded.text), MOST_SPANS)
    )


def _best(spans: list[Span]) -> Span:
    """The first hit of the stretch that shows the most different terms."""

    def shown(place: int) -> int:
        start = spans[place][0]
        near = (n for s, _, n in spans[place : place + MOST_SPANS] if s < start + WIDTH // 2)
        return len(set(near))

    best = max(range(len(spans)), key=shown, default=None)
    return (0, 0, 0) if best is None else spans[best]


def _merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end, _ in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _start(text: str, hit: int) -> int:
    """Some columns before the hit: where a sentence begins, else a word."""
    start, columns = hit, 0
    while start and columns < BEFORE:
        start -= 1
        columns += _columns(text[start])
    if start:
        start = _sentence(text, start, hit) or _word(text, start, hit)
    while start < hit and (text[start].isspace() or combining(text[start])):
        start += 1
    return start


def _sentence(text: str, start: int, hit: int) -> int:
    ends = (i + 1 for i in range(start, hit) if _ends_sentence(text, i))
    return next(ends, 0)


def _ends_sentence(text: str, at: int) -> bool:
    """A dot inside 3.11 or node.js ends nothing."""
    char = text[at]
    return char in _SENTENCE_END and (char not in ".!?;" or text[at + 1 : at + 2].isspace())


def _word(text: str, start: int, hit: int) -> int:
    while start < hit and _is_inside_word(text, start):
        start += 1
    return start


def _end(text: str, start: int, hit_end: int) -> int:
    end, columns = start, 0
    while end < len(text) and (columns < WIDTH or end < hit_end):
        columns += _columns(text[end])
        end += 1
    least = max(hit_end, (start + end) // 2)
    back = end
    while back > least and _is_inside_word(text, back):
        back -= 1
    end = end if _is_inside_word(text, back) else back
    while end < len(text) and combining(text[end]):
        end += 1
    while end > hit_end and text[end - 1].isspace():
        end -= 1
    return end


def _is_inside_word(text: str, at: int) -> bool:
    """True between two letters of a script that has spaces."""
    return 0 < at < len(text) and bool(_LETTER.match(text[at - 1]) and _LETTER.match(text[at]))


def _columns(char: str) -> int:
    return 2 if east_asian_width(char) in "WF" else 1


def _parts(text: str, start: int, end: int, hits: list[tuple[int, int]]) -> list[Part]:
    parts, done = [], start
    for first, last in hits:
        first, last = max(first, done), min(last, end)
        if first < last:
            parts += [(text[done:first], False), (text[first:last], True)]
            done = last
    parts.append((text[done:end], False))
    return [part for part in parts if part[0]]
