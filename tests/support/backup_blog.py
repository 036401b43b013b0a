"""A blog to back up, and a crawler of its public pages to compare it with the restored one."""

import asyncio
import re
import shutil

from sqlalchemy.orm import Session

from blog import importer
from blog.config import Config
from blog.db import Database
from blog.importer.importer import ImportOptions
from blog.models.comments.comment import APPROVED
from blog.server import startup
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.cast import Cast
from tests.support.paths import SAMPLES
from tests.support.planted_comments import remark

ENTRIES = ("/", "/archive", "/sitemap.xml", "/robots.txt", "/feed.atom", "/nothing-here")
LINK = re.compile(rb"""(?:href|src|srcset)="(/[^"#\s]*)|<loc>[a-z]+://[^/<]+([^<]+)""")


def furnish(config: Config) -> Cast:
    """Create the example data, an imported blog with pictures, comments and a custom template."""
    startup.prepare(config)
    database = Database(config)
    people = cast.fill(database)
    asyncio.run(
        importer.import_folder(config, SAMPLES / "jekyll", ImportOptions(author="Lee Byline"))
    )
    for words, state in (("I was there, too.", APPROVED), ("It waits.", "pending")):
        database.transact_now(_add_comment, people.ann_live.id, words, state)
    database.close()
    (config.data_dir / "templates").mkdir()
    shutil.copy("templates/error.html", config.data_dir / "templates")
    with (config.data_dir / "templates" / "error.html").open("a") as file:
        file.write("<!-- mine -->")
    return people


def _add_comment(session: Session, post_id: int, words: str, state: str) -> None:
    remark(session, post_id, words, state=state)


def seen(config: Config) -> dict[str, tuple[int, str, bytes]]:
    """Return status, media type and body of every public page and picture, by following links."""
    pages: dict[str, tuple[int, str, bytes]] = {}
    with AppClient(config) as client:
        paths = list(ENTRIES)
        while paths:
            path = paths.pop()
            if path in pages:
                continue
            answer = client.get(path)
            kind = answer.header("content-type")
            pages[path] = (answer.status, kind, answer.body)
            if "html" in kind or "xml" in kind:
                paths += [
                    (attribute or location).decode().replace("&amp;", "&")
                    for attribute, location in LINK.findall(answer.body)
                ]
    return pages
