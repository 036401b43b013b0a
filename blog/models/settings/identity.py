"""Parses the settings that say who runs the site: profiles elsewhere and security contacts."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from blog.config import N_
from blog.models.base import Refusal

MOST = 20  # lines of each setting
URL = re.compile(r"https?://[^\s<>\"]+")
MAIL = re.compile(r"[\w.!$'*+=^`{|}~-]+@[\w-]+(\.[\w-]+)+", re.ASCII)
PHONE = re.compile(r"tel:\+?[0-9().-]{3,30}")


def check_profiles(text: str) -> None:
    """Raise `Refusal` for a text that `read_profiles` cannot parse."""
    read_profiles(text)


@lru_cache(maxsize=8)
def read_profiles(text: str) -> tuple[str, ...]:
    """Parse one http(s) address per line. Raises `Refusal`."""
    lines = _lines(text)
    for line in lines:
        if not (URL.fullmatch(line) and _host(line)):
            message = N_("“%(line)s” is not an address, such as https://social.example/@ann.")
            raise Refusal(message, line=line[:80])
    return lines


def check_security_contacts(text: str) -> None:
    """Raise `Refusal` for a text that `read_security_contacts` cannot parse."""
    read_security_contacts(text)


@lru_cache(maxsize=8)
def read_security_contacts(text: str) -> tuple[str, ...]:
    """Parse one contact per line into the URIs that RFC 9116 requires. Raises `Refusal`.

    A contact is an email address, with or without `mailto:`, an https address, or `tel:…`.
    """
    return tuple(_contact(line) for line in _lines(text))


def _contact(line: str) -> str:
    mail = line.removeprefix("mailto:")
    if MAIL.fullmatch(mail):
        return f"mailto:{mail}"
    is_page = line.startswith("https://") and URL.fullmatch(line) and _host(line)
    if is_page or PHONE.fullmatch(line):
        return line
    message = N_("“%(line)s” is neither an email address nor an address that begins with https://.")
    raise Refusal(message, line=line[:80])


def _lines(text: str) -> tuple[str, ...]:
    lines = tuple(line for line in map(str.strip, text.splitlines()) if line)
    if len(lines) > MOST:
        raise Refusal(N_("Enter at most %(most)s lines."), most=MOST)
    return lines


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
