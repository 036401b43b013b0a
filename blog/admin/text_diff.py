"""Two short texts as one: what stayed, what was taken out, what was put in."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

# A word, a single Han character, a run of white space, or any other sign.
PIECE = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|\s+|[^\w\s]")
LONGEST = 4000  # letters of both; beyond it the whole was replaced


def diff(before: str, after: str) -> list[tuple[str, str]]:
    """Runs of text, each with `=` (stayed), `-` (taken out) or `+` (put in)."""
    if len(before) + len(after) > LONGEST:
        return [(sign, text) for sign, text in (("-", before), ("+", after)) if text]
    return list(_runs(PIECE.findall(before), PIECE.findall(after)))


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    for act, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if act == "equal":
            yield "=", "".join(old[a:b])
            continue
        if a < b:
            yield "-", "".join(old[a:b])
        if c < d:
            yield "+", "".join(new[c:d])
