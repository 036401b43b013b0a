"""Simulates a flood of spam comments while other visitors read the post.

Each comment comes from a different IP address and has a different text. Like a person, the sender
reads the preview before it submits the comment.
"""

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
MAX_ATTEMPTS = 20
READING = 3.2  # seconds between preview and submission
PROOF = re.compile(r'name="proof" value="([^"]+)"')
ENGLISH = "river stone window paper garden letter morning winter summer market silver copper"
CHINESE = "春天 河流 石头 窗户 花园 信件 早晨 市场 老师 医生 镜子 梯子 篮子 地毯"
WORDS = [*ENGLISH.split(" "), *CHINESE.split(" ")]


@dataclass
class Flood:
    """The result: response statuses of previews and submissions, and readers' waiting times."""

    previews: Counter[int] = field(default_factory=Counter)
    sends: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)  # seconds, of readers
    failed: list[str] = field(default_factory=list)  # readers' requests with a wrong response
    seconds: float = 0.0

    def share(self, of: float) -> float:
        """Return the waiting time, in milliseconds, that this share of readers did not exceed."""
        waits = sorted(self.waits)
        return waits[min(len(waits) - 1, int(len(waits) * of))] * 1000


def guest(number: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the form fields and request headers of one spam comment."""
    chance = random.Random(number)  # noqa: S311 -- the same guests in every run
    body = " ".join(chance.choices(WORDS, k=30)) + f" floodword{number}"
    typed = {"name": chance.choice(WORDS) + str(number), "email": "", "body": body}
    if number % 2:
        typed["email"] = f"{chance.choice(WORDS[:12])}{number}@mail{number}.example"
    network = f"{11 + number % 80}.{number // 250}.{number % 250}.7"
    return typed, {**OURS, "x-forwarded-for": network}


async def flood(url: str, post_id: int, page: str, number: int) -> Flood:
    """Send `number` comments on a post while others read its page."""
    result, over = Flood(), asyncio.Event()
    start = time.monotonic()
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as client:
        readers = [asyncio.create_task(_read(client, page, result, over)) for _ in range(READERS)]
        await _send_all(client, f"/comments/{post_id}", number, result)
        over.set()
        await asyncio.gather(*readers)
    result.seconds = time.monotonic() - start
    return result


async def quiet(url: str, page: str, until: Awaitable[object]) -> Flood:
    """Measure the same readers without a flood, until `until` is result."""
    result, over, start = Flood(), asyncio.Event(), time.monotonic()
    async with aiohttp.ClientSession(url) as client:
        readers = [asyncio.create_task(_read(client, page, result, over)) for _ in range(READERS)]
        await until
        over.set()
        await asyncio.gather(*readers)
    result.seconds = time.monotonic() - start
    return result


async def _send_all(client: aiohttp.ClientSession, path: str, number: int, result: Flood) -> None:
    """Request all previews first, then submit, so that the time between is realistic."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def press(typed: dict[str, str], headers: dict[str, str], statuses: Counter[int]) -> str:
        """Send the form, again while the blog answers that it is too busy."""
        for _ in range(MAX_ATTEMPTS):
            how = {"data": typed, "headers": headers, "allow_redirects": False}
            async with limit, client.post(path, **how) as answer:
                text = await answer.text()
            if answer.status != 503:
                break
            await asyncio.sleep(0.3)
        statuses[answer.status] += 1
        return text

    async def look(at: int) -> tuple[dict[str, str], dict[str, str]]:
        typed, headers = guest(at)
        proof = PROOF.search(await press(typed, headers, result.previews))
        return {**typed, "proof": proof[1] if proof else ""}, headers

    previewed = await asyncio.gather(*(look(at) for at in range(number)))
    await asyncio.sleep(READING)
    await asyncio.gather(*(press(typed, headers, result.sends) for typed, headers in previewed))


async def _read(
    client: aiohttp.ClientSession, page: str, result: Flood, over: asyncio.Event
) -> None:
    while not over.is_set():
        before = time.perf_counter()
        async with client.get(page, cookies={}) as answer:
            text = await answer.text()
        result.waits.append(time.perf_counter() - before)
        if answer.status != 200 or "floodword" in text:
            result.failed.append(f"{answer.status}: {text[:200]}")
        await asyncio.sleep(0.05)
