"""The blogs that a keeper recommends: a line of text each."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from blog.config import N_
from blog.models.base import Refusal

PATH = "/links"  # a page of the keeper's own at this address comes first
LINE = re.compile(r"(?P<name>\S.*?)\s+(?P<address>https?://[^\s<>\"]+)(?:\s+(?P<about>\S.*))?")
MOST = 300


@dataclass(frozen=True)
class Friend:
    """Another blog. `initial` stands where a picture would ask a foreign host."""

    name: str
    address: str
    about: str = ""

    @property
    def initial(self) -> str:
        return initial(self.name)

    @property
    def host(self) -> str:
        return (urlsplit(self.address).hostname or "").removeprefix("www.")


def initial(words: str) -> str:
    """The first letter or character, not the quotation mark before it."""
    return next((mark for mark in words if mark.isalnum()), words[:1]).upper()


def check_blogroll(text: str) -> None:
    read_blogroll(text)


@lru_cache(maxsize=8)
def read_blogroll(text: str) -> tuple[Friend, ...]:
    """Lines of `Name https://address what it is about`. Raises `Refusal`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise Refusal(N_("A blogroll can have at most %(most)s blogs."), "blogroll", most=MOST)
    return tuple(_friend(line) for line in lines)


def _friend(line: str) -> Friend:
    found = LINE.fullmatch(line)
    if not found or not _is_address(found["address"]):
        message = N_(
            "“%(line)s” is not a name followed by an address, such as https://example.org."
        )
        raise Refusal(message, "blogroll", line=line[:80])
    return Friend(found["name"][:80], found["address"][:500], (found["about"] or "")[:200])


def _is_address(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:
        return False
