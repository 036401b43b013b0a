"""Times as old blogs write them."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

WRITTEN = re.compile(
    r"\s*(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[A-Z][A-Za-z_]+/[A-Za-z_/]+)?\s*\Z"
)
IN_A_PATH = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?:/|$)")
IN_A_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[-_](.+))?\Z", re.S)


def parse(value: Any, zone: tzinfo) -> datetime | None:
    """An aware time, in the zone it was written in; a bare day is its midnight in `zone`."""
    text = str(value or "").strip()
    if found := WRITTEN.match(text):
        numbers = [int(part or 0) for part in found.groups()[:6]]
        numbers.append(int((found[7] or "").ljust(6, "0")))
        return _time(numbers, _zone(found[8], zone))
    return _mail_date(text, zone)


def _time(numbers: list[int], zone: tzinfo) -> datetime | None:
    """None for a day that the calendar does not have, and for a program's zero date."""
    year, month, day, hour, minute, second, rest = [*numbers, 0, 0, 0, 0][:7]
    if not 1900 <= year <= 9000:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, rest, zone)
    except ValueError:
        return None


def _zone(name: str | None, default: tzinfo) -> tzinfo:
    if not name:
        return default
    if name in ("Z", "UTC", "GMT"):
        return UTC
    if "/" in name:
        return _named_zone(name, default)
    hours, minutes = int(name[1:3]), int(name[-2:])
    if hours > 23 or minutes > 59:
        return default
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if name[0] == "-" else offset)


def _named_zone(name: str, default: tzinfo) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return default


def _mail_date(text: str, zone: tzinfo) -> datetime | None:
    """Such as `Mon, 2 Jan 2006 15:04:05 -0700`."""
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not 1900 <= time.year <= 9000:
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def from_path(path: str, zone: tzinfo) -> datetime | None:
    """The day in an address such as 2014/09/15/Rust-1.0."""
    found = IN_A_PATH.search(path)
    return _time([int(part) for part in found.groups()], zone) if found else None


def from_name(stem: str, zone: tzinfo) -> tuple[datetime | None, str]:
    """The day that a file's name begins with, and the rest of the name."""
    found = IN_A_NAME.match(stem)
    if not found:
        return None, stem
    day = _time([int(part) for part in found.groups()[:3]], zone)
    return (day, found[4] or stem) if day else (None, stem)
