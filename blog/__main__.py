"""The command-line interface: every `blog` subcommand and its arguments."""

import blog.dependencies  # noqa: F401 -- must come first: reports missing packages

# isort: split
import argparse
import asyncio
import getpass
import io
import sys
from dataclasses import fields
from pathlib import Path

from blog import __version__
from blog.config import N_, PREFIX, Config, UserError, local_address
from blog.db import Database
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.users import password_reset, setup
from blog.models.users.user import check_password
from blog.server import startup
from blog.server.startup import say
from blog.web.collectstatic import collect
from blog.web.passwords import Passwords

# Messages of argparse itself, marked for translation. argparse looks each up by this exact text.
ARGPARSE_MESSAGES = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("expected one argument"),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command in `argv` (by default the process arguments) and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        code = int(arguments.run(Config.from_env(), arguments) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as in `blog doctor | head`
        sys.stdout = io.StringIO()  # so that nothing fails when the interpreter flushes stdout
        return 1
    except (UserError, Refusal, OSError) as error:
        print(startup.error_message(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(say(N_("Interrupted. Run the command again to continue.")), file=sys.stderr)
        return 130


def as_path(text: str) -> Path:
    """Parse a path argument. An empty one, as from an unset shell variable, would mean the cwd."""
    if not text:
        raise argparse.ArgumentTypeError(say(N_("the path is empty")))
    return Path(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with its help in the shell's language."""
    setattr(argparse, "_", say)  # noqa: B010 -- argparse's gettext reads only compiled catalogues
    top = argparse.ArgumentParser(
        prog="blog", description=say(N_("Command-line tools for the site owner."))
    )
    version = say("show program's version number and exit")
    top.add_argument("--version", action="version", version=f"blog {__version__}", help=version)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_import(commands)
    _add_deploy(commands)
    _add_backup(commands)
    test = commands.add_parser(
        "mail-test", help=say(N_("Send a test email now and report the result."))
    )
    test.add_argument("address", help=say(N_("address of the recipient")))
    test.set_defaults(run=test_mail)
    admin = commands.add_parser(
        "create-admin", help=say(N_("Create an admin, or turn a byline into one."))
    )
    admin.add_argument("name", help=say(N_("name to sign in with")))
    admin.add_argument("--email", default="", help=say(N_("Email address")))
    admin.set_defaults(run=create_admin)
    reset = commands.add_parser(
        "reset-password", help=say(N_("Print a link for setting a new password."))
    )
    reset.add_argument("name", help=say(N_("sign-in name or email address")))
    reset.set_defaults(run=print_reset_link)
    for name, run, help in (
        ("settings", list_settings, N_("List all settings with their values and purposes.")),
        ("doctor", run_doctor, N_("Check the installation and suggest fixes.")),
        ("tick", run_tasks, N_("Run the scheduled tasks in a separate process until stopped.")),
        (
            "collect",
            collect_static,
            N_("Collect the static files in a folder named by their content hash."),
        ),
    ):
        commands.add_parser(name, help=say(help)).set_defaults(run=run)
    return top


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    importing = commands.add_parser("import", help=say(N_("Import an existing blog.")))
    importing.add_argument(
        "folder", type=as_path, help=say(N_("folder of Markdown or reStructuredText files"))
    )
    importing.add_argument(
        "--permalink",
        help=say(N_("pattern of the old addresses, such as /:year/:month/:day/:title/")),
    )
    importing.add_argument(
        "--old-url", help=say(N_("URL of the old site; links to it will point to this blog"))
    )
    importing.add_argument("--author", help=say(N_("author of posts that name none")))
    importing.add_argument(
        "--dry-run",
        action="store_true",
        help=say(N_("only print the import report; write nothing")),
    )
    importing.add_argument(
        "--force", action="store_true", help=say(N_("overwrite posts edited here with the files"))
    )
    text = say(N_("also write the import report to this JSON file"))
    importing.add_argument("--report", "--receipt", type=as_path, help=text)
    importing.set_defaults(run=import_blog)


def _add_deploy(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    site = commands.add_parser(
        "deploy", help=say(N_("Set up nginx and system services for a site."))
    )
    site.add_argument("domain", help=say(N_("domain of the site, such as example.org")))
    site.add_argument(
        "--home",
        type=Path,
        default=Path("/srv/blog"),
        help=say(N_("home folder of the site; its data goes in the folder data below")),
    )
    site.add_argument(
        "--root",
        type=as_path,
        default=Path("/"),
        help=say(N_("write the files below this folder instead of /")),
    )
    site.add_argument("--yes", action="store_true", help=say(N_("do not ask for confirmation")))
    site.add_argument(
        "--remove", action="store_true", help=say(N_("undo the setup, but keep the data"))
    )
    site.set_defaults(run=deploy_site)


def deploy_site(config: Config, arguments: argparse.Namespace) -> int:
    """Set up nginx and the system services, or remove them."""
    from blog import deploy  # only this command needs it

    return deploy.run(config, arguments)


def _add_backup(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backup = commands.add_parser("backup", help=say(N_("Back up the whole blog into one file.")))
    backup.add_argument(
        "file",
        type=as_path,
        nargs="?",
        help=say(N_("backup file; by default a new one in the data folder")),
    )
    backup.add_argument(
        "--keep",
        type=int,
        help=say(N_("keep this many backups in the data folder and delete older ones")),
    )
    backup.set_defaults(run=write_backup)
    restore = commands.add_parser("restore", help=say(N_("Restore the blog from a backup.")))
    restore.add_argument("file", type=as_path, help=say(N_("file written by blog backup")))
    restore.set_defaults(run=restore_backup)
    export = commands.add_parser("export", help=say(N_("Export the blog as plain files.")))
    export.add_argument("folder", type=as_path, help=say(N_("new folder to write to")))
    export.set_defaults(run=export_blog)


def write_backup(config: Config, arguments: argparse.Namespace) -> int:
    """Write a backup file. The blog may keep running."""
    from blog.backup import backup  # only these three commands need it

    return backup.run(config, arguments)


def restore_backup(config: Config, arguments: argparse.Namespace) -> int:
    """Restore a backup into an empty data folder."""
    from blog.backup import restore

    return restore.run(config, arguments)


def export_blog(config: Config, arguments: argparse.Namespace) -> int:
    """Export the blog as Markdown files, pictures and lists that any program can read."""
    from blog.backup import backup, export

    backup.require_blog(config)
    startup.prepare(config)
    return export.run(config, arguments)


def import_blog(config: Config, arguments: argparse.Namespace) -> int:
    """Import a folder of posts and print the import report."""
    from blog.importer import run  # docutils and yaml are heavy, and only this command needs them

    startup.prepare(config)
    return int(run(config, arguments))


def create_admin(config: Config, arguments: argparse.Namespace) -> None:
    """Create an admin from the shell, as the set-up page does."""
    startup.prepare(config)
    password = _password()
    check_password(password, about=(arguments.name, arguments.email))
    passwords, database = Passwords(), Database(config, f"blog {arguments.command}")
    try:
        hashed = asyncio.run(passwords.hash(password))
        name = database.transact_now(
            setup.add_admin, name=arguments.name, email=arguments.email, password_hash=hashed
        )
        print(say(N_("%(name)s can sign in now."), name=name))
    finally:
        passwords.close()
        database.close()


def print_reset_link(config: Config, arguments: argparse.Namespace) -> None:
    """Print a password reset link, for blogs that send no email. The blog may keep running."""
    startup.prepare(config)
    database = Database(config, f"blog {arguments.command}")
    try:
        path = database.transact_now(password_reset.create_reset_link, arguments.name)
        address = config.site_url or database.read_now(site.facts).address
    finally:
        database.close()
    print(say(N_("Valid for one hour and one use:")), file=sys.stderr)
    print((address or local_address(config.host, config.port)).rstrip("/") + path)


def _password() -> str:
    """Ask for a password without echoing it. If stdin is not a terminal, read its first line."""
    if sys.stdin.isatty():
        return getpass.getpass(say(N_("Password:")) + " ")
    return sys.stdin.readline().rstrip("\n")


def test_mail(config: Config, arguments: argparse.Namespace) -> int:
    """Send a test email and report the result."""
    from blog.mail import mail_test

    return mail_test.run(config, arguments.address)


def run_tasks(config: Config, arguments: argparse.Namespace) -> None:
    """Run the scheduled tasks in this process until it is stopped."""
    from blog.jobs import tasks

    tasks.run(config)


def list_settings(config: Config, arguments: argparse.Namespace) -> None:
    """Print every environment setting with its value and purpose, without passwords."""
    for field in fields(config):
        value = getattr(config, field.name)
        shown = ", ".join(value) if isinstance(value, tuple) else value
        if isinstance(value, bool):
            shown = "on" if value else "off"
        if field.name == "database_url" and value:
            shown = config.database_place
        if field.name == "smtp_url":
            shown = config.mail_server or ""
        print(f"{PREFIX}{field.name.upper()}={shown}\n    {say(field.metadata['help'])}")


def run_doctor(config: Config, arguments: argparse.Namespace) -> int:
    """Check the installation and print the findings."""
    from blog import doctor  # only this command needs it

    return doctor.run(config)


def collect_static(config: Config, arguments: argparse.Namespace) -> None:
    """Collect the static files and print the hash that names their folder."""
    print(collect(config).hash)


if __name__ == "__main__":
    sys.exit(main())
