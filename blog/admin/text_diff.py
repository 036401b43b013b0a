"""A word-by-word difference of two short texts, for the audit log and the history of settings."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

# A single Han character, a word, a run of white space, or any other character.
PIECE = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|\s+|[^\w\s]")
LONGEST = 4000  # characters of both texts; longer ones are shown as replaced as a whole


def diff(before: str, after: str) -> list[tuple[str, str]]:
    """Return runs of text, each with `=` (unchanged), `-` (removed) or `+` (added)."""
    if len(before) + len(after) > LONGEST:
        return [(sign, text) for sign, text in (("-", before), ("+", after)) if text]
    return list(_runs(PIECE.findall(before), PIECE.findall(after)))


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for operation, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if operation == "equal":
            yield "=", "".join(old[old_start:old_end])
            continue
        if old_start < old_end:
            yield "-", "".join(old[old_start:old_end])
        if new_start < new_end:
            yield "+", "".join(new[new_start:new_end])
