"""Makes automatic backups: checks whether one is due, and runs `blog backup` as a process."""

import asyncio
import shutil
from datetime import timedelta

from blog.backup import manifest, storage
from blog.config import N_, Config, UserError, interpreter
from blog.db import Database
from blog.models.jobs import row_counts
from blog.models.settings import site

CHECK_INTERVAL = 600.0  # seconds between two checks


async def back_up_if_due(config: Config, database: Database) -> None:
    """Back up if it is due. Raises `UserError` if that fails; the next attempt is an hour later."""
    settings = (await database.read(site.facts)).settings
    if not settings.backup_every:
        return
    set_up_at = await database.read(row_counts.set_up_at)
    interval = timedelta(hours=settings.backup_every)
    is_due = await asyncio.to_thread(storage.is_due, config, interval, set_up_at)
    if is_due and not await asyncio.to_thread(storage.is_busy, config):
        await asyncio.to_thread(_check_space, config)
        await _run(config, settings.backup_keep)


def _check_space(config: Config) -> None:
    """Raise `UserError` if the backup could need more than half of the free disk space."""
    files = [config.sqlite_file, *manifest.pictures(config).values()]
    size = 2 * sum(path.stat().st_size for path in files if path.exists())
    free = shutil.disk_usage(config.data_dir).free
    if size > free:
        error = UserError(
            N_("No backup was made: it may need %(size)s MB, but only %(free)s MB are free."),
            size=size // 1_000_000 + 1,
            free=free // 1_000_000,
        )
        storage.record_failure(config, str(error))
        raise error


async def _run(config: Config, keep: int) -> None:
    """Run `blog backup`, a process with a low priority. Raises `UserError` with its last line."""
    process = await asyncio.create_subprocess_exec(
        *(interpreter(), "-m", "blog", "backup", "--keep", str(keep)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, stderr = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        lines = stderr.decode(errors="replace").strip().splitlines() or [str(process.returncode)]
        storage.record_failure(config, lines[-1])
        raise UserError(N_("No backup was made: %(why)s"), why=lines[-1])
