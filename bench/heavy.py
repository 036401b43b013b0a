"""Runs all heavy work of `bench.mixed` on a running blog at the same time."""

import asyncio
import contextlib
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import aiohttp
from PIL import Image
from sqlalchemy.orm import Session

from bench.planting import sentence
from blog.config import Config
from blog.db import Database
from blog.models.jobs import outbox
from blog.models.users import user
from blog.web.passwords import Passwords
from tests.support import cast
from tests.support.cast import OURS, PASSWORD
from tests.support.live_server import ROOT, environment, free_port

NAME = "max"  # the user who signs in
EMAILS, PHOTOGRAPHS, IMPORTED = 50, 20, 700
SIDES = (4000, 3000)
SIGN_IN_TASKS, UPLOAD_TASKS, SEARCH_TASKS = 2, 4, 8
MAIL_PORT = free_port()
MIN_SECONDS = 20.0  # seconds
WORK = ("sign-ins", "photographs", "import", "searches", "mail")


@dataclass(frozen=True)
class Load:
    """The files to upload and to import, and the kinds of work to do."""

    old_blog: Path
    photographs: list[bytes] = field(repr=False)
    kinds: Sequence[str] = WORK


@dataclass
class Heavy:
    """Does the work, and counts in `done` the responses by kind of work and status."""

    config: Config
    load: Load
    done: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def work(self) -> str:
        """Upload and import everything while the other work runs; return a summary.

        Takes at least `MIN_SECONDS`.
        """
        background = [
            asyncio.create_task(work())
            for kind, work, tasks in (
                ("sign-ins", self.sign_in, SIGN_IN_TASKS),
                ("searches", self.search, SEARCH_TASKS),
                ("mail", self.serve_mail, 1),
            )
            if kind in self.load.kinds
            for _ in range(tasks)
        ]
        finite = {"photographs": self.upload, "import": self.import_blog}
        foreground = [work() for kind, work in finite.items() if kind in self.load.kinds]
        await asyncio.gather(asyncio.sleep(MIN_SECONDS), *foreground)
        for task in background:
            task.cancel()
        for fault in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(fault, Exception):
                raise fault
        counts = sorted(self.done.items())
        return ", ".join(f"{count} {kind} ({code})" for (kind, code), count in counts)

    def client(self) -> aiohttp.ClientSession:
        url, jar = f"http://127.0.0.1:{self.config.port}", aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(url, headers=OURS, cookie_jar=jar)

    async def sign_in(self) -> None:
        typed = {"login": NAME, "password": PASSWORD}
        async with self.client() as client:
            while True:
                request = {"data": typed, "allow_redirects": False}
                async with client.post("/sign-in", **request) as answer:
                    self.done["sign-ins", answer.status] += 1

    async def search(self) -> None:
        chance = random.Random()  # noqa: S311 -- search terms
        async with self.client() as client:
            while True:
                words = {"q": sentence(chance, chance.randint(1, 3))}
                async with client.get("/search", params=words) as answer:
                    await answer.read()
                    self.done["searches", answer.status] += 1

    async def serve_mail(self) -> None:
        """Run a mail server that accepts connections but never responds."""

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.done["mail connections", 0] += 1
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await reader.read()
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", MAIL_PORT) as server:
            await server.serve_forever()

    async def upload(self) -> None:
        """Upload all photographs, a few at a time, as the picture page does with dropped files."""
        database = Database(self.config)
        cookies = cast.sign_in(database, database.read_now(user.find_by_login, NAME))
        database.close()
        waiting = list(self.load.photographs)
        await asyncio.gather(*(self._upload_some(waiting, cookies) for _ in range(UPLOAD_TASKS)))

    async def _upload_some(self, waiting: list[bytes], cookies: dict[str, str]) -> None:
        head = {"content-type": "image/jpeg", "accept": "application/json"}
        head["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        async with self.client() as client:
            while waiting:
                request = {"data": waiting.pop(), "headers": head}
                async with client.post("/control-panel/pictures", **request) as answer:
                    self.done["photographs", answer.status] += 1

    async def import_blog(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "blog", "import", str(self.load.old_blog)),
            cwd=ROOT,
            env=environment(self.config),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        self.done["import", process.returncode or 0] += 1
        if process.returncode:
            print(output.decode()[-2000:])


def prepare(config: Config, load: Load) -> dict[str, str]:
    """Create the user and the due emails; return environment variables for the blog."""
    database = Database(config)
    database.transact_now(_create_user, Passwords().hasher.hash(PASSWORD))
    if "mail" in load.kinds:
        database.transact_now(_queue_emails)
    database.close()
    mail = {"BLOG_SMTP_URL": f"smtp://127.0.0.1:{MAIL_PORT}", "BLOG_MAIL_FROM": "blog@x.example"}
    return mail if "mail" in load.kinds else {}


def _create_user(session: Session, password_hash: str) -> None:
    values = {"name": NAME, "display_name": "Max", "email": "max@x.example", "role": "editor"}
    user.create_user(session, **values, password_hash=password_hash)


def _queue_emails(session: Session) -> None:
    for number in range(EMAILS):
        outbox.enqueue(session, "test", f"reader{number}@x.example", language="en")


def old_blog(folder: Path) -> Path:
    """Write the folder of a static site generator with one Markdown file per post; return it."""
    posts = folder / "old" / "_posts"
    posts.mkdir(parents=True)
    for number in range(IMPORTED):
        chance = random.Random(number)  # noqa: S311 -- the same posts each time
        head = f"---\ntitle: Old post {number}\ntags: [old, tag-{number % 40}]\n---\n\n"
        parts = [f"## On {sentence(chance, 3)}\n\n{sentence(chance, 60)}.\n" for _ in range(8)]
        name = f"20{10 + number % 10}-{1 + number % 12:02}-{1 + number % 28:02}-old-{number}.md"
        posts.joinpath(name).write_text(head + "\n".join(parts))
    return folder / "old"


def photographs() -> list[bytes]:
    """Return different JPEG files of 12 megapixels, as large as those of a phone."""
    made = []
    for _ in range(PHOTOGRAPHS):
        out = BytesIO()
        noise = Image.effect_noise((SIDES[0] // 2, SIDES[1] // 2), 90).resize(SIDES)
        noise.convert("RGB").save(out, "JPEG", quality=88)
        made.append(out.getvalue())
    return made
