"""The old blogs in the folder that BLOG_TEST_CONTENT names, imported once for all tests."""

import asyncio
import fcntl
import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from blog.config import Config
from blog.importer import ImportOptions, import_folder
from blog.importer.report import ImportReport

CONTENT = Path(os.environ.get("BLOG_TEST_CONTENT", ""))
OPTIONS = {
    "seeds": ImportOptions(),
    "jekyll": ImportOptions(permalink="/:year/:month/:day/:title/", old_url="https://huangxuan.me"),
    "zola": ImportOptions(old_url="https://blog.rust-lang.org"),
}
REPORTS = "reports.pickle"

needs_content = pytest.mark.skipif(
    not os.environ.get("BLOG_TEST_CONTENT"),
    reason="BLOG_TEST_CONTENT names no folder of real blogs",
)


@dataclass(frozen=True)
class ImportedBlogs:
    """A data folder that holds every old blog, and the report of each import."""

    folder: Path
    reports: dict[str, ImportReport]

    def copy_to(self, config: Config) -> None:
        """Puts the database and the pictures into the data folder of `config`."""
        shutil.copytree(self.folder, config.data_dir, dirs_exist_ok=True)


async def import_all(config: Config) -> dict[str, ImportReport]:
    return {
        name: await import_folder(config, CONTENT / name, options)
        for name, options in OPTIONS.items()
    }


def import_once(factory: pytest.TempPathFactory, empty_sqlite: Path) -> ImportedBlogs:
    """Imports the old blogs in the first process that asks for them; the others wait for it."""
    shared = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder, report_file = shared / "real-blogs", shared / REPORTS
    with (shared / "real-blogs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not report_file.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
            folder.mkdir()
            shutil.copy(empty_sqlite, folder)
            reports = asyncio.run(import_all(Config(data_dir=folder)))
            report_file.write_bytes(pickle.dumps(reports))
    return ImportedBlogs(folder, pickle.loads(report_file.read_bytes()))  # noqa: S301 -- our own file
