"""Everything that is heavy, done to a running blog at once."""

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

NAME = "max"  # who signs in
MAILS, PHOTOGRAPHS, IMPORTED = 50, 20, 700
SIDES = (4000, 3000)
SIGNERS, SENDERS, SEARCHERS = 2, 4, 8
MAIL_PORT = free_port()
AT_LEAST = 20.0  # seconds
WORK = ("sign-ins", "photographs", "import", "searches", "mail")


@dataclass(frozen=True)
class Load:
    """What there is to bring, and which kinds of work are wanted."""

    old_blog: Path
    photographs: list[bytes] = field(repr=False)
    kinds: Sequence[str] = WORK


@dataclass
class Heavy:
    """The work, and how often each kind of it was answered with which status."""

    config: Config
    load: Load
    done: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def work(self) -> str:
        """Until the photographs and the old blog are there; the rest goes on until then."""
        beside = [
            asyncio.create_task(act())
            for kind, act, many in (
                ("sign-ins", self.sign_in, SIGNERS),
                ("searches", self.search, SEARCHERS),
                ("mail", self.be_silent, 1),
            )
            if kind in self.load.kinds
            for _ in range(many)
        ]
        ends = {"photographs": self.send, "import": self.bring}
        ending = [act() for kind, act in ends.items() if kind in self.load.kinds]
        await asyncio.gather(asyncio.sleep(AT_LEAST), *ending)
        for task in beside:
            task.cancel()
        for fault in await asyncio.gather(*beside, return_exceptions=True):
            if isinstance(fault, Exception):
                raise fault
        told = sorted(self.done.items())
        return ", ".join(f"{count} {kind} ({code})" for (kind, code), count in told)

    def client(self) -> aiohttp.ClientSession:
        url, jar = f"http://127.0.0.1:{self.config.port}", aiohttp.DummyCookieJar()
        return aiohttp.ClientSession(url, headers=OURS, cookie_jar=jar)

    async def sign_in(self) -> None:
        typed = {"login": NAME, "password": PASSWORD}
        async with self.client() as client:
            while True:
                how = {"data": typed, "allow_redirects": False}
                async with client.post("/sign-in", **how) as answer:
                    self.done["sign-ins", answer.status] += 1

    async def search(self) -> None:
        chance = random.Random()  # noqa: S311 -- words to look for
        async with self.client() as client:
            while True:
                words = {"q": sentence(chance, chance.randint(1, 3))}
                async with client.get("/search", params=words) as answer:
                    await answer.read()
                    self.done["searches", answer.status] += 1

    async def be_silent(self) -> None:
        """As a mail server that takes every call, and never says a word."""

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.done["calls for mail", 0] += 1
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await reader.read()
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", MAIL_PORT) as server:
            await server.serve_forever()

    async def send(self) -> None:
        """Twenty photographs, a few at a time, as a browser sends what was dropped on it."""
        database = Database(self.config)
        cookies = cast.sign_in(database, database.read_now(user.find_by_login, NAME))
        database.close()
        waiting = list(self.load.photographs)
        await asyncio.gather(*(self._send_some(waiting, cookies) for _ in range(SENDERS)))

    async def _send_some(self, waiting: list[bytes], cookies: dict[str, str]) -> None:
        head = {"content-type": "image/jpeg", "accept": "application/json"}
        head["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        async with self.client() as client:
            while waiting:
                how = {"data": waiting.pop(), "headers": head}
                async with client.post("/control-panel/pictures", **how) as answer:
                    self.done["photographs", answer.status] += 1

    async def bring(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "blog", "import", str(self.load.old_blog)),
            cwd=ROOT,
            env=environment(self.config),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        self.done["import", process.returncode or 0] += 1
        if process.returncode:
            print(said.decode()[-2000:])


def prepare(config: Config, load: Load) -> dict[str, str]:
    """Somebody who may sign in, and mails that are due. Returns what the blog is to be told."""
    database = Database(config)
    database.transact_now(_introduce, Passwords().hasher.hash(PASSWORD))
    if "mail" in load.kinds:
        database.transact_now(_owe)
    database.close()
    mail = {"BLOG_SMTP_URL": f"smtp://127.0.0.1:{MAIL_PORT}", "BLOG_MAIL_FROM": "blog@x.example"}
    return mail if "mail" in load.kinds else {}


def _introduce(session: Session, password_hash: str) -> None:
    given = {"name": NAME, "display_name": "Max", "email": "max@x.example", "role": "editor"}
    user.create_user(session, **given, password_hash=password_hash)


def _owe(session: Session) -> None:
    for number in range(MAILS):
        outbox.enqueue(session, "test", f"reader{number}@x.example", language="en")


def old_blog(folder: Path) -> Path:
    """As a generator of static pages has it: a file for each post."""
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
    """Each another one, of twelve million pixels and as large as a telephone makes it."""
    made = []
    for _ in range(PHOTOGRAPHS):
        out = BytesIO()
        noise = Image.effect_noise((SIDES[0] // 2, SIDES[1] // 2), 90).resize(SIDES)
        noise.convert("RGB").save(out, "JPEG", quality=88)
        made.append(out.getvalue())
    return made
