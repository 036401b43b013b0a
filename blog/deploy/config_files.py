"""The files that `blog deploy` writes: nginx site, two services, settings and a command."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from blog.config import N_, UserError

MARK = "# Written by `blog deploy`."
SHARED = "www-data"  # the group of Debian's nginx, which serves pictures and static files
NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./-]+")
OWN_SETTINGS = ("BLOG_DATA_DIR", "BLOG_SITE_URL", "BLOG_PROXIES", "BLOG_PORT")


@dataclass(frozen=True)
class Deployment:
    """What to deploy and where.

    `root` is / except in tests and for images of another machine. `shipped` is the folder that
    contains nginx.conf and the unit files, `programs` that of the installed commands.
    """

    domain: str
    installed: Path
    shipped: Path
    programs: Path
    workers: int
    port: int = 8000
    user: str = "blog"
    home: Path = Path("/srv/blog")
    root: Path = Path("/")

    @property
    def certificate(self) -> Path:
        """The folder of the TLS certificate from certbot."""
        return Path("/etc/letsencrypt/live", self.domain)

    @property
    def has_certificate(self) -> bool:
        """Whether the TLS certificate exists."""
        return self.below_root(self.certificate / "fullchain.pem").exists()

    @property
    def address(self) -> str:
        """The URL of the site, https once there is a certificate."""
        return f"{'https' if self.has_certificate else 'http'}://{self.domain}"

    @property
    def site(self) -> Path:
        """The file of the nginx site."""
        return Path("/etc/nginx/sites-available", self.domain)

    @property
    def settings(self) -> Path:
        """The file of environment settings that the services read."""
        return Path("/etc/blog/blog.env")

    def below_root(self, path: Path) -> Path:
        """Return an absolute path of the target machine as a path below `root`."""
        return self.root / path.relative_to("/")

    def files(self) -> dict[Path, str]:
        """Return every file with its content."""
        return {
            self.site: site_text(self),
            Path("/etc/systemd/system/blog.service"): unit_text(self, "blog.service"),
            Path("/etc/systemd/system/blog-tick.service"): unit_text(self, "blog-tick.service"),
            self.settings: settings_text(self),
            Path("/usr/local/bin/blog"): command_text(self),
        }

    def added_settings(self) -> list[str]:
        """Return the lines that the site owner added, such as BLOG_SMTP_URL. They are kept."""
        path = self.below_root(self.settings)
        lines = path.read_text().splitlines() if path.exists() else []
        return [
            line for line in lines if line and line != MARK and not line.startswith(OWN_SETTINGS)
        ]

    def links(self) -> dict[Path, Path]:
        """Return every symbolic link with its target."""
        return {Path("/etc/nginx/sites-enabled", self.domain): self.site}


def site_text(target: Deployment) -> str:
    """Return the shipped nginx.conf for this site, with TLS if there is a certificate."""
    text = target.shipped.joinpath("nginx.conf").read_text()
    text = text.replace("blog.example.org", target.domain).replace("/srv/blog", str(target.home))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{target.port}")
    if target.has_certificate:
        text = _with_tls(target, text)
    return f"{MARK}\n{text}"


def _with_tls(target: Deployment, text: str) -> str:
    text = re.sub(r"; +# yours.*", ";", text)
    challenge = re.search(r"(?ms)^    # Where a certificate.*?^    }\n", text)
    listen = f"    listen 80;\n    listen [::]:80;\n    server_name {target.domain};"
    if challenge is None or listen not in text:
        raise UserError(
            N_("%(path)s was edited by hand, so TLS cannot be added to it."), path="nginx.conf"
        )
    headers = re.search(r"(?m)(^    add_header .*\n)+", text)
    plain = (
        f"server {{\n{listen}\n    access_log /var/log/nginx/access.log blog buffer=32k flush=1s;\n"
        "    server_tokens off;\n    client_header_timeout 10s;\n"
        f"{headers[0] if headers else ''}\n"
        f"{challenge[0]}\n    location / {{\n        return 301 https://{target.domain}$request_uri;\n"
        "    }\n}\n\n"
    )
    tls = (
        "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n"
        f"    server_name {target.domain};\n"
        f"    ssl_certificate {target.certificate}/fullchain.pem;\n"
        f"    ssl_certificate_key {target.certificate}/privkey.pem;\n"
        "    ssl_protocols TLSv1.2 TLSv1.3;\n    ssl_session_cache shared:blog:1m;\n"
        "    ssl_session_tickets off;\n"
        f"    if ($host != {target.domain}) {{\n        return 421;\n    }}"
    )
    before, _, after = text.partition(f"server {{\n{listen}")
    return f"{before}{plain}server {{\n{tls}{after}"


def unit_text(target: Deployment, name: str) -> str:
    """Return a shipped systemd unit with this installation's paths and user."""
    text = target.shipped.joinpath("deploy", name).read_text()
    for program in ("sanic", "blog"):
        text = text.replace(f"/opt/blog/.venv/bin/{program}", _unit_word(target.programs / program))
    folder = str(target.installed).replace("%", "%%")  # a whole line, so without quotes
    text = text.replace("WorkingDirectory=/opt/blog", f"WorkingDirectory={folder}")
    text = text.replace("-w 4", f"-w {target.workers}").replace("/srv/blog", str(target.home))
    return f"{MARK}\n" + text.replace("User=blog", f"User={target.user}")


def _unit_word(path: Path) -> str:
    """Return a path as one word of a unit's command. Paths with quotes were refused before."""
    text = str(path).replace("%", "%%")
    return text if NEEDS_NO_QUOTES.fullmatch(text) else f'"{text}"'


def settings_text(target: Deployment) -> str:
    """Return the file of environment settings, with the lines that the site owner added."""
    values = (str(target.home / "data"), target.address, "1", str(target.port))
    lines = [MARK, *map("=".join, zip(OWN_SETTINGS, values, strict=True)), *target.added_settings()]
    return "\n".join(lines) + "\n"


# Reads the settings as systemd does: no character of a password has a special meaning.
READ_SETTINGS = """\
while read -r line || [ -n "$line" ]; do
    case $line in [A-Z]*=*) ;; *) continue ;; esac
    value=${line#*=}
    case $value in \\"*\\" | \\'*\\') value=${value#?} value=${value%?} ;; esac
    export "${line%%=*}=$value"
done"""


def command_text(target: Deployment) -> str:
    """Return the script of the command `blog`, which runs as the service's user."""
    folder, program = shlex.quote(str(target.installed)), shlex.quote(str(target.programs / "blog"))
    return (
        f"#!/bin/sh\n{MARK} The command, with the settings and the rights of the service.\n"
        f'cd {folder}\n[ "$1" != deploy ] || exec {program} "$@"  # root alone can\n'
        f"{READ_SETTINGS} < {target.settings}\numask 027\n"
        f'exec runuser -u {target.user} -g {SHARED} -- {program} "$@"\n'
    )
