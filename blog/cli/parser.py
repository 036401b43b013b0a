"""The arguments of every `blog` command, with help and examples in the shell's language."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import shtab

from blog import __version__
from blog.cli import commands
from blog.cli.examples import EXAMPLES
from blog.config import N_, Config
from blog.server.startup import say

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

SHELLS = ("bash", "zsh")
Run = Callable[[Config, argparse.Namespace], int | None]


class Layout(TypedDict):
    """Arguments of a parser that determine how its help looks."""

    epilog: str
    formatter_class: type[argparse.HelpFormatter]


def as_path(text: str) -> Path:
    """Parse a path argument. An empty one, as from an unset shell variable, would mean the cwd."""
    if not text:
        raise argparse.ArgumentTypeError(say(N_("the path is empty")))
    return Path(text)


class Commands:
    """Adds commands to the parser."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self.group = top.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(self, name: str, run: Run, help: str) -> argparse.ArgumentParser:
        """Add a command with its examples. `help` is not yet translated."""
        command = self.group.add_parser(name, help=say(help), **layout(name))
        command.set_defaults(run=run)
        return command


def layout(name: str) -> Layout:
    """Return the arguments that make a parser show the examples of a command as written."""
    lines = [say(N_("Examples:"))]
    for purpose, words in EXAMPLES[name]:
        lines += [f"  # {say(purpose)}", f"  {words}"]
    return {
        "epilog": "\n".join(lines).replace("%", "%%"),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with its help in the shell's language."""
    setattr(argparse, "_", say)  # noqa: B010 -- argparse's gettext reads only compiled catalogues
    description = say(N_("Command-line tools for the site owner."))
    top = argparse.ArgumentParser(prog="blog", description=description, **layout(""))
    version = say("show program's version number and exit")
    top.add_argument("--version", action="version", version=f"blog {__version__}", help=version)
    group = Commands(top)
    _add_import(group)
    _add_deploy(group)
    _add_backup(group)
    _add_accounts(group)
    group.add(
        "settings", commands.list_settings, N_("List all settings with their values and purposes.")
    )
    group.add("doctor", commands.run_doctor, N_("Check the installation and suggest fixes."))
    group.add(
        "tick",
        commands.run_tasks,
        N_("Run the scheduled tasks in a separate process until stopped."),
    )
    group.add(
        "collect",
        commands.collect_static,
        N_("Collect the static files in a folder named by their content hash."),
    )
    completion = group.add(
        "completion",
        commands.print_completion,
        N_("Print a script that completes commands and options in a shell."),
    )
    completion.add_argument("shell", choices=SHELLS, help=say(N_("shell to complete in")))
    return top


def _add_import(group: Commands) -> None:
    importing = group.add("import", commands.import_blog, N_("Import an existing blog."))
    _add_path(
        importing, "folder", help=N_("folder of Markdown or reStructuredText files"), is_folder=True
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
    _add_path(
        importing,
        "--report",
        "--receipt",
        help=N_("also write the import report to this JSON file"),
    )


def _add_deploy(group: Commands) -> None:
    site = group.add(
        "deploy", commands.deploy_site, N_("Set up nginx and system services for a site.")
    )
    site.add_argument("domain", help=say(N_("domain of the site, such as example.org")))
    _add_path(
        site,
        "--home",
        type=Path,
        default=Path("/srv/blog"),
        help=N_("home folder of the site; its data goes in the folder data below"),
        is_folder=True,
    )
    _add_path(
        site,
        "--root",
        default=Path("/"),
        help=N_("write the files below this folder instead of /"),
        is_folder=True,
    )
    site.add_argument("--yes", action="store_true", help=say(N_("do not ask for confirmation")))
    site.add_argument(
        "--remove", action="store_true", help=say(N_("undo the setup, but keep the data"))
    )


def _add_backup(group: Commands) -> None:
    backup = group.add("backup", commands.write_backup, N_("Back up the whole blog into one file."))
    _add_path(
        backup, "file", nargs="?", help=N_("backup file; by default a new one in the data folder")
    )
    backup.add_argument(
        "--keep",
        type=int,
        help=say(N_("keep this many backups in the data folder and delete older ones")),
    )
    restore = group.add("restore", commands.restore_backup, N_("Restore the blog from a backup."))
    _add_path(restore, "file", help=N_("file written by blog backup"))
    export = group.add("export", commands.export_blog, N_("Export the blog as plain files."))
    _add_path(export, "folder", help=N_("new folder to write to"), is_folder=True)


def _add_accounts(group: Commands) -> None:
    test = group.add(
        "mail-test", commands.test_mail, N_("Send a test email now and report the result.")
    )
    test.add_argument("address", help=say(N_("address of the recipient")))
    admin = group.add(
        "create-admin", commands.create_admin, N_("Create an admin, or turn a byline into one.")
    )
    admin.add_argument("name", help=say(N_("name to sign in with")))
    admin.add_argument("--email", default="", help=say(N_("Email address")))
    reset = group.add(
        "reset-password",
        commands.print_reset_link,
        N_("Print a link for setting a new password."),
    )
    reset.add_argument("name", help=say(N_("sign-in name or email address")))


def _add_path(
    command: argparse.ArgumentParser,
    *names: str,
    help: str,
    is_folder: bool = False,
    type: Callable[[str], Path] = as_path,
    nargs: str | None = None,
    default: Path | None = None,
) -> None:
    """Add an argument that is a path and that a shell completes."""
    action = command.add_argument(*names, type=type, nargs=nargs, default=default, help=say(help))
    action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]  # read by shtab
