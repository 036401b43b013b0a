"""What is wrong with the installation, in words, and what to do: for the office and the shell."""

import asyncio
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import sanic
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.exc import DBAPIError, ProgrammingError

from blog import __version__, db
from blog.backup import storage
from blog.backup.storage import Last
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
ROOM, LITTLE_ROOM = 200_000_000, 1_000_000_000  # bytes free: too few, and soon too few
OLD = timedelta(days=8)  # of a last backup, where none is made by itself


@dataclass(frozen=True)
class Finding:
    """A sentence about the installation, and what to do where it is not well."""

    level: str
    said: str
    todo: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    section: str = ""  # of the office, where it is mended


@dataclass(frozen=True)
class Machine:
    """What the disk and the program say, `wanted` the schema that the program needs."""

    free: int
    can_write: bool
    last: Last
    wanted: str


@dataclass(frozen=True)
class Came:
    """How a request came in: the addresses in X-Forwarded-For, and whether any header there is
    one that proxies set."""

    hops: int
    has_proxy: bool


async def examine(config: Config, database: Database, came: Came | None = None) -> list[Finding]:
    """Everything there is to say, the worst first. What touches the disk is done in a thread."""
    machine = await asyncio.to_thread(look_at, config)
    found: Diagnostics = await database.read(diagnostics.look, str(config.sample_posts))
    return judge(config, found, machine, came)


def run(config: Config) -> int:
    """Print it all for who sits at the console; 1 if something is wrong."""
    place = config.sqlite_file if config.is_sqlite else config.data_dir
    if not place.exists():
        raise UserError(
            N_("There is no blog in %(folder)s yet: start the blog once."), folder=config.data_dir
        )
    database = Database(config)
    try:
        findings = asyncio.run(examine(config, database))
    except DBAPIError as fault:
        why = {"why": str(fault.orig).partition("\n")[0]}
        said = N_("The database cannot be read: %(why)s")
        findings = [Finding(BAD, said, _way_out(config, fault), why)]
    finally:
        database.close()
    language = shell_language()
    for one in findings:
        print(MARKS[one.level], translate(language, one.said, **one.params))
        if one.todo:
            print("  →", translate(language, one.todo, **one.params))
    return int(any(one.level == BAD for one in findings))


def _way_out(config: Config, fault: DBAPIError) -> str:
    """An older release's tables are brought up by a start; nothing else is."""
    if isinstance(fault, ProgrammingError) or "no such" in str(fault.orig):
        return N_("Restart the blog to upgrade the database.")
    if config.is_sqlite:
        return N_("If it is damaged, move it away and restore the last backup: blog restore FILE")
    return N_("Make sure that PostgreSQL is running and that BLOG_DATABASE_URL is correct.")


def look_at(config: Config) -> Machine:
    return Machine(
        free=shutil.disk_usage(config.data_dir).free,
        can_write=all(os.access(place, os.W_OK) for place in (config.data_dir, config.media_dir)),
        last=storage.last(config),
        wanted=head(),
    )


def judge(
    config: Config, found: Diagnostics, machine: Machine, came: Came | None = None
) -> list[Finding]:
    address = config.site_url or found.site.address
    findings = [
        *_address(address),
        *_proxies(config, found, address, came),
        *_mail(config, found),
        *_people(found),
        *_disk(config, machine),
        *_backup(found, machine.last),
        *_clock(found),
        *_samples(found),
        *_versions(config, found, machine),
    ]
    return sorted(findings, key=lambda one: LEVELS.index(one.level))


def _address(address: str) -> Iterator[Finding]:
    told = {"address": address}
    give = N_("Enter the public address in the settings of the admin area, or set BLOG_SITE_URL.")
    if not address:
        said = N_("The site has no public address, so links in emails and feeds are wrong.")
        yield Finding(BAD, said, give, section="settings")
    elif _is_local(address):
        said = N_("The site's address is %(address)s, which only this machine can open.")
        yield Finding(WARN, said, give, told, "settings")
    elif not address.startswith("https://"):
        said = N_("The site's address is %(address)s: passwords are sent unencrypted.")
        todo = N_("Get a certificate (blog deploy helps), and change the address to https.")
        yield Finding(WARN, said, todo, told)
    else:
        yield Finding(GOOD, N_("The site's address is %(address)s."), params=told)


def _is_local(address: str) -> bool:
    return is_local_name(urlsplit(address).hostname or "")


def _proxies(
    config: Config, found: Diagnostics, address: str, came: Came | None
) -> Iterator[Finding]:
    told = {"number": config.proxies, "hops": came.hops if came else 0}
    todo = N_("Set BLOG_PROXIES to the number of proxies in front (1 for nginx) and restart.")
    if came and came.has_proxy and not config.proxies:
        said = N_(
            "A proxy is in front, but BLOG_PROXIES is 0: all visitors seem to share one IP address."
        )
        yield Finding(BAD, said, todo, told)
    elif came and config.proxies > came.hops:
        said = N_(
            "BLOG_PROXIES is %(number)s, but this request passed %(hops)s proxies: visitors "
            "can forge their IP address."
        )
        yield Finding(BAD, said, todo, told)
    elif address.startswith("https://") and not config.proxies:
        said = N_("The address is https, so a proxy must be in front, but BLOG_PROXIES is 0.")
        yield Finding(BAD, said, todo, told)
    elif not (config.proxies or came or _is_local(address)) and found.is_asked_by_itself:
        said = N_(
            "All sign-ins came from this machine: probably a proxy is in front, and all "
            "visitors seem to share one IP address."
        )
        yield Finding(WARN, said, todo, told)
    else:
        yield Finding(
            GOOD, N_("Proxies in front, as set in BLOG_PROXIES: %(number)s."), params=told
        )


def _mail(config: Config, found: Diagnostics) -> Iterator[Finding]:
    mail = found.mail
    told = {"number": mail.late + mail.failed, "why": mail.said}
    if not config.has_mail:
        said = N_(
            "No mail server is set: nobody is notified of comments or can reset a forgotten "
            "password by email."
        )
        todo = N_("Set BLOG_SMTP_URL and BLOG_MAIL_FROM, then test: blog mail-test ADDRESS")
        yield Finding(WARN, said, todo)
    elif mail.late or mail.failed:
        said = N_("Emails that could not be sent: %(number)s. The last response was: %(why)s")
        todo = N_("Check BLOG_SMTP_URL, then test: blog mail-test ADDRESS")
        yield Finding(BAD, said, todo, told)
    else:
        yield Finding(GOOD, N_("Mail is set up, and all emails were sent."))


def _people(found: Diagnostics) -> Iterator[Finding]:
    if not found.admins:
        todo = N_("Create one on the command line: blog create-admin NAME")
        yield Finding(BAD, N_("No admin can sign in."), todo)
    elif not found.admins_with_mail:
        said = N_(
            "No admin has an email address, so a forgotten password can be reset only on the "
            "command line."
        )
        yield Finding(WARN, said, N_("Add yours in the dashboard, under Profile."))


def _disk(config: Config, machine: Machine) -> Iterator[Finding]:
    told = {"folder": config.data_dir, "number": machine.free // 1_000_000}
    make_room = N_("Free some space, or move the folder and set BLOG_DATA_DIR.")
    if not machine.can_write:
        said = N_("The blog cannot write to %(folder)s.")
        todo = N_("Make the account that runs the blog the owner of the folder.")
        yield Finding(BAD, said, todo, told)
    if machine.free < LITTLE_ROOM:
        level = BAD if machine.free < ROOM else WARN
        said = N_("The disk with %(folder)s is nearly full: %(number)s MB are free.")
        yield Finding(level, said, make_room, told)
    else:
        yield Finding(GOOD, N_("%(number)s MB are free on the disk with %(folder)s."), params=told)


def _backup(found: Diagnostics, last: Last) -> Iterator[Finding]:
    every = timedelta(hours=found.site.settings.backup_every)
    made, moment = last.moment, now()
    told = {"why": last.fault, "days": (moment - made).days if made else 0, "place": last.place}
    todo = N_("Turn on automatic backups in the settings, or run: blog backup")
    if every:
        todo = N_("Run blog backup and read its output.")
    is_new = found.born is None or moment - found.born < timedelta(days=2)
    if last.fault:
        yield Finding(BAD, N_("The last backup failed: %(why)s"), todo, told)
    if made is None and every and is_new:
        yield Finding(GOOD, N_("Automatic backups are on; the first one is not due yet."))
    elif made is None:
        yield Finding(WARN if is_new else BAD, N_("There is no backup yet."), todo)
    elif moment - made > (3 * every or OLD):
        yield Finding(BAD, N_("The last backup is %(days)s days old."), todo, told)
    else:
        yield Finding(GOOD, N_("The last backup is in %(place)s."), params=told)


def _clock(found: Diagnostics) -> Iterator[Finding]:
    if not found.has_clock:
        said = N_("No process runs the scheduled tasks: no email is sent and no backup is made.")
        yield Finding(
            WARN, said, N_("Start the blog, or run the tasks in a separate process: blog tick")
        )


def _samples(found: Diagnostics) -> Iterator[Finding]:
    if found.samples:
        said = N_("Sample posts that are still public: %(number)s.")
        todo = N_("Edit them, or move them to trash in the admin area, under Posts.")
        yield Finding(WARN, said, todo, {"number": found.samples}, "posts")


def _versions(config: Config, found: Diagnostics, machine: Machine) -> Iterator[Finding]:
    database = f"SQLite {sqlite.sqlite_version}" if config.is_sqlite else "PostgreSQL"
    told = {
        "program": f"inkhouse {__version__}",
        "python": platform.python_version(),
        "sanic": sanic.__version__,
        "database": database,
        "schema": found.schema,
        "wanted": machine.wanted,
    }
    if _is_newer(found.schema):
        said = N_("The database is newer than the program: its schema is %(schema)s.")
        todo = N_("Start the newer release, or downgrade as described in docs/upgrade.md.")
        yield Finding(BAD, said, todo, told)
    elif found.schema != machine.wanted:
        said = N_("The database schema is %(schema)s, but the program on disk needs %(wanted)s.")
        yield Finding(BAD, said, N_("Restart the blog to upgrade the database."), told)
    said = N_("%(program)s, Python %(python)s, Sanic %(sanic)s, %(database)s, schema %(schema)s.")
    yield Finding(GOOD, said, params=told)


def _is_newer(schema: str) -> bool:
    """Than the program on the disk; no start gets beyond that."""
    try:
        refuse_newer(schema)
    except db.UnusableDatabase:
        return True
    return False
