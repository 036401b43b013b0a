"""Expands permalink patterns of Jekyll, Hexo and Hugo, and cleans old addresses."""

import posixpath
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote, urlsplit

from blog.config import N_

# Named patterns of Jekyll.
NAMED = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title.html",
    "weekdate": "/:categories/:year/W:week/:short_day/:title.html",
    "none": "/:categories/:title.html",
}
TOKEN = re.compile(r":([a-z_]+)")
# Placeholders for parts of the date, and their `strftime` formats.
DATE_FORMATS = {
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
PLACEHOLDERS = frozenset(
    {"title", "slug", "name", "filename", "categories", "category", "i_month", "i_day"}
    | {"output_ext", "post_title", "slugorfilename"}
    | set(DATE_FORMATS)
)
MAX_LENGTH = 500


class BadPattern(ValueError):
    """A pattern with an unknown placeholder. `message` is marked with `N_`."""

    def __init__(self, part: str) -> None:
        self.message = N_("The address pattern has an unknown placeholder: %(part)s.")
        self.params = {"part": part}
        super().__init__(self.message % self.params)


def check(pattern: str) -> str:
    """Return the pattern, or the one that Jekyll calls by this name.

    Raises `BadPattern` if it has an unknown placeholder.
    """
    pattern = NAMED.get(pattern, pattern)
    for placeholder in TOKEN.findall(pattern):
        if placeholder not in PLACEHOLDERS:
            raise BadPattern(f":{placeholder}")
    return pattern


def expand(pattern: str, date: datetime | None, names: Mapping[str, str]) -> str | None:
    """Return the address that a pattern gives.

    `names` holds the values of the placeholders that are not parts of the date. Returns None if the
    pattern needs a date and there is none.
    """
    values = dict(names, output_ext=".html") | _date_values(date)
    if any(placeholder not in values for placeholder in TOKEN.findall(pattern)):
        return None
    path = TOKEN.sub(lambda match: values[match[1]], pattern)
    return clean(re.sub(r"/{2,}", "/", path))  # a post without categories leaves a double slash


def _date_values(date: datetime | None) -> dict[str, str]:
    if date is None:
        return {}
    values = {name: date.strftime(format) for name, format in DATE_FORMATS.items()}
    return values | {"i_month": str(date.month), "i_day": str(date.day)}


def clean(address: str) -> str | None:
    """Return an address as a decoded path that begins with a slash, without host and query.

    Returns None if it has no path or the path is not usable.
    """
    try:
        path = urlsplit(address.strip()).path
    except ValueError:
        return None
    path = "/" + unquote(path).lstrip("/")
    if any(ord(character) < 32 for character in path) or "\\" in path or len(path) > MAX_LENGTH:
        return None
    slash = "/" if path.endswith("/") else ""
    path = posixpath.normpath(path).rstrip("/") + slash
    return None if path.strip("/") == "" else path


def urlize(title: str) -> str:
    """Return a title as Hugo writes it into an address: letters of any script, and hyphens."""
    kept = "".join(
        character if character.isalnum() or character in "._-" else " "
        for character in title.lower()
    )
    return "-".join(kept.split())
