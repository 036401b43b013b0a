"""A flood of scripted comments: the queue stays short, and real guests get an error message."""

import asyncio
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from blog.models.comments import moderation
from blog.models.comments.comment import APPROVED, PENDING, SPAM, Comment
from tests.support import cast
from tests.support.cast import OURS
from tests.support.comment_flood import PROOF, READING, flood
from tests.support.live_server import Reply, Site, ask, environment, free_port

pytestmark = [pytest.mark.server, pytest.mark.slow]
POSTS = 2_000
MOST = 20
HONEST = {
    "name": "Honest Hanna",
    "email": "",
    "body": "Thank you. Does the same hold for a worker that is being restarted?",
}


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    """Four workers behind a proxy that passes on the address of each client."""
    port = free_port()
    config = Config(data_dir=tmp_path / "data", port=port, proxies=1)
    migrate(config)
    database = Database(config)
    people = cast.fill(database, f"http://127.0.0.1:{port}")
    with Site(config, env=environment(config, BLOG_PROXIES="1")) as running:
        running.cast, running.database = people, database
        yield running
    database.close()


def count(site: Site, *which: object) -> int:
    query = select(func.count()).select_from(Comment).where(Comment.body.contains("floodword"))
    return site.database.read_now(lambda session: session.scalar(query.where(*which)))


def send(site: Site, typed: dict[str, str], network: str) -> Reply:
    return ask(
        site.port,
        f"/comments/{site.cast.ann_live.id}",
        "POST",
        urlencode(typed).encode(),
        content_type="application/x-www-form-urlencoded",
        x_forwarded_for=network,
        **{name.replace("-", "_"): value for name, value in OURS.items()},
    )


def fields(page: Reply) -> str:
    """The text in the form."""
    return unescape(" ".join(re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", page.text, re.S)))


def test_two_thousand_scripted_comments_leave_twenty_pending_and_none_public(site):
    post = site.cast.ann_live
    seen = asyncio.run(flood(site.url, post.id, post.path, POSTS))
    assert sum(seen.sends.values()) == POSTS
    assert set(seen.sends) <= {303, 429, 503}, seen.sends
    assert 0 < count(site, Comment.state == PENDING) <= MOST
    assert count(site, Comment.state == APPROVED) == 0
    assert count(site) == count(site, Comment.state.in_((PENDING, SPAM))) <= 300
    assert seen.failed == [] and len(seen.waits) > 50

    refused = send(site, HONEST, "203.0.113.9")
    assert refused.status == 429
    assert "Your text is still here" in refused.text and fields(refused) == HONEST["body"]

    waiting = select(Comment.id).where(Comment.state == PENDING, Comment.body.contains("floodword"))
    ids = site.database.read_now(lambda session: session.scalars(waiting).all())
    site.database.transact_now(moderation.spam, ids, by=site.cast.eve)
    preview = send(site, HONEST, "203.0.113.9")
    assert preview.status == 200
    asyncio.run(asyncio.sleep(READING))
    sent = send(site, {**HONEST, "proof": PROOF.findall(preview.text)[0]}, "203.0.113.9")
    assert sent.status == 303
