"""Checks the values of the settings."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from blog.config.database_url import read_database_url
from blog.config.errors import BadSetting
from blog.config.languages import N_
from blog.config.sources import PREFIX
from blog.mail.settings import is_mail_address

if TYPE_CHECKING:
    from blog.config import Config

METRICS_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")  # what a bearer token may contain (RFC 6750)
LIMITS = {
    "port": (1, 65535),
    "proxies": (0, 9),
    "max_upload_mb": (1, 200),
    "max_pixels": (1, 200),
    "pages_mb": (0, 10_000),
}


def checked(config: Config) -> Config:
    """Return the settings if their values are valid. Raises `BadSetting`."""
    for name in LIMITS:
        low, high = LIMITS[name]
        if not low <= getattr(config, name) <= high:
            message = N_("%(name)s must be between %(low)s and %(high)s.")
            raise BadSetting(message, name=PREFIX + name.upper(), low=low, high=high)
    _check_database(config.database_url)
    if config.site_url and not is_site_address(config.site_url):
        raise BadSetting(
            N_("BLOG_SITE_URL must have the form https://example.org, without a path.")
        )
    if not all(map(is_site_address, config.trusted_origins)):
        message = N_(
            "BLOG_TRUSTED_ORIGINS must have the form https://a.example.org,https://b.example.org."
        )
        raise BadSetting(message)
    if config.secret and not re.fullmatch(r"[0-9A-Fa-f]{64}", config.secret):
        message = N_("BLOG_SECRET must be 64 hexadecimal digits, as openssl rand -hex 32 prints.")
        raise BadSetting(message)
    if config.metrics_token and not METRICS_TOKEN.fullmatch(config.metrics_token):
        message = N_(
            "BLOG_METRICS_TOKEN must have at least 16 characters, only letters, digits and "
            "- . _ ~ + / =, as openssl rand -hex 32 prints."
        )
        raise BadSetting(message)
    _check_mail(config)
    return config


def _check_database(url: str) -> None:
    if url and not url.startswith("postgresql://"):
        raise BadSetting(N_("BLOG_DATABASE_URL must start with postgresql://."))
    try:
        if url:
            read_database_url(url)
    except ValueError:
        message = N_(
            "BLOG_DATABASE_URL must have the form postgresql://user:password@host:5432/name; "
            "percent-encode characters of the password other than letters and digits (@ is %40)."
        )
        raise BadSetting(message) from None  # the cause would print the password


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
