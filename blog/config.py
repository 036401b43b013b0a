"""Every setting, read from the environment once, typed and checked: the only reader of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from blog.mail.settings import MailServer, is_mail_address, read_mail_server

PREFIX = "BLOG_"
PACKAGE = Path(__file__).parent
LANGUAGES = {"en": "English", "zh": "简体中文"}


def N_(message: str) -> str:  # noqa: N802 -- gettext's own name for "translate this later"
    """Mark a sentence for the catalogue; it is translated where it is shown."""
    return message


class UserError(Exception):
    """Ends a start or a command with one line, said in the language of the console."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.params = params


class BadSetting(UserError):
    """A setting that cannot be used; the line names it."""


def setting(help: str, default: Any = "") -> Any:
    return field(default=default, metadata={"help": help})


def interpreter() -> str:
    """The Python of this installation. Within a server that embeds it, such as uWSGI,
    `sys.executable` is something else."""
    own = Path(sys.prefix, "bin", "python3")
    return str(own) if own.exists() else sys.executable


def _from_checkout(name: str) -> Path:
    """Where a site-wide folder is: beside the package in a checkout, inside it in a wheel."""
    packed = PACKAGE / "_site" / name
    return packed if packed.exists() else PACKAGE.parent / name


@dataclass(frozen=True)
class Config:
    """What the environment says. Each field `x` is the variable `BLOG_X`."""

    data_dir: Path = setting(
        N_("Folder for the database, the pictures and the secret key."), Path("data")
    )
    database_url: str = setting(
        N_("PostgreSQL database to use instead of SQLite: postgresql://user:password@host/name.")
    )
    site_url: str = setting(
        N_(
            "Public address of the site, such as https://example.org; overrides the setting "
            "in the admin area."
        )
    )
    trusted_origins: tuple[str, ...] = setting(
        N_("Additional origins that may submit forms, separated by commas."), ()
    )
    host: str = setting(N_("Address to listen on."), "127.0.0.1")
    port: int = setting(N_("Port to listen on."), 8000)
    proxies: int = setting(
        N_("Number of reverse proxies in front that set X-Forwarded-For; 0 trusts none."), 0
    )
    max_upload_mb: int = setting(N_("Largest picture that can be uploaded, in megabytes."), 20)
    max_pixels: int = setting(N_("Largest picture that is decoded, in megapixels."), 40)
    pages_mb: int = setting(
        N_("Size of the page cache of each worker, in megabytes; 0 turns it off."), 16
    )
    lane: bool = setting(
        N_("Answer cached pages before the request is fully parsed: on or off."), True
    )
    access_log: bool = setting(N_("Log every request: on or off."), False)
    smtp_url: str = setting(
        N_(
            "Mail server: smtp://user:password@host:587, or smtps://… for TLS from the "
            "start; if empty, no email is sent."
        )
    )
    mail_from: str = setting(
        N_("Sender address of emails, such as blog@example.org or Blog <blog@example.org>.")
    )

    @property
    def media_dir(self) -> Path:
        return self.data_dir / "media"

    @property
    def max_upload(self) -> int:
        """Bytes."""
        return self.max_upload_mb * 1_000_000

    @property
    def database(self) -> str:
        """The address SQLAlchemy opens."""
        if self.database_url:
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return f"sqlite+pysqlite:///{self.sqlite_file}"

    @property
    def database_place(self) -> str:
        """Where the database is, as it may be shown: without the password."""
        _, at, host = self.database_url.rpartition("@")
        return f"postgresql://…@{host}" if at else self.database_url or str(self.sqlite_file)

    @property
    def sqlite_file(self) -> Path:
        return self.data_dir / "blog.sqlite3"

    @property
    def is_sqlite(self) -> bool:
        return not self.database_url

    @property
    def has_mail(self) -> bool:
        return self.mail_server is not None

    @property
    def mail_server(self) -> MailServer | None:
        return read_mail_server(self.smtp_url) if self.smtp_url else None

    @property
    def template_dirs(self) -> list[Path]:
        """The owner's own templates first, then the site's, then each room's."""
        rooms = [PACKAGE / room / "templates" for room in ROOMS]
        return [self.data_dir / "templates", _from_checkout("templates"), *rooms]

    @property
    def docs(self) -> Path:
        """The handbook."""
        return _from_checkout("docs")

    @property
    def installed(self) -> Path:
        """The folder of the checkout, or of the wheel."""
        return PACKAGE.parent

    @property
    def shipped(self) -> Path:
        """Where nginx.conf and the files of the services are."""
        return _from_checkout("nginx.conf").parent

    @property
    def theme_dir(self) -> Path:
        """The owner's own stylesheet, pictures and fonts; `theme.css` is loaded after ours."""
        return self.data_dir / "theme"

    @property
    def static_dirs(self) -> dict[str, Path]:
        """Prefix under /static to folder."""
        rooms = {room: PACKAGE / room / "static" for room in ROOMS}
        return {"": _from_checkout("static"), **rooms}

    @property
    def sample_posts(self) -> Path:
        return _from_checkout("content")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read and check every setting. Raises `BadSetting`."""
        environ = os.environ if environ is None else environ
        given = {f.name: environ.get(PREFIX + f.name.upper(), "").strip() for f in fields(cls)}
        values = {
            f.name: _typed(PREFIX + f.name.upper(), given[f.name], f.default)
            for f in fields(cls)
            if given[f.name]
        }
        return _checked(cls(**values))


ROOMS = ("home", "control_panel", "admin")


def _typed(name: str, text: str, default: Any) -> Any:
    """`text` as the type of the setting's default."""
    try:
        return READERS[type(default)](text)
    except (ValueError, KeyError) as error:
        raise BadSetting(WANTED[type(default)], name=name, text=text) from error


def _origins(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())


SWITCH = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}
READERS: dict[type, Any] = {
    str: str,
    int: int,
    bool: lambda text: SWITCH[text.lower()],
    tuple: _origins,
    type(Path()): lambda text: Path(text).expanduser().absolute(),
}
WANTED = {
    int: N_("%(name)s=%(text)s is invalid: use a whole number."),
    bool: N_("%(name)s=%(text)s is invalid: use on or off."),
}


def _checked(config: Config) -> Config:
    for name in LIMITS:
        low, high = LIMITS[name]
        if not low <= getattr(config, name) <= high:
            message = N_("%(name)s must be between %(low)s and %(high)s.")
            raise BadSetting(message, name=PREFIX + name.upper(), low=low, high=high)
    if config.database_url and not config.database_url.startswith("postgresql://"):
        raise BadSetting(N_("BLOG_DATABASE_URL must start with postgresql://."))
    if config.site_url and not is_site_address(config.site_url):
        raise BadSetting(
            N_("BLOG_SITE_URL must have the form https://example.org, without a path.")
        )
    if not all(map(is_site_address, config.trusted_origins)):
        message = N_(
            "BLOG_TRUSTED_ORIGINS must have the form https://a.example.org,https://b.example.org."
        )
        raise BadSetting(message)
    _check_mail(config)
    return config


def _check_mail(config: Config) -> None:
    try:
        config.mail_server  # noqa: B018 -- reading it raises
    except ValueError:
        message = N_(
            "BLOG_SMTP_URL must have the form smtp://user:password@host:587 or "
            "smtps://host:465; percent-encode characters of the password other than letters "
            "and digits (@ is %40)."
        )
        raise BadSetting(message) from None  # its cause would print the password
    found = [address for _, address in getaddresses([config.mail_from])]
    if config.smtp_url and not (len(found) == 1 and is_mail_address(found[0])):
        raise BadSetting(N_("BLOG_MAIL_FROM must be an email address, such as blog@example.org."))


def shell_language() -> str:
    """The language of whoever sits at the console, by the first locale setting that is set."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if code := os.environ.get(name, "")[:2]:
            return code if code in LANGUAGES else "en"
    return "en"


def ssh_server() -> str:
    """`user@host` of this machine as ssh reached it, its port before it where that is not 22;
    empty where nobody came by ssh."""
    there = os.environ.get("SSH_CONNECTION", "").split()
    if len(there) != 4:
        return ""
    _, _, host, port = there
    server = f"{os.environ.get('USER', 'root')}@{host}"
    return server if port == "22" else f"-p {port} {server}"


LIMITS = {
    "port": (1, 65535),
    "proxies": (0, 9),
    "max_upload_mb": (1, 200),
    "max_pixels": (1, 200),
    "pages_mb": (0, 10_000),
}


def local_address(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_site_address(text: str) -> bool:
    """True for an origin, such as https://example.org or http://127.0.0.1:8000."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 -- reading it raises for a port out of range
    except ValueError:
        return False
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and bare
