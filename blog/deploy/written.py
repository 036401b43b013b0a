"""What `blog deploy` writes: nginx's site, two services, the settings and a command."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from blog.config import N_, UserError

MARK = "# Written by `blog deploy`."
SHARED = "www-data"  # the group of Debian's nginx, which reads pictures and static files
PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
OURS = ("BLOG_DATA_DIR", "BLOG_SITE_URL", "BLOG_PROXIES", "BLOG_PORT")


@dataclass(frozen=True)
class Deployment:
    """Where everything goes. `root` is / but in tests and images of another machine."""

    domain: str
    installed: Path
    shipped: Path  # where nginx.conf and the units are
    programs: Path
    workers: int
    port: int = 8000
    user: str = "blog"
    home: Path = Path("/srv/blog")
    root: Path = Path("/")

    @property
    def certificate(self) -> Path:
        return Path("/etc/letsencrypt/live", self.domain)

    @property
    def has_certificate(self) -> bool:
        return self.there(self.certificate / "fullchain.pem").exists()

    @property
    def address(self) -> str:
        return f"{'https' if self.has_certificate else 'http'}://{self.domain}"

    @property
    def site(self) -> Path:
        return Path("/etc/nginx/sites-available", self.domain)

    @property
    def settings(self) -> Path:
        return Path("/etc/blog/blog.env")

    def there(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def files(self) -> dict[Path, str]:
        """Every file, and what is to stand in it."""
        return {
            self.site: site_text(self),
            Path("/etc/systemd/system/blog.service"): unit_text(self, "blog.service"),
            Path("/etc/systemd/system/blog-tick.service"): unit_text(self, "blog-tick.service"),
            self.settings: settings_text(self),
            Path("/usr/local/bin/blog"): command_text(self),
        }

    def added_settings(self) -> list[str]:
        """What the keeper has added, such as the mail server's address; it stays."""
        path = self.there(self.settings)
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line and line != MARK and not line.startswith(OURS)]

    def links(self) -> dict[Path, Path]:
        return {Path("/etc/nginx/sites-enabled", self.domain): self.site}


def site_text(to: Deployment) -> str:
    """The shipped nginx.conf with our name and folders; with TLS once there is a certificate."""
    text = to.shipped.joinpath("nginx.conf").read_text()
    text = text.replace("blog.example.org", to.domain).replace("/srv/blog", str(to.home))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{to.port}")
    if to.has_certificate:
        text = _with_tls(to, text)
    return f"{MARK}\n{text}"


def _with_tls(to: Deployment, text: str) -> str:
    text = re.sub(r"; +# yours.*", ";", text)
    challenge = re.search(r"(?ms)^    # Where a certificate.*?^    }\n", text)
    ours = f"    listen 80;\n    listen [::]:80;\n    server_name {to.domain};"
    if challenge is None or ours not in text:
        raise UserError(
            N_("%(path)s was edited by hand, so TLS cannot be added to it."), path="nginx.conf"
        )
    headers = re.search(r"(?m)(^    add_header .*\n)+", text)
    plain = (
        f"server {{\n{ours}\n    access_log /var/log/nginx/access.log blog buffer=32k flush=1s;\n"
        "    server_tokens off;\n    client_header_timeout 10s;\n"
        f"{headers[0] if headers else ''}\n"
        f"{challenge[0]}\n    location / {{\n        return 301 https://{to.domain}$request_uri;\n"
        "    }\n}\n\n"
    )
    secure = (
        "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n"
        f"    server_name {to.domain};\n"
        f"    ssl_certificate {to.certificate}/fullchain.pem;\n"
        f"    ssl_certificate_key {to.certificate}/privkey.pem;\n"
        "    ssl_protocols TLSv1.2 TLSv1.3;\n    ssl_session_cache shared:blog:1m;\n"
        "    ssl_session_tickets off;\n"
        f"    if ($host != {to.domain}) {{\n        return 421;\n    }}"
    )
    before, _, after = text.partition(f"server {{\n{ours}")
    return f"{before}{plain}server {{\n{secure}{after}"


def unit_text(to: Deployment, name: str) -> str:
    text = to.shipped.joinpath("deploy", name).read_text()
    for program in ("sanic", "blog"):
        text = text.replace(f"/opt/blog/.venv/bin/{program}", _word(to.programs / program))
    stands_in = str(to.installed).replace("%", "%%")  # a line to itself: no quotes there
    text = text.replace("WorkingDirectory=/opt/blog", f"WorkingDirectory={stands_in}")
    text = text.replace("-w 4", f"-w {to.workers}").replace("/srv/blog", str(to.home))
    return f"{MARK}\n" + text.replace("User=blog", f"User={to.user}")


def _word(path: Path) -> str:
    """A path as one word of a command in a unit. Those with quotes are refused before."""
    text = str(path).replace("%", "%%")
    return text if PLAIN.fullmatch(text) else f'"{text}"'


def settings_text(to: Deployment) -> str:
    values = (str(to.home / "data"), to.address, "1", str(to.port))
    lines = [MARK, *map("=".join, zip(OURS, values, strict=True)), *to.added_settings()]
    return "\n".join(lines) + "\n"


# What systemd does with the file, too: no sign in a password means anything.
READ_SETTINGS = """\
while read -r line || [ -n "$line" ]; do
    case $line in [A-Z]*=*) ;; *) continue ;; esac
    value=${line#*=}
    case $value in \\"*\\" | \\'*\\') value=${value#?} value=${value%?} ;; esac
    export "${line%%=*}=$value"
done"""


def command_text(to: Deployment) -> str:
    folder, program = shlex.quote(str(to.installed)), shlex.quote(str(to.programs / "blog"))
    return (
        f"#!/bin/sh\n{MARK} The command, with the settings and the rights of the service.\n"
        f'cd {folder}\n[ "$1" != deploy ] || exec {program} "$@"  # root alone can\n'
        f"{READ_SETTINGS} < {to.settings}\numask 027\n"
        f'exec runuser -u {to.user} -g {SHARED} -- {program} "$@"\n'
    )
