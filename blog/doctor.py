"""Checks the installation and suggests fixes, for `blog doctor` and the admin area."""

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import sanic
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import DBAPIError, ProgrammingError

from blog import __version__, db
from blog.backup import storage
from blog.backup.storage import LastBackup
from blog.config import N_, Config, UserError, shell_language
from blog.db import Database
from blog.db.migrate import head, refuse_newer
from blog.loopback import is_local_name
from blog.models.base import now
from blog.models.jobs import diagnostics
from blog.models.jobs.diagnostics import Diagnostics
from blog.web.i18n import translate

BAD, WARN, GOOD = "bad", "warn", "good"
LEVELS = (BAD, WARN, GOOD)
MARKS = {BAD: "✗", WARN: "!", GOOD: "✓"}
CRITICAL_SPACE, LOW_SPACE = 200_000_000, 1_000_000_000  # free bytes
OLD_BACKUP = timedelta(days=8)  # if automatic backups are off


@dataclass(frozen=True)
class Finding:
    """A message and, if needed, a fix. `section` is where in the admin area to fix it."""

    level: str
    said: str
    todo: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    section: str = ""


@dataclass(frozen=True)
class Machine:
    """Free disk space in bytes, the last backup, and the schema revision the program needs."""

    free: int
    can_write: bool
    last: LastBackup
    wanted: str


@dataclass(frozen=True)
class Origin:
    """How many addresses X-Forwarded-For has, and whether any proxy header is present."""

    hops: int
    has_proxy: bool


async def examine(config: Config, database: Database, came: Origin | None = None) -> list[Finding]:
    """Return all findings, the worst first. The disk is read in a thread."""
    machine = await asyncio.to_thread(read_machine, config)
    facts: Diagnostics = await database.read(diagnostics.collect, str(config.sample_posts))
    return judge(config, facts, machine, came)


def run(config: Config) -> int:
    """Print all findings and return 1 if something is wrong. Raises `UserError`."""
    place = config.sqlite_file if config.is_sqlite else config.data_dir
    if not place.exists():
        message = N_("There is no blog in %(folder)s yet: start the blog once.")
        raise UserError(message, folder=config.data_dir)
    database = Database(config)
    try:
        findings = asyncio.run(examine(config, database))
    except DBAPIError as error:
        why = {"why": str(error.orig).partition("\n")[0]}
        message = N_("The database cannot be read: %(why)s")
        findings = [Finding(BAD, message, _database_fix(config, error), why)]
    finally:
        database.close()
    language = shell_language()
    for finding in findings:
        print(MARKS[finding.level], translate(language, finding.said, **finding.params))
        if finding.todo:
            print("  →", translate(language, finding.todo, **finding.params))
    return 1 if any(finding.level == BAD for finding in findings) else 0


def _database_fix(config: Config, error: DBAPIError) -> str:
    """Suggest a fix for a database error. Missing tables or columns are added at the next start."""
    if isinstance(error, ProgrammingError) or "no such" in str(error.orig):
        return N_("Restart the blog to upgrade the database.")
    if config.is_sqlite:
        return N_("If it is damaged, move it away and restore the last backup: blog restore FILE")
    return N_("Make sure that PostgreSQL is running and that BLOG_DATABASE_URL is correct.")


def read_machine(config: Config) -> Machine:
    """Read the facts about the disk and the program."""
    return Machine(
        free=shutil.disk_usage(config.data_dir).free,
        can_write=all(os.access(place, os.W_OK) for place in (config.data_dir, config.media_dir)),
        last=storage.last_backup(config),
        wanted=head(),
    )


def judge(
    config: Config, facts: Diagnostics, machine: Machine, came: Origin | None = None
) -> list[Finding]:
    """Run all checks on the facts and return their findings, the worst first."""
    address = config.site_url or facts.site.address
    findings = [
        *_address(address),
        *_proxies(config, facts, address, came),
        *_mail(config, facts),
        *_admins(facts),
        *_disk(config, machine),
        *_backup(facts, machine.last),
        *_scheduler(facts),
        *_samples(facts),
        *_versions(config, facts, machine),
    ]
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def _address(address: str) -> Iterator[Finding]:
    params = {"address": address}
    give = N_("Enter the public address in the settings of the admin area, or set BLOG_SITE_URL.")
    if not address:
        message = N_("The site has no public address, so links in emails and feeds are wrong.")
        yield Finding(BAD, message, give, section="settings")
    elif _is_local(address):
        message = N_("The site's address is %(address)s, which only this machine can open.")
        yield Finding(WARN, message, give, params, "settings")
    elif not address.startswith("https://"):
        message = N_("The site's address is %(address)s: passwords are sent unencrypted.")
        todo = N_("Get a certificate (blog deploy helps), and change the address to https.")
        yield Finding(WARN, message, todo, params)
    else:
        yield Finding(GOOD, N_("The site's address is %(address)s."), params=params)


def _is_local(address: str) -> bool:
    return is_local_name(urlsplit(address).hostname or "")


def _proxies(
    config: Config, facts: Diagnostics, address: str, came: Origin | None
) -> Iterator[Finding]:
    params = {"number": config.proxies, "hops": came.hops if came else 0}
    todo = N_("Set BLOG_PROXIES to the number of proxies in front (1 for nginx) and restart.")
    if came and came.has_proxy and not config.proxies:
        message = N_(
            "A proxy is in front, but BLOG_PROXIES is 0: all visitors seem to share one IP address."
        )
        yield Finding(BAD, message, todo, params)
    elif came and config.proxies > came.hops:
        message = N_(
            "BLOG_PROXIES is %(number)s, but this request passed %(hops)s proxies: visitors "
            "can forge their IP address."
        )
        yield Finding(BAD, message, todo, params)
    elif address.startswith("https://") and not config.proxies:
        message = N_("The address is https, so a proxy must be in front, but BLOG_PROXIES is 0.")
        yield Finding(BAD, message, todo, params)
    elif not (config.proxies or came or _is_local(address)) and facts.is_asked_by_itself:
        message = N_(
            "All sign-ins came from this machine: probably a proxy is in front, and all "
            "visitors seem to share one IP address."
        )
        yield Finding(WARN, message, todo, params)
    else:
        yield Finding(
            GOOD, N_("Proxies in front, as set in BLOG_PROXIES: %(number)s."), params=params
        )


def _mail(config: Config, facts: Diagnostics) -> Iterator[Finding]:
    mail = facts.mail
    params = {"number": mail.late + mail.failed, "why": mail.said}
    if not config.has_mail:
        message = N_(
            "No mail server is set: nobody is notified of comments or can reset a forgotten "
            "password by email."
        )
        todo = N_("Set BLOG_SMTP_URL and BLOG_MAIL_FROM, then test: blog mail-test ADDRESS")
        yield Finding(WARN, message, todo)
    elif mail.late or mail.failed:
        message = N_("Emails that could not be sent: %(number)s. The last response was: %(why)s")
        todo = N_("Check BLOG_SMTP_URL, then test: blog mail-test ADDRESS")
        yield Finding(BAD, message, todo, params)
    else:
        yield Finding(GOOD, N_("Mail is set up, and all emails were sent."))


def _admins(facts: Diagnostics) -> Iterator[Finding]:
    if not facts.admins:
        todo = N_("Create one on the command line: blog create-admin NAME")
        yield Finding(BAD, N_("No admin can sign in."), todo)
    elif not facts.admins_with_mail:
        message = N_(
            "No admin has an email address, so a forgotten password can be reset only on the "
            "command line."
        )
        yield Finding(WARN, message, N_("Add yours in the dashboard, under Profile."))


def _disk(config: Config, machine: Machine) -> Iterator[Finding]:
    params = {"folder": config.data_dir, "number": machine.free // 1_000_000}
    todo = N_("Free some space, or move the folder and set BLOG_DATA_DIR.")
    if not machine.can_write:
        message = N_("The blog cannot write to %(folder)s.")
        todo = N_("Make the account that runs the blog the owner of the folder.")
        yield Finding(BAD, message, todo, params)
    if machine.free < LOW_SPACE:
        level = BAD if machine.free < CRITICAL_SPACE else WARN
        message = N_("The disk with %(folder)s is nearly full: %(number)s MB are free.")
        yield Finding(level, message, todo, params)
    else:
        yield Finding(
            GOOD, N_("%(number)s MB are free on the disk with %(folder)s."), params=params
        )


def _backup(facts: Diagnostics, last: LastBackup) -> Iterator[Finding]:
    every = timedelta(hours=facts.site.settings.backup_every)
    last_made, current = last.moment, now()
    params = {
        "why": last.fault,
        "days": (current - last_made).days if last_made else 0,
        "place": last.place,
    }
    todo = N_("Turn on automatic backups in the settings, or run: blog backup")
    if every:
        todo = N_("Run blog backup and read its output.")
    is_new = facts.born is None or current - facts.born < timedelta(days=2)
    if last.fault:
        yield Finding(BAD, N_("The last backup failed: %(why)s"), todo, params)
    if last_made is None and every and is_new:
        yield Finding(GOOD, N_("Automatic backups are on; the first one is not due yet."))
    elif last_made is None:
        yield Finding(WARN if is_new else BAD, N_("There is no backup yet."), todo)
    elif current - last_made > (3 * every or OLD_BACKUP):
        yield Finding(BAD, N_("The last backup is %(days)s days old."), todo, params)
    else:
        yield Finding(GOOD, N_("The last backup is in %(place)s."), params=params)


def _scheduler(facts: Diagnostics) -> Iterator[Finding]:
    if not facts.has_clock:
        message = N_("No process runs the scheduled tasks: no email is sent and no backup is made.")
        yield Finding(
            WARN, message, N_("Start the blog, or run the tasks in a separate process: blog tick")
        )


def _samples(facts: Diagnostics) -> Iterator[Finding]:
    if facts.samples:
        message = N_("Sample posts that are still public: %(number)s.")
        todo = N_("Edit them, or move them to trash in the admin area, under Posts.")
        yield Finding(WARN, message, todo, {"number": facts.samples}, "posts")


def _versions(config: Config, facts: Diagnostics, machine: Machine) -> Iterator[Finding]:
    database = f"SQLite {sqlite.sqlite_version}" if config.is_sqlite else "PostgreSQL"
    params = {
        "program": f"inkhouse {__version__}",
        "python": platform.python_version(),
        "sanic": sanic.__version__,
        "database": database,
        "schema": facts.schema,
        "wanted": machine.wanted,
    }
    if _is_newer(facts.schema):
        message = N_("The database is newer than the program: its schema is %(schema)s.")
        todo = N_("Start the newer release, or downgrade as described in docs/upgrade.md.")
        yield Finding(BAD, message, todo, params)
    elif facts.schema != machine.wanted:
        message = N_("The database schema is %(schema)s, but the program on disk needs %(wanted)s.")
        yield Finding(BAD, message, N_("Restart the blog to upgrade the database."), params)
    message = N_(
        "%(program)s, Python %(python)s, Sanic %(sanic)s, %(database)s, schema %(schema)s."
    )
    yield Finding(GOOD, message, params=params)


def _is_newer(schema: str) -> bool:
    """Whether the database is newer than the program on disk, which then refuses to start."""
    try:
        refuse_newer(schema)
    except db.UnusableDatabase:
        return True
    return False
