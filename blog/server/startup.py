"""Start-up work of the main process and of commands: data folder, secret, migration, messages."""

import errno
import os
import re
import secrets
import socket
import sys
from functools import partial
from pathlib import Path

from sanic.server.socket import bind_unix_socket

from blog import db
from blog.backup import backup
from blog.config import N_, BadSetting, Config, UserError, local_address, shell_language, ssh_server
from blog.db.migrate import migrate
from blog.models.base import Refusal
from blog.models.search import search
from blog.models.settings import site
from blog.server import App
from blog.web import auth
from blog.web.collectstatic import collect
from blog.web.i18n import translate

SECRET_BYTES = 32
SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")


def prepare(config: Config) -> None:
    """Prepare the data folder, secret, database, search index and static files.

    Safe to call in several processes at once. Raises `UserError` or `OSError`.
    """
    _make_folders(config)
    secret(config)
    migrate(config, partial(_back_up, config))
    _rebuild_search(config)
    collect(config)


def _back_up(config: Config) -> None:
    """Back up the blog before an upgrade, so that the old release can be restored."""
    path = backup.before_upgrade(config)
    print(
        say(N_("The blog was backed up before the upgrade: %(file)s"), file=path),
        flush=True,
    )


def _make_folders(config: Config) -> None:
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        config.media_dir.mkdir(exist_ok=True)
    except OSError as error:
        message = N_("BLOG_DATA_DIR=%(folder)s cannot be used: %(why)s.")
        raise BadSetting(message, folder=config.data_dir, why=error.strerror) from error


def secret(config: Config) -> bytes:
    """Return the secret of this installation: BLOG_SECRET, or the one in the data folder.

    Creates the one in the data folder if it is missing. If two processes create it at once, both
    return the same one. Raises `UserError` for a damaged file: an empty secret, which a power cut
    may leave, would make the set-up link predictable.
    """
    if config.secret:
        return bytes.fromhex(config.secret)
    path = config.data_dir / "secret"
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
        pass  # another process has created it
    finally:
        draft.unlink(missing_ok=True)


def _rebuild_search(config: Config) -> None:
    """Index the posts whose index a migration or a new tokenizer has emptied; usually none."""
    database = db.Database(config)
    try:
        while database.transact_now(search.rebuild):
            pass
    finally:
        database.close()


def say(message: str, **params: object) -> str:
    """Translate a message into the language of the console."""
    return translate(shell_language(), message, **params)


def error_message(error: Exception) -> str:
    """Return the one-line message for an error that ends a start or a command."""
    if isinstance(error, (UserError, Refusal)):
        return say(error.message, **error.params)
    return str(error)


def refuse_taken_port(host: str, port: int) -> None:
    """Exit with a one-line message if the port cannot be used.

    Sanic itself would print a traceback from each worker.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(say(_why_not_bound(error), port=port, host=host, why=error.strerror))


def unix_socket(path: str, backlog: int) -> socket.socket:
    """Bind one Unix socket for all workers; exits with a message if that fails.

    Sanic would let each worker replace the socket of the one before, so that only the last worker
    would get requests.
    """
    try:
        return bind_unix_socket(path, backlog=backlog)
    except OSError as error:
        sys.exit(error_message(error))


def _why_not_bound(error: OSError) -> str:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return N_("Port %(port)s on %(host)s is in use (%(why)s). Set BLOG_PORT to another port.")
    return N_("BLOG_HOST=%(host)s cannot be used: %(why)s.")


def startup_message(app: App) -> str:
    """Return the start-up message: the address, an SSH command to reach it, and the set-up link.

    The SSH command is given in an SSH session only, the set-up link for an empty blog only.
    """
    config: Config = app.ctx.config
    host, port = app.ctx.listens_on
    local = local_address(host, port)
    lines = [say(N_("The blog is available at %(address)s"), address=config.site_url or local)]
    if server := ssh_server():
        command = f"ssh -L {port}:{local.removeprefix('http://')} {server}"
        lines.append(say(N_("To open it from your own machine: %(command)s"), command=command))
    if line := setup_link_line(config, local):
        lines.append(line)
    return "\n".join(lines)


def setup_link_line(config: Config, local: str = "") -> str:
    """Return the message with the set-up link; "" if the blog has been set up.

    `local` is the address at which the server listens, if it is known.
    """
    database = db.Database(config)
    try:
        if database.read_now(site.facts).set_up:
            return ""
    finally:
        database.close()
    address = config.site_url or local or local_address(config.host, config.port)
    link = f"{address}/set-up?key={auth.setup_key(secret(config))}"
    return say(N_("The blog is empty. Set it up here: %(link)s"), link=link)
