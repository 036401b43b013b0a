"""Backups that nobody has to think of: made when one is due, by a process of its own."""

import asyncio
import shutil
from datetime import timedelta

from blog.backup import manifest, storage
from blog.config import N_, Config, UserError, interpreter
from blog.db import Database
from blog.models.jobs import row_counts
from blog.models.settings import site

LOOK = 600.0  # seconds between two looks


async def look_after(config: Config, database: Database) -> None:
    """Back up if it is due. Raises `Told` where that failed; it is tried again after an hour."""
    settings = (await database.read(site.facts)).settings
    if not settings.backup_every:
        return
    born = await database.read(row_counts.set_up_at)
    due = timedelta(hours=settings.backup_every)
    is_due = await asyncio.to_thread(storage.is_due, config, due, born)
    if is_due and not await asyncio.to_thread(storage.is_busy, config):
        await asyncio.to_thread(_refuse_to_fill, config)
        await _run(config, settings.backup_keep)


def _refuse_to_fill(config: Config) -> None:
    """A backup that nobody asked for takes at most half of the room: the blog needs some, too."""
    files = [config.sqlite_file, *manifest.pictures(config).values()]
    size = 2 * sum(path.stat().st_size for path in files if path.exists())
    free = shutil.disk_usage(config.data_dir).free
    if size > free:
        fault = UserError(
            N_("No backup was made: it may need %(size)s MB, but only %(free)s MB are free."),
            size=size // 1_000_000 + 1,
            free=free // 1_000_000,
        )
        storage.note_fault(config, str(fault))
        raise fault


async def _run(config: Config, keep: int) -> None:
    """`blog backup`, which steps aside for whoever reads; told what we were told."""
    process = await asyncio.create_subprocess_exec(
        *(interpreter(), "-m", "blog", "backup", "--keep", str(keep)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        why = said.decode(errors="replace").strip().splitlines() or [str(process.returncode)]
        storage.note_fault(config, why[-1])
        raise UserError(N_("No backup was made: %(why)s"), why=why[-1])
