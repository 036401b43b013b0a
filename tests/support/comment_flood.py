"""Two thousand comments that nobody meant: each from an address of its own, in words of its own,
by a program that reads the preview, waits as long as a person would, and presses again."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

import aiohttp

from tests.support.cast import OURS

AT_ONCE = 8
READERS = 2
TRIES = 20
READING = 3.2  # seconds between the presses of a guest
PROOF = re.compile(r'name="proof" value="([^"]+)"')
ENGLISH = "river stone window paper garden letter morning winter summer market silver copper"
CHINESE = "春天 河流 石头 窗户 花园 信件 早晨 市场 老师 医生 镜子 梯子 篮子 地毯"
WORDS = [*ENGLISH.split(" "), *CHINESE.split(" ")]


@dataclass
class Flood:
    """What came of it: how each press was answered, and how long readers waited meanwhile."""

    previews: Counter[int] = field(default_factory=Counter)
    sends: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)  # seconds, of readers
    failed: list[str] = field(default_factory=list)  # readers who got no page, or a wrong one
    seconds: float = 0.0

    def share(self, of: float) -> float:
        """The wait, in milliseconds, that this share of all readers did not exceed."""
        waits = sorted(self.waits)
        return waits[min(len(waits) - 1, int(len(waits) * of))] * 1000


def guest(number: int) -> tuple[dict[str, str], dict[str, str]]:
    """What a program types, and where it says that it comes from."""
    chance = random.Random(number)  # noqa: S311 -- the same guests in every run
    body = " ".join(chance.choices(WORDS, k=30)) + f" floodword{number}"
    typed = {"name": chance.choice(WORDS) + str(number), "email": "", "body": body}
    if number % 2:
        typed["email"] = f"{chance.choice(WORDS[:12])}{number}@mail{number}.example"
    network = f"{11 + number % 80}.{number // 250}.{number % 250}.7"
    return typed, {**OURS, "x-forwarded-for": network}


async def flood(url: str, post_id: int, page: str, number: int) -> Flood:
    """`number` comments on a post, while others read its page."""
    done, over = Flood(), asyncio.Event()
    start = time.monotonic()
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as client:
        readers = [asyncio.create_task(_read(client, page, done, over)) for _ in range(READERS)]
        await _send_all(client, f"/comments/{post_id}", number, done)
        over.set()
        await asyncio.gather(*readers)
    done.seconds = time.monotonic() - start
    return done


async def quiet(url: str, page: str, until: Awaitable[object]) -> Flood:
    """The same readers alone, until something else is over."""
    done, over, start = Flood(), asyncio.Event(), time.monotonic()
    async with aiohttp.ClientSession(url) as client:
        readers = [asyncio.create_task(_read(client, page, done, over)) for _ in range(READERS)]
        await until
        over.set()
        await asyncio.gather(*readers)
    done.seconds = time.monotonic() - start
    return done


async def _send_all(client: aiohttp.ClientSession, path: str, number: int, done: Flood) -> None:
    """Every preview first, so that each second press is one that a person might have made."""
    lane = asyncio.Semaphore(AT_ONCE)

    async def press(typed: dict[str, str], headers: dict[str, str], told: Counter[int]) -> str:
        """Until the blog is no longer too busy, as a patient program would."""
        for _ in range(TRIES):
            how = {"data": typed, "headers": headers, "allow_redirects": False}
            async with lane, client.post(path, **how) as answer:
                text = await answer.text()
            if answer.status != 503:
                break
            await asyncio.sleep(0.3)
        told[answer.status] += 1
        return text

    async def look(at: int) -> tuple[dict[str, str], dict[str, str]]:
        typed, headers = guest(at)
        found = PROOF.search(await press(typed, headers, done.previews))
        return {**typed, "proof": found[1] if found else ""}, headers

    seen = await asyncio.gather(*(look(at) for at in range(number)))
    await asyncio.sleep(READING)
    await asyncio.gather(*(press(typed, headers, done.sends) for typed, headers in seen))


async def _read(client: aiohttp.ClientSession, page: str, done: Flood, over: asyncio.Event) -> None:
    while not over.is_set():
        before = time.perf_counter()
        async with client.get(page, cookies={}) as answer:
            text = await answer.text()
        done.waits.append(time.perf_counter() - before)
        if answer.status != 200 or "floodword" in text:
            done.failed.append(f"{answer.status}: {text[:200]}")
        await asyncio.sleep(0.05)
