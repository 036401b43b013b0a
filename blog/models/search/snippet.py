"""Highlighting search terms in a text, and choosing the excerpt to show for a search result."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from unicodedata import combining, east_asian_width

from blog.models.search.query import Term
from blog.models.search.tokenizer import LETTER, Folded

Part = tuple[str, bool]  # a part of a text, and whether it is a hit

WIDTH = 160  # columns; a Han character takes two
MAX_BEFORE = 40  # columns before the first hit
MAX_SPANS = 50  # hits of one term that are considered
MAX_EXAMINED = 200_000  # characters of a text; later hits are found but not shown
_SENTENCE_END = "\n。！？；.!?;"
_LETTER = re.compile(LETTER)
ELLIPSIS: Part = ("…", False)


def highlight(text: str, terms: Sequence[Term]) -> list[Part]:
    """Return the whole text in parts, each of which is a hit or not."""
    return _parts(text, 0, len(text), _merged(_spans(text, terms)))


def snippet(text: str, terms: Sequence[Term]) -> list[Part]:
    """Return about two lines around the best hits, or the beginning of a text without hits."""
    text = text[:MAX_EXAMINED]
    spans = _spans(text, terms)
    anchor = _best(spans)
    start = _start(text, anchor[0])
    end = _end(text, start, anchor[1])
    parts = _parts(text, start, end, _merged(spans))
    before = [ELLIPSIS] if text[:start].strip() else []
    return before + parts + ([ELLIPSIS] if text[end:].strip() else [])


Span = tuple[int, int, int]  # start and end in the text, and which term it is


def _spans(text: str, terms: Sequence[Term]) -> list[Span]:
    """Return all hits in a text, in order."""
    folded = Folded(text)
    return sorted(
        (*folded.span(*match.span()), number)
        for number, term in enumerate(terms)
        for match in islice(re.finditer(term.pattern, folded.text), MAX_SPANS)
    )


def _best(spans: list[Span]) -> Span:
    """Return the hit that is followed by the most different terms within the snippet."""

    def count_terms(index: int) -> int:
        end = spans[index][0] + WIDTH // 2
        nearby = (number for start, _, number in spans[index : index + MAX_SPANS] if start < end)
        return len(set(nearby))

    best = max(range(len(spans)), key=count_terms, default=None)
    return (0, 0, 0) if best is None else spans[best]


def _merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Merge overlapping and adjacent spans."""
    merged: list[tuple[int, int]] = []
    for start, end, _ in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _start(text: str, hit: int) -> int:
    """Return a start up to 40 columns before the hit: that of a sentence, else of a word."""
    start, columns = hit, 0
    while start and columns < MAX_BEFORE:
        start -= 1
        columns += _columns(text[start])
    if start:
        start = _sentence_start(text, start, hit) or _word_start(text, start, hit)
    while start < hit and (text[start].isspace() or combining(text[start])):
        start += 1
    return start


def _sentence_start(text: str, start: int, hit: int) -> int:
    """Return the first start of a sentence between `start` and the hit, or 0."""
    ends = (i + 1 for i in range(start, hit) if _ends_sentence(text, i))
    return next(ends, 0)


def _ends_sentence(text: str, at: int) -> bool:
    """Return whether a sentence ends here; a dot as in 3.11 or node.js does not end one."""
    char = text[at]
    return char in _SENTENCE_END and (char not in ".!?;" or text[at + 1 : at + 2].isspace())


def _word_start(text: str, start: int, hit: int) -> int:
    """Return the first position between `start` and the hit that is not inside a word."""
    while start < hit and _is_inside_word(text, start):
        start += 1
    return start


def _end(text: str, start: int, hit_end: int) -> int:
    """Return the end of the snippet: after the hit, and if possible at the end of a word."""
    end, columns = start, 0
    while end < len(text) and (columns < WIDTH or end < hit_end):
        columns += _columns(text[end])
        end += 1
    earliest = max(hit_end, (start + end) // 2)
    back = end
    while back > earliest and _is_inside_word(text, back):
        back -= 1
    end = end if _is_inside_word(text, back) else back
    while end < len(text) and combining(text[end]):
        end += 1
    while end > hit_end and text[end - 1].isspace():
        end -= 1
    return end


def _is_inside_word(text: str, at: int) -> bool:
    """Return whether both neighbours of this position are letters of a script with spaces."""
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
