"""Checking and filling the address pattern of posts, such as `/{year}/{month}/{slug}`."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from blog.config import N_
from blog.models.addresses.address import is_reserved
from blog.models.base import Refusal

DEFAULT_PATTERN = "/posts/{slug}"
SLUG = "{slug}"
DATES = {"{year}": "%Y", "{month}": "%m", "{day}": "%d"}
PART = re.compile(r"\{[^{}]*\}")
FORBIDDEN = re.compile(r"[\s?#%\\{}\"'<>&]")


def check(pattern: str) -> None:
    """Raise `Refusal` for a pattern that would not produce valid addresses."""
    parts = PART.findall(pattern)
    unknown = [part for part in parts if part not in (SLUG, *DATES)]
    if unknown:
        raise Refusal(N_("There is no such placeholder: %(part)s"), part=unknown[0])
    if parts.count(SLUG) != 1 or len(parts) != len(set(parts)):
        raise Refusal(N_("The address must contain {slug} exactly once, and no placeholder twice."))
    if not pattern.startswith("/") or "//" in pattern:
        raise Refusal(N_("The address must start with one slash, such as /posts/{slug}."))
    plain = PART.sub("x", pattern)
    if FORBIDDEN.search(plain) or not plain.isprintable():
        raise Refusal(N_("An address can contain only letters, digits, hyphens and slashes."))
    if any(set(segment) == {"."} for segment in plain.split("/") if segment):
        raise Refusal(N_("An address can contain only letters, digits, hyphens and slashes."))
    first = pattern.split("/")[1]
    if not PART.search(first) and is_reserved(f"/{first}"):
        raise Refusal(N_("The address %(path)s is reserved for the blog itself."), path=f"/{first}")


def dated(pattern: str, moment: datetime, zone: str) -> str:
    """Return the pattern with the date filled in, leaving `{slug}`.

    `zone` is the name of the site's time zone.
    """
    local = moment.astimezone(ZoneInfo(zone))
    for part, form in DATES.items():
        pattern = pattern.replace(part, local.strftime(form))
    return pattern


def filled(pattern: str, slug: str) -> str:
    """Return the address of a post with this slug. `pattern` must have its date filled in."""
    return pattern.replace(SLUG, slug)
