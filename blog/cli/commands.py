"""Runs each `blog` command. A command gets the settings and the parsed arguments."""

import argparse
import asyncio
import getpass
import sys
from dataclasses import fields

from blog.config import IN_A_FILE, N_, Config, file_variable_of, local_address, variable_of
from blog.db import Database
from blog.models.settings import site
from blog.models.users import password_reset, setup
from blog.models.users.user import check_password
from blog.server import startup
from blog.server.startup import say
from blog.web.collectstatic import collect
from blog.web.passwords import Passwords


def deploy_site(config: Config, arguments: argparse.Namespace) -> int:
    """Set up nginx and the system services, or remove them."""
    from blog import deploy  # only this command needs it

    return deploy.run(config, arguments)


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
    """Print every environment setting with its value and purpose, without secrets."""
    for field in fields(config):
        print(f"{variable_of(field)}={config.shown(field)}\n    {say(field.metadata['help'])}")
        if other := file_variable_of(field):
            print(f"    {say(IN_A_FILE, name=other)}")


def run_doctor(config: Config, arguments: argparse.Namespace) -> int:
    """Check the installation and print the findings."""
    from blog import doctor  # only this command needs it

    return doctor.run(config)


def collect_static(config: Config, arguments: argparse.Namespace) -> None:
    """Collect the static files and print the hash that names their folder."""
    print(collect(config).hash)


def print_completion(config: Config, arguments: argparse.Namespace) -> None:
    """Print a script that completes commands, options and file names in a shell."""
    import shtab  # only this command needs it

    from blog.cli.parser import parser

    print(shtab.complete(parser(), arguments.shell))
