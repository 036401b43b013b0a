"""The `import` command: reads the folder of another blog and imports its posts and lists."""

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from tqdm import tqdm

from blog.config import N_, Config, shell_language
from blog.db import Database
from blog.importer import errors, lists, people
from blog.importer.addresses import permalinks
from blog.importer.importer import Importer, ImportOptions
from blog.importer.report import ImportReport
from blog.importer.source import collection
from blog.importer.source.collection import Collection
from blog.models.base import Refusal, now
from blog.models.settings import site
from blog.models.transfer import import_posts
from blog.models.users import setup
from blog.sandbox import Sandbox

__all__ = ["ImportOptions", "Progress", "import_folder", "run"]
MAX_SANDBOXES = 2
POSTS_PER_SANDBOX = 20  # fewer posts do not justify the start-up time of a second sandbox
POSTS_IN_FLIGHT = 12  # per sandbox: one is rendered while others wait to be written
Progress = Callable[[int, int], None]  # (files done, files in total)


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run the `import` command with a progress bar, print the report and return the exit code.

    Raises `Refusal` if the import cannot start or has to stop.
    """
    os.nice(5)  # requests of readers take precedence
    if arguments.old_url and not arguments.old_url.startswith(("http://", "https://")):
        message = N_("%(url)s is not the address of a site, such as https://old.example.org.")
        raise Refusal(message, url=arguments.old_url)
    options = ImportOptions(
        permalink=arguments.permalink or "",
        old_url=arguments.old_url or "",
        dry_run=arguments.dry_run,
        force=arguments.force,
        author=arguments.author or "",
    )
    with tqdm(unit=" files", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        importing = import_folder(
            config, arguments.folder, options, progress, command="blog import"
        )
        report = asyncio.run(importing)
    print(report.text(shell_language()))
    if arguments.report:
        report.write(arguments.report)
    return report.exit_code


async def import_folder(
    config: Config,
    folder: Path,
    options: ImportOptions,
    progress: Progress | None = None,
    *,
    command: str = "",
) -> ImportReport:
    """Import every post below `folder`. The database schema must be up to date.

    The audit log names the command, if any, as the actor.

    Raises `Refusal` if the import cannot start or has to stop, for example on a full disk.
    """
    database = Database(config, command)
    try:
        return await _import(config, database, folder, options, progress or (lambda *_: None))
    except errors.FAULTS as fault:
        raise errors.refusal(fault) from fault
    finally:
        database.close()


async def _import(
    config: Config, database: Database, folder: Path, options: ImportOptions, progress: Progress
) -> ImportReport:
    started = time.monotonic()
    facts = await database.read(site.facts)
    old_blog = await asyncio.to_thread(
        collection.read,
        folder,
        zone=ZoneInfo(facts.timezone),
        pattern=_pattern(options.permalink),
        now=now(),
    )
    importer = Importer(config, database, old_blog, options)
    await importer.prepare()
    if not options.dry_run:
        await database.transact(setup.get_or_create_site)
        await _import_people(database, old_blog)
    await _import_posts(config, importer, progress)
    if not options.dry_run:
        await lists.import_lists(config, database, old_blog.folder, importer.report)
    importer.report.seconds = time.monotonic() - started
    return importer.report


async def _import_people(database: Database, old_blog: Collection) -> None:
    """Create bylines for the people in the list of an export who wrote a post or a comment."""
    authors = {name for post in old_blog.posts for name in post.authors}
    comments = await asyncio.to_thread(lists.read_comments, old_blog.folder)
    commenters = {comment.person for comment in comments}
    for person in await asyncio.to_thread(people.read, old_blog.folder):
        if person.display_name in authors or person.name in commenters:
            await database.transact(import_posts.add_people, **vars(person))


async def _import_posts(config: Config, importer: Importer, progress: Progress) -> None:
    """Import all posts with concurrent workers that share one iterator and a few sandboxes."""
    posts = iter(importer.collection.posts)
    total, count = len(importer.collection.posts), 0

    def done() -> None:
        nonlocal count
        count += 1
        progress(count, total)

    async with AsyncExitStack() as stack:
        sandbox_count = min(1 + total // POSTS_PER_SANDBOX, MAX_SANDBOXES)
        sandboxes = [await stack.enter_async_context(Sandbox(config)) for _ in range(sandbox_count)]
        try:
            async with asyncio.TaskGroup() as group:
                for sandbox in sandboxes * POSTS_IN_FLIGHT:
                    group.create_task(importer.import_from(posts, sandbox, done))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None  # callers expect one exception, not a group


def _pattern(typed: str) -> str:
    try:
        return permalinks.check(typed)
    except permalinks.BadPattern as fault:
        raise Refusal(fault.message, **fault.params) from fault
