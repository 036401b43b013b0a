"""The blogroll setting: parses lines of text into the blogs that the site recommends."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from blog.config import N_
from blog.models.base import Refusal

PATH = "/links"  # a page that the site owner has created at this address takes precedence
LINE = re.compile(r"(?P<name>\S.*?)\s+(?P<address>https?://[^\s<>\"]+)(?:\s+(?P<about>\S.*))?")
MOST = 300


@dataclass(frozen=True)
class Friend:
    """A recommended blog. Pages show its `initial`; an icon would require a request to its host."""

    name: str
    address: str
    about: str = ""

    @property
    def initial(self) -> str:
        """The first letter of the name, in upper case."""
        return initial(self.name)

    @property
    def host(self) -> str:
        """The host name without a leading `www.`."""
        return (urlsplit(self.address).hostname or "").removeprefix("www.")


def initial(words: str) -> str:
    """Return the first letter, digit or Han character of a text, in upper case."""
    return next((character for character in words if character.isalnum()), words[:1]).upper()


def check_blogroll(text: str) -> None:
    """Raise `Refusal` for a text that `read_blogroll` cannot parse."""
    read_blogroll(text)


@lru_cache(maxsize=8)
def read_blogroll(text: str) -> tuple[Friend, ...]:
    """Parse lines of the form `Name https://address description`. Raises `Refusal`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise Refusal(N_("A blogroll can have at most %(most)s blogs."), "blogroll", most=MOST)
    return tuple(_friend(line) for line in lines)


def _friend(line: str) -> Friend:
    match = LINE.fullmatch(line)
    if not match or not _is_address(match["address"]):
        message = N_(
            "“%(line)s” is not a name followed by an address, such as https://example.org."
        )
        raise Refusal(message, "blogroll", line=line[:80])
    return Friend(match["name"][:80], match["address"][:500], (match["about"] or "")[:200])


def _is_address(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False
