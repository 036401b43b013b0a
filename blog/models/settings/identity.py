"""Parses the settings that say who runs the site: profiles elsewhere and security contacts."""

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from blog.config import N_
from blog.models.base import Refusal

MOST = 20  # lines of each setting
URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.ASCII)  # a name, or an IP address
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
MAIL = re.compile(r"[\w.!$'*+=^`{|}~-]+@[\w-]+(\.[\w-]+)+", re.ASCII)
PHONE = re.compile(r"tel:\+?[0-9().-]{3,30}")


def check_profiles(text: str) -> None:
    """Raise `Refusal` for a text that `read_profiles` cannot parse."""
    read_profiles(text)


@lru_cache(maxsize=8)
def read_profiles(text: str) -> tuple[str, ...]:
    """Parse one http(s) address per line, and return them as URIs. Raises `Refusal`."""
    lines = _lines(text)
    uris = tuple(map(_web_uri, lines))
    for line, uri in zip(lines, uris, strict=True):
        if not uri:
            message = N_("“%(line)s” is not an address, such as https://social.example/@ann.")
            raise Refusal(message, line=line[:80])
    return uris


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
    scheme, colon, rest = line.partition(":")
    line = f"{scheme.lower()}:{rest}" if colon else line
    mail = line.removeprefix("mailto:")
    if MAIL.fullmatch(mail):
        return f"mailto:{mail}"
    if PHONE.fullmatch(line):
        return line
    uri = _web_uri(line)
    if uri.startswith("https://"):
        return uri
    message = N_("“%(line)s” is neither an email address nor an address that begins with https://.")
    raise Refusal(message, line=line[:80])


def _lines(text: str) -> tuple[str, ...]:
    lines = tuple(line for line in map(str.strip, text.splitlines()) if line)
    if len(lines) > MOST:
        raise Refusal(N_("Enter at most %(most)s lines."), most=MOST)
    return lines


def _web_uri(address: str) -> str:
    """Return an http(s) address with only the characters of a URI (RFC 3986), or "" if invalid."""
    if not (URL.fullmatch(address) and address.isprintable()):
        return ""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # such as a port that is not a number, or an empty label of a host
        return ""
    if not HOST.fullmatch(host):
        return ""
    login, at, _ = parts.netloc.rpartition("@")
    host = f"[{host}]" if ":" in host else host
    rest = address[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return f"{parts.scheme}://{_quoted(login)}{at}{host}{port}{_quoted(rest)}"


def _quoted(text: str) -> str:
    """Percent-encode the characters that no URI may contain, and a % that encodes nothing."""
    return quote(STRAY_PERCENT.sub("%25", text), safe="/?#!$&'()*+,;=:@~%")
