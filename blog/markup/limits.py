"""How much of anything one text may hold, so that none can hold up the house."""

from typing import Any

LONGEST = 500_000  # bytes of Markdown
LONGEST_HTML = 5_000_000  # characters
MOST_CELLS = 20_000
MOST_FORMULAS = 1_000
MOST_HEADINGS = 1_000
LONGEST_FORMULA = 4_000
LONGEST_CODE = 50_000  # longer blocks are shown without colours
DEEPEST = 150  # elements inside one another
MOST_UNCLOSED = 5_000


class TooMuch(ValueError):
    """A text over the bounds, in one sentence (marked with `N_`) for whoever wrote it."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.params = params


def names(text: str) -> frozenset[str]:
    """Names that are allowed, written as words."""
    return frozenset(text.split())
