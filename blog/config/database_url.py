"""Parses BLOG_DATABASE_URL, and shows URLs without their password."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, urlsplit

# The same text is read by libpq (`pg_dump`, notifications), by SQLAlchemy and by `urlsplit`, which
# understand a character such as # in a password differently. So this accepts only what all agree
# on, in the form that PostgreSQL documents under "Connection URIs".
FORM = re.compile(
    r"""postgresql://
    (?:(?P<login>(?:[^\s%/?\#@\[\]]|%(?!00)[0-9A-Fa-f]{2})*)@)?
    (?P<hosts>[^\s/?\#@]*)
    (?:/(?P<name>[^\s?\#@]*)(?:\?(?P<options>.*))?|\?(?P<more_options>[^@]*))?""",
    re.VERBOSE,
)
HOST = re.compile(
    r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5})?)?",
)


@dataclass(frozen=True)
class DatabaseUrl:
    """The parts of a database URL: `login`, `name` and `options` as written there.

    `hosts` has a name, an IP address or a folder of sockets for each host, or "". `ports` has the
    port of each host, or "" for the default one.
    """

    login: str = field(repr=False)
    hosts: tuple[str, ...]
    ports: tuple[str, ...]
    name: str
    options: str = field(repr=False)

    def for_sqlalchemy(self) -> str:
        """Return the URL in SQLAlchemy's form, which has several hosts in the query only."""
        options = [f"host={quote(','.join(self.hosts))}"] if any(self.hosts) else []
        options += [f"port={','.join(self.ports)}"] if any(self.ports) else []
        options += [self.options] if self.options else []
        login = f"{self.login}@" if self.login else ""
        return f"postgresql+psycopg://{login}/{self.name}?{'&'.join(options)}".rstrip("?")


def read_database_url(url: str) -> DatabaseUrl:
    """Parse the URL of a PostgreSQL database. Raises `ValueError`, which may contain the URL."""
    parts = FORM.fullmatch(url)
    if not parts:
        raise ValueError(url)
    urlsplit(url)  # raises for characters of which a Unicode normalization would make delimiters
    hosts = [_host(text) for text in parts["hosts"].split(",")]
    return DatabaseUrl(
        parts["login"] or "",
        tuple(host for host, _ in hosts),
        tuple(port for _, port in hosts),
        parts["name"] or "",
        parts["options"] or parts["more_options"] or "",
    )


def _host(text: str) -> tuple[str, str]:
    """Return host and port of one of the hosts. Raises `ValueError`."""
    match = HOST.fullmatch(text)
    if not match:
        raise ValueError(text)
    port = match["port"] or ""
    if port and not 1 <= int(port) <= 65535:
        raise ValueError(text)
    if match["ipv6"] is not None:
        return str(IPv6Address(unquote(match["ipv6"]))), port
    return unquote(match["name"], errors="strict"), port


def without_password(url: str) -> str:
    """Return a URL without user, password and query. Nothing secret is left of an invalid one."""
    scheme, colon, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not colon:
        return "…"
    if "?" in login:  # which the password contains, or a query that may contain a password
        return f"{scheme}://…"
    return f"{scheme}://{at and '…@'}{re.split('[?#]', place)[0]}"
