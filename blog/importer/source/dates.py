"""Parses the dates in front matter, file names and paths of old blogs."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

DATE_TIME = re.compile(
    r"\s*(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[A-Z][A-Za-z_]+/[A-Za-z_/]+)?\s*\Z"
)
IN_A_PATH = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?:/|$)")
IN_A_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[-_](.+))?\Z", re.S)


def parse(value: object, zone: tzinfo) -> datetime | None:
    """Parse a date or time. Returns an aware time, or None if it is not one.

    `zone` applies to a time without a zone; a date becomes its midnight.
    """
    text = str(value or "").strip()
    if match := DATE_TIME.match(text):
        numbers = [int(part or 0) for part in match.groups()[:6]]
        numbers.append(int((match[7] or "").ljust(6, "0")))
        return _time(numbers, _zone(match[8], zone))
    return _mail_date(text, zone)


def _time(numbers: list[int], zone: tzinfo) -> datetime | None:
    """Return the time; None for an impossible date and for the zero dates of some programs."""
    year, month, day, hour, minute, second, microsecond = [*numbers, 0, 0, 0, 0][:7]
    if not 1900 <= year <= 9000:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, zone)
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
    """Parse the date format of email, such as `Mon, 2 Jan 2006 15:04:05 -0700`."""
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if not 1900 <= time.year <= 9000:
        return None
    return time if time.tzinfo else time.replace(tzinfo=zone)


def from_path(path: str, zone: tzinfo) -> datetime | None:
    """Return the date in an address such as 2014/09/15/Rust-1.0."""
    match = IN_A_PATH.search(path)
    return _time([int(part) for part in match.groups()], zone) if match else None


def from_name(stem: str, zone: tzinfo) -> tuple[datetime | None, str]:
    """Return the date that a file name begins with, and the rest of the name."""
    match = IN_A_NAME.match(stem)
    if not match:
        return None, stem
    date = _time([int(part) for part in match.groups()[:3]], zone)
    return (date, match[4] or stem) if date else (None, stem)
