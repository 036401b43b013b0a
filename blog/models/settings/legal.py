"""Checks and parses settings for Chinese filing numbers, site verification and analytics."""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from blog.config import N_
from blog.models.base import Refusal

ICP = re.compile(r"[\u4e00-\u9fff]{1,3}ICP[备证]\d{4,12}号(-\d{1,4})?", re.IGNORECASE)
POLICE = re.compile(r"[\u4e00-\u9fff]{1,3}公网安备(\d{10,16})号")
POLICE_REGISTER = "https://beian.mps.gov.cn/#/query/webSearch?code="

META = re.compile(r"<meta\s+name=[\"']?([^\"'\s>]+)[\"']?\s+content=[\"']?([^\"'>]+?)[\"']?\s*/?>")
NAME = re.compile(r"[A-Za-z][\w.:-]{1,79}")
# Tags that the templates write themselves; a duplicate could override them.
RESERVED = re.compile(
    r"viewport|referrer|robots|description|author|color-scheme|theme-color|twitter:.*"
)

HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}(:\d{1,5})?")
PLAIN = re.compile(r"[\w.~!*()/?&=@%+:-]+", re.ASCII)
EXTRA = re.compile(r"([a-z][a-z0-9-]{0,39})=([\w.:/,@-]{1,200})")


@dataclass(frozen=True)
class Script:
    """An external script: its address, its origin and its `data-` attributes, as pairs."""

    address: str
    origin: str
    facts: tuple[tuple[str, str], ...] = ()


def check_icp(text: str) -> None:
    """Raise `Refusal` unless the text is empty or an ICP filing number."""
    if text and not ICP.fullmatch(_without_spaces(text)):
        raise Refusal(N_("An ICP filing number has the form 京ICP备12345678号-1."))


def check_police(text: str) -> None:
    """Raise `Refusal` unless the text is empty or a public security filing number."""
    if text and not POLICE.fullmatch(_without_spaces(text)):
        raise Refusal(
            N_("A public security filing number has the form 京公网安备11010102001234号.")
        )


def police_link(text: str) -> str:
    """Return the address of the official registry entry for this number."""
    match = POLICE.fullmatch(_without_spaces(text))
    return POLICE_REGISTER + (match[1] if match else "")


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def check_verification(text: str) -> None:
    """Raise `Refusal` for a text that `read_verification` cannot parse."""
    read_verification(text)


@lru_cache(maxsize=8)
def read_verification(text: str) -> tuple[tuple[str, str], ...]:
    """Parse lines of `name content` or complete `<meta>` tags into pairs. Raises `Refusal`."""
    return tuple(_tag(line) for line in map(str.strip, text.splitlines()) if line)


def _tag(line: str) -> tuple[str, str]:
    match = META.fullmatch(line)
    name, _, content = (match[1], "", match[2]) if match else line.partition(" ")
    content = content.strip()
    has_content = 0 < len(content) <= 300 and not re.search(r"[<>\"]", content)
    if not (NAME.fullmatch(name) and has_content) or RESERVED.fullmatch(name.lower()):
        message = N_("“%(line)s” must be the name of a tag, a space and its content.")
        raise Refusal(message, line=line[:80])
    return name, content


def check_analytics(text: str) -> None:
    """Raise `Refusal` for a text that `read_analytics` cannot parse."""
    read_analytics(text)


@lru_cache(maxsize=8)
def read_analytics(text: str) -> Script | None:
    """Parse `https://host/path.js`, optionally followed by attributes such as `website-id=…`.

    Returns None for an empty text. Raises `Refusal`.
    """
    if not text.strip():
        return None
    address, *rest = text.split()
    attributes = [EXTRA.fullmatch(part.removeprefix("data-")) for part in rest]
    origin = _origin(address)
    if not origin or not all(attributes):
        message = N_(
            "Enter the address of the script, such as https://stats.example.org/script.js, "
            "followed by the attributes it needs, such as website-id=1234."
        )
        raise Refusal(message, "analytics")
    return Script(address, origin, tuple((match[1], match[2]) for match in attributes if match))


def _origin(address: str) -> str:
    """Return the origin of a plain https address, or "" for any other text.

    The check is strict because the origin becomes part of the Content-Security-Policy header.
    """
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 -- reading it raises for a port out of range
    except ValueError:
        return ""
    is_plain = parts.scheme == "https" and HOST.fullmatch(parts.netloc) and PLAIN.fullmatch(address)
    return f"https://{parts.netloc}" if is_plain and parts.path.strip("/") else ""
