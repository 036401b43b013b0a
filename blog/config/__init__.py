"""The environment settings (`BLOG_…`): the only package that reads them, converted and checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from blog.config.checks import checked, is_site_address
from blog.config.conversion import converted
from blog.config.database_url import read_database_url, without_password
from blog.config.errors import BadSetting, UserError
from blog.config.languages import LANGUAGES, N_, shell_language
from blog.config.sources import FILE_SUFFIX, PREFIX, text_of, variables
from blog.mail.settings import MailServer, read_mail_server

__all__ = [
    "LANGUAGES",
    "N_",
    "BadSetting",
    "Config",
    "UserError",
    "is_site_address",
    "shell_language",
]
PACKAGE = Path(__file__).parent.parent


IN_A_FILE = N_("Alternatively, %(name)s names a file that contains it.")


def setting(help: str, default: object = "", *, secret: bool = False) -> Any:
    """Declare a field of `Config` with a help text for `blog settings`.

    A secret may also be read from a file, which BLOG_…_FILE names, and is never shown.
    """
    return field(default=default, repr=not secret, metadata={"help": help, "secret": secret})


def variable_of(setting_field: Field[Any]) -> str:
    """Return the environment variable of a field of `Config`."""
    return PREFIX + setting_field.name.upper()


def file_variable_of(setting_field: Field[Any]) -> str:
    """Return the variable that names the file of a secret, or "" if the field is not a secret."""
    return variable_of(setting_field) + FILE_SUFFIX if setting_field.metadata["secret"] else ""


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
    env_file: str = setting(
        N_("File with further settings, as lines NAME=value; environment variables override it.")
    )
    secret: str = setting(
        N_(
            "Secret key of the site, in 64 hexadecimal digits, instead of the one in the data "
            "folder; all machines of a site need the same one."
        ),
        secret=True,
    )
    database_url: str = setting(
        N_("PostgreSQL database to use instead of SQLite: postgresql://user:password@host/name."),
        secret=True,
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
        ),
        secret=True,
    )
    mail_from: str = setting(
        N_("Sender address of emails, such as blog@example.org or Blog <blog@example.org>.")
    )
    metrics_token: str = setting(
        N_(
            "Token with which other machines may read /health/metrics; without one, only this "
            "machine may."
        ),
        secret=True,
    )

    def shown(self, setting_field: Field[Any]) -> str:
        """Return the value of a field as it is written in the environment, without secrets."""
        value = getattr(self, setting_field.name)
        if isinstance(value, bool):
            return "on" if value else "off"
        if value and setting_field.metadata["secret"]:
            return without_password(value) if setting_field.name.endswith("_url") else "…"
        return ",".join(value) if isinstance(value, tuple) else str(value)

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
        """The database URL in SQLAlchemy's form. Raises `ValueError` if it is malformed."""
        if self.database_url:
            return read_database_url(self.database_url).for_sqlalchemy()
        return f"sqlite+pysqlite:///{self.sqlite_file}"

    @property
    def database_place(self) -> str:
        """The database's location without the password, so that it can be shown."""
        return without_password(self.database_url) if self.database_url else str(self.sqlite_file)

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
        sources = variables(os.environ if environ is None else environ)
        texts = {
            f.name: text_of(variable_of(f), sources, is_secret=f.metadata["secret"])
            for f in fields(cls)
        }
        values = {
            f.name: converted(variable_of(f), texts[f.name], f.default)
            for f in fields(cls)
            if texts[f.name]
        }
        return checked(cls(**values))


BLUEPRINTS = ("home", "control_panel", "admin")


def ssh_server() -> str:
    """Return `[-p port] user@host` for `ssh` to this machine, or "" if the shell is local."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return ""
    _, _, host, port = connection
    server = f"{os.environ.get('USER', 'root')}@{host}"
    return server if port == "22" else f"-p {port} {server}"


def local_address(host: str, port: int) -> str:
    """Return the URL at which a browser on this machine reaches a server that listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
