"""Moving in: an old blog's folder is read, and becomes posts."""

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
from blog.models.base import Refusal, now
from blog.models.settings import site
from blog.models.transfer import import_posts
from blog.models.users import setup
from blog.sandbox import Sandbox

__all__ = ["ImportOptions", "Progress", "import_folder", "run"]
HELPERS = 2  # processes that render
WORTH_ANOTHER = 20  # posts, before a second one is worth its start
IN_HAND = 12  # posts of each helper: one is rendered while others wait to be written
Progress = Callable[[int, int], None]


def run(config: Config, given: argparse.Namespace) -> int:
    """The `import` command: a progress bar, the receipt, and an exit code. Raises `Refusal`."""
    os.nice(5)  # who reads comes first
    if given.old_url and not given.old_url.startswith(("http://", "https://")):
        message = N_("%(url)s is not the address of a site, such as https://old.example.org.")
        raise Refusal(message, url=given.old_url)
    wishes = ImportOptions(
        permalink=given.permalink or "",
        old_url=given.old_url or "",
        dry_run=given.dry_run,
        force=given.force,
        author=given.author or "",
    )
    with tqdm(unit=" files", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        receipt = asyncio.run(import_folder(config, given.folder, wishes, progress))
    print(receipt.text(shell_language()))
    if given.receipt:
        receipt.write(given.receipt)
    return receipt.exit_code


async def import_folder(
    config: Config, folder: Path, wishes: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Bring every post below `folder` in. The database is migrated. Raises `Refusal`."""
    database = Database(config)
    try:
        return await _move_in(config, database, folder, wishes, progress or (lambda *_: None))
    except errors.FAULTS as fault:
        raise errors.refusal(fault) from fault
    finally:
        database.close()


async def _move_in(
    config: Config, database: Database, folder: Path, wishes: ImportOptions, progress: Progress
) -> ImportReport:
    began = time.monotonic()
    facts = await database.read(site.facts)
    found = await asyncio.to_thread(
        collection.read,
        folder,
        zone=ZoneInfo(facts.timezone),
        pattern=_pattern(wishes.permalink),
        now=now(),
    )
    mover = Importer(config, database, found, wishes)
    await mover.look_round()
    if not wishes.dry_run:
        await database.transact(setup.blank)
        await _introduce(database, found)
    await _share_out(config, mover, progress)
    if not wishes.dry_run:
        await lists.bring(config, database, found.folder, mover.receipt)
    mover.receipt.seconds = time.monotonic() - began
    return mover.receipt


async def _introduce(database: Database, found: collection.Collection) -> None:
    """Who wrote here, where an export of ours says more of them than a name."""
    authors = {name for post in found.posts for name in post.authors}
    commented = {one.person for one in await asyncio.to_thread(lists.comments, found.folder)}
    for person in await asyncio.to_thread(people.read, found.folder):
        if person.display_name in authors or person.name in commented:
            await database.transact(import_posts.add_people, **vars(person))


async def _share_out(config: Config, mover: Importer, progress: Progress) -> None:
    """Each helper has some posts in hand, and takes the next when one of them is written."""
    posts = iter(mover.collection.posts)
    total, count = len(mover.collection.posts), 0

    def done() -> None:
        nonlocal count
        count += 1
        progress(count, total)

    async with AsyncExitStack() as stack:
        helpers = 1 + total // WORTH_ANOTHER if total < WORTH_ANOTHER * HELPERS else HELPERS
        crews = [await stack.enter_async_context(Sandbox(config)) for _ in range(helpers)]
        try:
            async with asyncio.TaskGroup() as group:
                for crew in crews * IN_HAND:
                    group.create_task(mover.work(posts, crew, done))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None  # whoever calls knows nothing of helpers


def _pattern(typed: str) -> str:
    try:
        return permalinks.check(typed)
    except permalinks.BadPattern as fault:
        raise Refusal(fault.message, **fault.params) from fault
