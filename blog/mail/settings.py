"""The mail server as a setting names it, and what a mail address looks like."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True)
class MailServer:
    """What BLOG_SMTP_URL says. `scheme` tells when TLS begins: see `blog.mail.smtp_client`."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """As it may be shown: without the password."""
        who = f"{self.user}:…@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{who}{host}:{self.port}"


def read_mail_server(url: str) -> MailServer:
    """Raises `ValueError` for an address that is none."""
    parts = urlsplit(url)
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(url)
    if parts.scheme not in PORTS:
        raise ValueError(parts.scheme)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or PORTS[parts.scheme]
    return MailServer(parts.scheme, parts.hostname, port, user, password)


def is_mail_address(text: str) -> bool:
    """True for name@host, of a host that DNS can be asked for."""
    try:
        text.rpartition("@")[2].encode("idna")
    except UnicodeError:
        return False
    return bool(re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", text)) and text.isprintable()
