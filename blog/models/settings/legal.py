"""What the law and other services want to stand on the pages: numbers, tags, a script."""

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
# What our own pages say; said twice, a browser may believe the wrong one.
OURS = re.compile(
    r"viewport|referrer|robots|description|author|color-scheme|theme-color|twitter:.*"
)

HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}(:\d{1,5})?")
PLAIN = re.compile(r"[\w.~!*()/?&=@%+:-]+", re.ASCII)
EXTRA = re.compile(r"([a-z][a-z0-9-]{0,39})=([\w.:/,@-]{1,200})")


@dataclass(frozen=True)
class Script:
    """A script of another host, and what it wants to find written on its own element."""

    address: str
    origin: str
    facts: tuple[tuple[str, str], ...] = ()


def check_icp(text: str) -> None:
    if text and not ICP.fullmatch(_tight(text)):
        raise Refusal(N_("An ICP filing number has the form 京ICP备12345678号-1."))


def check_police(text: str) -> None:
    if text and not POLICE.fullmatch(_tight(text)):
        raise Refusal(
            N_("A public security filing number has the form 京公网安备11010102001234号.")
        )


def police_link(text: str) -> str:
    """The register's own page about this number."""
    found = POLICE.fullmatch(_tight(text))
    return POLICE_REGISTER + (found[1] if found else "")


def _tight(text: str) -> str:
    return "".join(text.split())


def check_verification(text: str) -> None:
    read_verification(text)


@lru_cache(maxsize=8)
def read_verification(text: str) -> tuple[tuple[str, str], ...]:
    """Lines of `name content`, or whole tags as the services give them. Raises `Refusal`."""
    return tuple(_tag(line) for line in map(str.strip, text.splitlines()) if line)


def _tag(line: str) -> tuple[str, str]:
    found = META.fullmatch(line)
    name, _, content = (found[1], "", found[2]) if found else line.partition(" ")
    content = content.strip()
    fits = NAME.fullmatch(name) and 0 < len(content) <= 300 and not re.search(r"[<>\"]", content)
    if not fits or OURS.fullmatch(name.lower()):
        message = N_("“%(line)s” must be the name of a tag, a space and its content.")
        raise Refusal(message, line=line[:80])
    return name, content


def check_analytics(text: str) -> None:
    read_analytics(text)


@lru_cache(maxsize=8)
def read_analytics(text: str) -> Script | None:
    """`https://host/path.js` and perhaps `website-id=…` after it. Raises `Refusal`."""
    if not text.strip():
        return None
    address, *rest = text.split()
    facts = [EXTRA.fullmatch(part.removeprefix("data-")) for part in rest]
    origin = _origin(address)
    if not origin or not all(facts):
        message = N_(
            "Enter the address of the script, such as https://stats.example.org/script.js, "
            "followed by the attributes it needs, such as website-id=1234."
        )
        raise Refusal(message, "analytics")
    return Script(address, origin, tuple((fact[1], fact[2]) for fact in facts if fact))


def _origin(address: str) -> str:
    """Empty unless it is a plain https address: it goes into a header that locks the pages."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 -- reading it raises for a port out of range
    except ValueError:
        return ""
    is_plain = parts.scheme == "https" and HOST.fullmatch(parts.netloc) and PLAIN.fullmatch(address)
    return f"https://{parts.netloc}" if is_plain and parts.path.strip("/") else ""
