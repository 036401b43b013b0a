"""Buttons of the edit page, pressed ten times at once on a real server with four workers."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import aiohttp
import pytest
from sqlalchemy import func, select

from blog.config import Config
from blog.db import Database
from blog.models.posts import editing
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from tests.support import cast
from tests.support.cast import Cast
from tests.support.dashboard_client import fields_of
from tests.support.live_server import Site

pytestmark = pytest.mark.server

PRESSES = 10
REDIRECTED = [303] * PRESSES
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)


class Answers(NamedTuple):
    """The responses to ten presses of a button."""

    statuses: list[int]
    locations: set[str]


@pytest.fixture
def site(migrated: Config, database: Database, world: Cast) -> Iterator[Site]:
    """A server with all example data: on SQLite, then on PostgreSQL."""
    with Site(migrated) as running:
        running.cast, running.database = world, database
        yield running


class Presser:
    """Ann's browsers: ten connections, of which each worker has two or three."""

    def __init__(self, site: Site, clients: list[aiohttp.ClientSession]) -> None:
        token = cast.sign_in(site.database, site.cast.people["ann"])["session"]
        self.headers = {**cast.OURS, "Cookie": f"session={token}"}
        self.clients = clients[:PRESSES]

    async def press(self, button: str, id: int, **typed: Any) -> Answers:
        """Send the same form of the edit page through all connections at once."""
        path = f"/control-panel/posts/{id}"
        async with self.clients[0].get(path, headers=self.headers) as answer:
            form = {**fields_of(await answer.text()), **typed}
        sent = [self._send(client, f"{path}/{button}", form) for client in self.clients]
        answers = await asyncio.gather(*sent)
        return Answers([status for status, _ in answers], {location for _, location in answers})

    async def _send(
        self, client: aiohttp.ClientSession, path: str, form: dict[str, Any]
    ) -> tuple[int, str]:
        how = {"data": form, "headers": self.headers, "allow_redirects": False}
        async with client.post(path, **how) as answer:
            return answer.status, answer.headers.get("location", "")


def draft(site: Site) -> int:
    return site.database.transact_now(editing.start, "post", "en", by=site.cast.people["ann"])


def row(site: Site, id: int) -> Post:
    return site.database.read_now(lambda session: session.get_one(Post, id))


def published(site: Site, id: int) -> int:
    """Return how many revisions of a post were published."""
    query = select(func.count()).where(Revision.post_id == id, Revision.renderer > 0)
    return site.database.read_now(lambda session: session.scalar(query)) or 0


async def test_ten_simultaneous_presses_of_a_button_have_the_effect_of_one(site):
    """One test for all buttons, because each server takes seconds to start."""
    async with site.held() as first, site.held() as second, site.held() as third:
        clients = [*first.values(), *second.values(), *third.values()]
        browsers = Presser(site, clients)
        await check_save_and_preview(site, browsers)
        await check_publish(site, browsers)
        await check_schedule(site, browsers)
        await check_trash(site, browsers)


async def check_save_and_preview(site: Site, browsers: Presser) -> None:
    id = draft(site)
    assert (await browsers.press("save", id, title="Jam", body="It sets.")).statuses == REDIRECTED
    assert row(site, id).version == 2
    answers = await browsers.press("preview", id, body="It still sets.")
    assert answers.statuses == REDIRECTED
    assert len(answers.locations) == 1


async def check_publish(site: Site, browsers: Presser) -> None:
    english, chinese, live = draft(site), draft(site), site.cast.ann_live.id
    answers = await browsers.press("publish", english, title="Tea", body="It has steeped.")
    assert answers == (REDIRECTED, {f"/control-panel/posts/{english}"})
    assert published(site, english) == 1
    assert "It has steeped." in site.get("/posts/tea").text
    # The first press also detects the language, which the forms of the others do not know.
    answers = await browsers.press("publish", chinese, title="茶", body="水开了，茶泡好了。")
    assert answers.statuses == REDIRECTED
    assert published(site, chinese) == 1
    assert (row(site, chinese).language, row(site, chinese).version) == ("zh", 2)
    before = published(site, live)
    assert (await browsers.press("publish", live, body="Another text.")).statuses == REDIRECTED
    assert published(site, live) == before + 1


async def check_schedule(site: Site, browsers: Presser) -> None:
    id, at = draft(site), TOMORROW.strftime("%Y-%m-%dT%H:%M")
    answers = await browsers.press("schedule", id, title="Later", body="x", publish_at=at)
    assert answers.statuses == REDIRECTED
    assert (published(site, id), row(site, id).publish_at) == (1, TOMORROW)
    assert (await browsers.press("unpublish", id)).statuses == REDIRECTED
    assert row(site, id).state(datetime.now(UTC)) == "draft"


async def check_trash(site: Site, browsers: Presser) -> None:
    id = site.cast.ann_edited.id
    for button in ("unpublish", "trash", "restore"):
        answers = await browsers.press(button, id, body="Typed before.")
        assert answers.statuses == REDIRECTED
    assert row(site, id).body == "Typed before."
    assert row(site, id).state(datetime.now(UTC)) == "withdrawn"
