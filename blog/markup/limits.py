"""Limits on the size and complexity of a text, so that none can overload the server."""

from blog.refusal import Refusal

MAX_SOURCE = 500_000  # bytes of Markdown
MAX_HTML = 5_000_000  # characters
MAX_CELLS = 20_000
MAX_FORMULAS = 1_000
MAX_HEADINGS = 1_000
MAX_FORMULA = 4_000  # characters
MAX_CODE = 50_000  # characters; longer blocks are shown without highlighting
MAX_DEPTH = 150  # levels of nested elements
MAX_UNCLOSED = 5_000


class TooMuch(Refusal):
    """The text exceeds a limit. The message tells its author which one."""

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message, "body", **params)


def names(text: str) -> frozenset[str]:
    """Return the set of the words in the text."""
    return frozenset(text.split())
