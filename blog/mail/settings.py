"""Parses the mail server's URL (BLOG_SMTP_URL) and checks email addresses."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465, "smtp+starttls": 587}


@dataclass(frozen=True)
class MailServer:
    """The parsed BLOG_SMTP_URL. `blog.mail.smtp_client` explains what each scheme means for TLS."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Return the URL without the password."""
        user = f"{self.user}:…@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}:{self.port}"


def read_mail_server(url: str) -> MailServer:
    """Parse the URL of a mail server. Raises `ValueError` if it is invalid."""
    parts = urlsplit(url)
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(url)
    if parts.scheme not in PORTS:
        raise ValueError(parts.scheme)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or PORTS[parts.scheme]
    return MailServer(parts.scheme, parts.hostname, port, user, password)


def is_mail_address(text: str) -> bool:
    """True for `name@host` whose host is a valid domain name."""
    try:
        text.rpartition("@")[2].encode("idna")
    except UnicodeError:
        return False
    return bool(re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", text)) and text.isprintable()
