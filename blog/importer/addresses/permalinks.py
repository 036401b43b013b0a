"""The addresses an old blog gave its posts: written out, or made by a pattern."""

import posixpath
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote, urlsplit

from blog.config import N_

NAMED = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "weekdate": "/:categories/:year/W:week/:short_day/:title.html",
    "none": "/:categories/:title.html",
}
TOKEN = re.compile(r":([a-z_]+)")
TIMES = {
    "year": "%Y",
    "short_year": "%y",
    "month": "%m",
    "day": "%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
    "y_day": "%j",
    "yearday": "%j",
    "week": "%V",
    "short_month": "%b",
    "long_month": "%B",
    "monthname": "%B",
    "short_day": "%a",
}
PARTS = frozenset(
    {"title", "slug", "name", "filename", "categories", "category", "i_month", "i_day"}
    | {"output_ext", "post_title", "slugorfilename"}
    | set(TIMES)
)
LONGEST = 500


class BadPattern(ValueError):
    """A pattern with a part that we do not know, told in one sentence."""

    def __init__(self, part: str) -> None:
        self.message = N_("The address pattern has an unknown placeholder: %(part)s.")
        self.params = {"part": part}
        super().__init__(self.message % self.params)


def check(pattern: str) -> str:
    """The pattern, written out where it is one of Jekyll's named ones. Raises `BadPattern`."""
    pattern = NAMED.get(pattern, pattern)
    for part in TOKEN.findall(pattern):
        if part not in PARTS:
            raise BadPattern(f":{part}")
    return pattern


def expand(pattern: str, when: datetime | None, words: Mapping[str, str]) -> str | None:
    """The address a pattern makes; None where it needs a day and there is none."""
    parts = dict(words, output_ext=".html") | _times(when)
    wanted = TOKEN.findall(pattern)
    if any(part not in parts for part in wanted):
        return None
    path = TOKEN.sub(lambda found: parts[found[1]], pattern)
    return clean(re.sub(r"/{2,}", "/", path))  # a post without categories leaves a gap


def _times(when: datetime | None) -> dict[str, str]:
    if when is None:
        return {}
    parts = {part: when.strftime(form) for part, form in TIMES.items()}
    return parts | {"i_month": str(when.month), "i_day": str(when.day)}


def clean(address: str) -> str | None:
    """An address as a path: from the root, no host, percent signs decoded; None for no path."""
    try:
        path = urlsplit(address.strip()).path
    except ValueError:
        return None
    path = "/" + unquote(path).lstrip("/")
    if any(ord(sign) < 32 for sign in path) or "\\" in path or len(path) > LONGEST:
        return None
    tail = "/" if path.endswith("/") else ""
    path = posixpath.normpath(path).rstrip("/") + tail
    return None if path.strip("/") == "" else path


def urlize(title: str) -> str:
    """A title as Hugo writes it into an address: any script's letters, hyphens for the rest."""
    kept = "".join(sign if sign.isalnum() or sign in "._-" else " " for sign in title.lower())
    return "-".join(kept.split())
