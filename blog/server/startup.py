"""What happens once, in the main process, before any worker answers."""

import errno
import os
import re
import secrets
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from sanic import Sanic
from sanic.server.socket import bind_unix_socket

from blog import db
from blog.backup import backup
from blog.config import N_, BadSetting, Config, UserError, local_address, shell_language, ssh_server
from blog.db.migrate import migrate
from blog.models.base import Refusal
from blog.models.search import search
from blog.models.settings import site
from blog.web import auth
from blog.web.collectstatic import collect
from blog.web.i18n import translate

SECRET_BYTES = 32
SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")


def prepare(config: Config) -> None:
    """Data folder, secret, migrated database, static files. Safe to do twice at once."""
    _make_folders(config)
    secret(config.data_dir)
    migrate(config, partial(_back_up, config))
    _rebuild_search(config)
    collect(config)


def _back_up(config: Config) -> None:
    """The way back, should the new release not be liked."""
    path = backup.before_upgrade(config)
    print(say(N_("The blog was backed up before the upgrade: %(file)s"), file=path), flush=True)


def _make_folders(config: Config) -> None:
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        config.media_dir.mkdir(exist_ok=True)
    except OSError as fault:
        message = N_("BLOG_DATA_DIR=%(folder)s cannot be used: %(why)s.")
        raise BadSetting(message, folder=config.data_dir, why=fault.strerror) from fault


def secret(data_dir: Path) -> bytes:
    """The installation's own secret, made once; whoever comes second reads the first one's.

    An empty one, as a power cut may leave it, would let everybody guess the set-up link.
    """
    path = data_dir / "secret"
    if not path.exists():
        _make_secret(path)
    text = path.read_text(errors="replace").strip()
    if not SECRET.fullmatch(text):
        raise UserError(
            N_("%(path)s is damaged. Delete it; the next start creates a new one."), path=path
        )
    return bytes.fromhex(text)


def _make_secret(path: Path) -> None:
    draft = path.with_name(f"secret.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        with draft.open("w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process made it
    finally:
        draft.unlink(missing_ok=True)


def _rebuild_search(config: Config) -> None:
    """Whatever a migration or a new tokeniser has emptied; nothing on most starts."""
    database = db.Database(config)
    try:
        while database.transact_now(search.rebuild):
            pass
    finally:
        database.close()


def say(message: str, **params: Any) -> str:
    """A sentence in the language of the console."""
    return translate(shell_language(), message, **params)


def told(fault: Exception) -> str:
    """What ended a start or a command, in one line."""
    if isinstance(fault, (UserError, Refusal)):
        return say(fault.message, **fault.params)
    return str(fault)


def refuse_taken_port(host: str, port: int) -> None:
    """Say it in one line; Sanic's own answer is a traceback in every worker."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(say(_why_not_there(error), port=port, host=host, why=error.strerror))


def unix_socket(path: str, backlog: int) -> socket.socket:
    """One for all workers. Sanic would have each put its own in the place of the one before, and
    only the last would be asked."""
    try:
        return bind_unix_socket(path, backlog=backlog)
    except OSError as fault:
        sys.exit(told(fault))


def _why_not_there(error: OSError) -> str:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return N_("Port %(port)s on %(host)s is in use (%(why)s). Set BLOG_PORT to another port.")
    return N_("BLOG_HOST=%(host)s cannot be used: %(why)s.")


def greet(app: Sanic[Any, Any]) -> str:
    """Where to go, the way there over ssh, and the set-up link of an empty blog."""
    config: Config = app.ctx.config
    host, port = app.ctx.listens_on
    local = local_address(host, port)
    lines = [say(N_("The blog is available at %(address)s"), address=config.site_url or local)]
    if server := ssh_server():
        way = f"ssh -L {port}:{local.removeprefix('http://')} {server}"
        lines.append(say(N_("To open it from your own machine: %(command)s"), command=way))
    if line := invitation(config, local):
        lines.append(line)
    return "\n".join(lines)


def invitation(config: Config, local: str = "") -> str:
    """The set-up link of a blog that nobody has set up yet."""
    database = db.Database(config)
    try:
        if database.read_now(site.facts).set_up:
            return ""
    finally:
        database.close()
    address = config.site_url or local or local_address(config.host, config.port)
    link = f"{address}/set-up?key={auth.setup_key(secret(config.data_dir))}"
    return say(N_("The blog is empty. Set it up here: %(link)s"), link=link)
