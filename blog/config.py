"""The environment settings (`BLOG_…`): the only module that reads them, converted and checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
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
    """An error that ends the start or a command, shown as one line in the shell's language."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.params = params


class BadSetting(UserError):
    """An environment variable has an invalid value. The message names the variable."""


def setting(help: str, default: object = "") -> Any:
    """Declare a field of `Config` with a help text for `blog settings`."""
    return field(default=default, metadata={"help": help})


def interpreter() -> str:
    """Return the path of our Python. Inside uWSGI, for example, `sys.executable` is the server."""
    python = Path(sys.prefix, "bin", "python3")
    return str(python) if python.exists() else sys.executable


def _from_checkout(name: str) -> Path:
    """Return a site-wide path: beside the package in a checkout, inside it in a wheel."""
    packed = PACKAGE / "_site" / name
    return packed if packed.exists() else PACKAGE.parent / name


@dataclass(frozen=True)
class Config:
    """All environment settings. The field `x` is the variable `BLOG_X`."""

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
        """The folder of the uploaded pictures."""
        return self.data_dir / "media"

    @property
    def max_upload(self) -> int:
        """The largest upload, in bytes."""
        return self.max_upload_mb * 1_000_000

    @property
    def database(self) -> str:
        """The database URL in SQLAlchemy's form."""
        if self.database_url:
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return f"sqlite+pysqlite:///{self.sqlite_file}"

    @property
    def database_place(self) -> str:
        """The database's location without the password, so that it can be shown."""
        _, at, host = self.database_url.rpartition("@")
        return f"postgresql://…@{host}" if at else self.database_url or str(self.sqlite_file)

    @property
    def sqlite_file(self) -> Path:
        """The file of the SQLite database."""
        return self.data_dir / "blog.sqlite3"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, and not PostgreSQL."""
        return not self.database_url

    @property
    def has_mail(self) -> bool:
        """Whether a mail server is set."""
        return self.mail_server is not None

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server of BLOG_SMTP_URL, or None. Raises `ValueError` if it is malformed."""
        return read_mail_server(self.smtp_url) if self.smtp_url else None

    @property
    def template_dirs(self) -> list[Path]:
        """Folders of templates in order: the site owner's, the site-wide, each blueprint's."""
        blueprints = [PACKAGE / name / "templates" for name in BLUEPRINTS]
        return [self.data_dir / "templates", _from_checkout("templates"), *blueprints]

    @property
    def docs(self) -> Path:
        """The folder of the handbook."""
        return _from_checkout("docs")

    @property
    def installed(self) -> Path:
        """The folder that contains the package: the checkout, or site-packages for a wheel."""
        return PACKAGE.parent

    @property
    def shipped(self) -> Path:
        """The folder that contains nginx.conf and the service files."""
        return _from_checkout("nginx.conf").parent

    @property
    def theme_dir(self) -> Path:
        """The site owner's stylesheet, pictures and fonts. `theme.css` is loaded after ours."""
        return self.data_dir / "theme"

    @property
    def static_dirs(self) -> dict[str, Path]:
        """Folders of static files by their prefix under /static."""
        blueprints = {name: PACKAGE / name / "static" for name in BLUEPRINTS}
        return {"": _from_checkout("static"), **blueprints}

    @property
    def sample_posts(self) -> Path:
        """The folder of the sample posts that can be imported at set-up."""
        return _from_checkout("content")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read and check every setting. Raises `BadSetting` for an invalid value."""
        environ = os.environ if environ is None else environ
        texts = {f.name: environ.get(PREFIX + f.name.upper(), "").strip() for f in fields(cls)}
        values = {
            f.name: _converted(PREFIX + f.name.upper(), texts[f.name], f.default)
            for f in fields(cls)
            if texts[f.name]
        }
        return _checked(cls(**values))


BLUEPRINTS = ("home", "control_panel", "admin")


def _converted(name: str, text: str, default: object) -> Any:
    """Convert `text` to the type of the setting's default. Raises `BadSetting`."""
    try:
        return PARSERS[type(default)](text)
    except (ValueError, KeyError) as error:
        raise BadSetting(TYPE_ERRORS[type(default)], name=name, text=text) from error


def _origins(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())


SWITCH = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}
PARSERS: dict[type, Callable[[str], object]] = {
    str: str,
    int: int,
    bool: lambda text: SWITCH[text.lower()],
    tuple: _origins,
    type(Path()): lambda text: Path(text).expanduser().absolute(),
}
TYPE_ERRORS = {
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
        config.mail_server  # noqa: B018 -- reading it raises if it is malformed
    except ValueError:
        message = N_(
            "BLOG_SMTP_URL must have the form smtp://user:password@host:587 or "
            "smtps://host:465; percent-encode characters of the password other than letters "
            "and digits (@ is %40)."
        )
        raise BadSetting(message) from None  # the cause would print the password
    addresses = [address for _, address in getaddresses([config.mail_from])]
    if config.smtp_url and not (len(addresses) == 1 and is_mail_address(addresses[0])):
        raise BadSetting(N_("BLOG_MAIL_FROM must be an email address, such as blog@example.org."))


def shell_language() -> str:
    """Return the shell's language ("en" or "zh") by the first locale variable that is set."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if code := os.environ.get(name, "")[:2]:
            return code if code in LANGUAGES else "en"
    return "en"


def ssh_server() -> str:
    """Return `[-p port] user@host` for `ssh` to this machine, or "" if the shell is local."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return ""
    _, _, host, port = connection
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
    """Return the URL at which a browser on this machine reaches a server that listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_site_address(text: str) -> bool:
    """Whether the text is an origin, such as https://example.org or http://127.0.0.1:8000."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 -- reading it raises if the port is out of range
    except ValueError:
        return False
    has_only_origin = not (
        parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    )
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_only_origin
