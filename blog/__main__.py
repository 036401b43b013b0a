"""The `blog` command."""

import blog.dependencies  # noqa: F401 -- first: names what is not installed

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
from blog.models.audit import change_log
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.users import password_reset, setup
from blog.models.users.user import check_password
from blog.server import startup
from blog.server.startup import say
from blog.web.collectstatic import collect
from blog.web.passwords import Passwords

# What argparse itself says; it looks each up under this very wording.
ARGPARSE_SAYS = (
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
    """Run one command; returns the exit code."""
    given = parser().parse_args(argv)
    try:
        with change_log.on_behalf_of(f"blog {given.command}"):
            code = int(given.run(Config.from_env(), given) or 0)
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # `blog doctor | head`: whoever read it has seen enough
        sys.stdout = io.StringIO()  # for what would still be said at the end
        return 1
    except (UserError, Refusal, OSError) as fault:
        print(startup.told(fault), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(say(N_("Interrupted. Run the command again to continue.")), file=sys.stderr)
        return 130


def a_path(text: str) -> Path:
    """An empty one, as an unset variable leaves it, would be wherever one happens to stand."""
    if not text:
        raise argparse.ArgumentTypeError(say(N_("the path is empty")))
    return Path(text)


def parser() -> argparse.ArgumentParser:
    setattr(argparse, "_", say)  # noqa: B010 -- it knows only catalogues that lie compiled on disk
    top = argparse.ArgumentParser(
        prog="blog", description=say(N_("Command-line tools for the site owner."))
    )
    version = say("show program's version number and exit")
    top.add_argument("--version", action="version", version=f"blog {__version__}", help=version)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_import(commands)
    _add_deploy(commands)
    _add_keeping(commands)
    trial = commands.add_parser(
        "mail-test", help=say(N_("Send a test email now and report the result."))
    )
    trial.add_argument("address", help=say(N_("address of the recipient")))
    trial.set_defaults(run=test_mail)
    admin = commands.add_parser(
        "create-admin", help=say(N_("Create an admin, or turn a byline into one."))
    )
    admin.add_argument("name", help=say(N_("name to sign in with")))
    admin.add_argument("--email", default="", help=say(N_("Email address")))
    admin.set_defaults(run=create_admin)
    forgotten = commands.add_parser(
        "reset-password", help=say(N_("Print a link for setting a new password."))
    )
    forgotten.add_argument("name", help=say(N_("sign-in name or email address")))
    forgotten.set_defaults(run=print_reset_link)
    for name, run, help in (
        ("settings", settings, N_("List all settings with their values and purposes.")),
        ("doctor", examine, N_("Check the installation and suggest fixes.")),
        ("tick", keep_clock, N_("Run the scheduled tasks in a separate process until stopped.")),
        (
            "collect",
            lay_static,
            N_("Collect the static files in a folder named by their content hash."),
        ),
    ):
        commands.add_parser(name, help=say(help)).set_defaults(run=run)
    return top


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    moving = commands.add_parser("import", help=say(N_("Import an existing blog.")))
    moving.add_argument(
        "folder", type=a_path, help=say(N_("folder of Markdown or reStructuredText files"))
    )
    moving.add_argument(
        "--permalink",
        help=say(N_("pattern of the old addresses, such as /:year/:month/:day/:title/")),
    )
    moving.add_argument(
        "--old-url", help=say(N_("URL of the old site; links to it will point to this blog"))
    )
    moving.add_argument("--author", help=say(N_("author of posts that name none")))
    moving.add_argument(
        "--dry-run",
        action="store_true",
        help=say(N_("only print the import report; write nothing")),
    )
    moving.add_argument(
        "--force", action="store_true", help=say(N_("overwrite posts edited here with the files"))
    )
    moving.add_argument(
        "--receipt", type=a_path, help=say(N_("also write the import report to this JSON file"))
    )
    moving.set_defaults(run=move_in)


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
        type=a_path,
        default=Path("/"),
        help=say(N_("write the files below this folder instead of /")),
    )
    site.add_argument("--yes", action="store_true", help=say(N_("do not ask for confirmation")))
    site.add_argument(
        "--remove", action="store_true", help=say(N_("undo the setup, but keep the data"))
    )
    site.set_defaults(run=deploy_site)


def deploy_site(config: Config, given: argparse.Namespace) -> int:
    from blog import deploy  # only a keeper who sets a machine up needs it

    return deploy.run(config, given)


def _add_keeping(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backup = commands.add_parser("backup", help=say(N_("Back up the whole blog into one file.")))
    backup.add_argument(
        "file",
        type=a_path,
        nargs="?",
        help=say(N_("backup file; by default a new one in the data folder")),
    )
    backup.add_argument(
        "--keep",
        type=int,
        help=say(N_("keep this many backups in the data folder and delete older ones")),
    )
    backup.set_defaults(run=back_up)
    restore = commands.add_parser("restore", help=say(N_("Restore the blog from a backup.")))
    restore.add_argument("file", type=a_path, help=say(N_("file written by blog backup")))
    restore.set_defaults(run=read_back)
    export = commands.add_parser("export", help=say(N_("Export the blog as plain files.")))
    export.add_argument("folder", type=a_path, help=say(N_("new folder to write to")))
    export.set_defaults(run=write_out)


def back_up(config: Config, given: argparse.Namespace) -> int:
    """Everything in one file, while the blog goes on."""
    from blog.backup import backup  # only these three commands need it

    return backup.run(config, given)


def read_back(config: Config, given: argparse.Namespace) -> int:
    """A backup becomes the blog of an empty folder."""
    from blog.backup import restore

    return restore.run(config, given)


def write_out(config: Config, given: argparse.Namespace) -> int:
    """Markdown, pictures and lists that any program can read."""
    from blog.backup import backup, export

    backup.refuse_nothing(config)
    startup.prepare(config)
    return export.run(config, given)


def move_in(config: Config, given: argparse.Namespace) -> int:
    """Import a folder and print the receipt."""
    from blog.importer import run  # docutils and yaml are heavy, and only this command needs them

    startup.prepare(config)
    return int(run(config, given))


def create_admin(config: Config, given: argparse.Namespace) -> None:
    """The same as the set-up page, from a shell."""
    startup.prepare(config)
    password = _password()
    check_password(password, about=(given.name, given.email))
    passwords, database = Passwords(), Database(config)
    try:
        hashed = asyncio.run(passwords.hash(password))
        name = database.transact_now(
            setup.add_admin, name=given.name, email=given.email, password_hash=hashed
        )
        print(say(N_("%(name)s can sign in now."), name=name))
    finally:
        passwords.close()
        database.close()


def print_reset_link(config: Config, given: argparse.Namespace) -> None:
    """For somebody who has forgotten theirs, where no mail is sent; the blog may run meanwhile."""
    startup.prepare(config)
    database = Database(config)
    try:
        path = database.transact_now(password_reset.reset_link, given.name)
        address = config.site_url or database.read_now(site.facts).address
    finally:
        database.close()
    print(say(N_("Valid for one hour and one use:")), file=sys.stderr)
    print((address or local_address(config.host, config.port)).rstrip("/") + path)


def _password() -> str:
    """Asked for without showing it; from a script it is the first line of what is sent."""
    if sys.stdin.isatty():
        return getpass.getpass(say(N_("Password:")) + " ")
    return sys.stdin.readline().rstrip("\n")


def test_mail(config: Config, given: argparse.Namespace) -> int:
    from blog.mail import mail_test

    return mail_test.run(config, given.address)


def keep_clock(config: Config, given: argparse.Namespace) -> None:
    from blog.jobs import tasks

    tasks.run(config)


def settings(config: Config, given: argparse.Namespace) -> None:
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


def examine(config: Config, given: argparse.Namespace) -> int:
    from blog import doctor  # only this command needs it

    return doctor.run(config)


def lay_static(config: Config, given: argparse.Namespace) -> None:
    print(collect(config).hash)


if __name__ == "__main__":
    sys.exit(main())
