"""Comments on a blog with four workers, with and without nginx."""

import re
import threading
import time
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from blog.models.comments.comment import Comment
from tests.support.cast import OURS
from tests.support.live_server import Reply, Site, ask
from tests.support.nginx_server import Nginx

pytestmark = pytest.mark.server


def post(port: int, path: str, form: dict[str, str], **headers: str) -> Reply:
    kind = {"Content-Type": "application/x-www-form-urlencoded", **OURS}
    return ask(port, path, "POST", urlencode(form).encode(), **kind, **headers)


def test_twenty_submissions_to_four_workers_store_one_comment(site: Site) -> None:
    path = f"/comments/{site.cast.bob_live.id}"
    form = {"name": "Press Often", "body": "Twenty times at once.", "email": ""}
    shown = post(site.port, path, form)
    form["proof"] = re.findall(r'name="proof" value="([^"]+)"', shown.text)[0]
    time.sleep(3.1)
    answers: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(site.port, path, form)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} <= {303, 503}  # 503: asked to send it again
    assert len({a.headers["location"] for a in answers if a.status == 303}) == 1
    count = select(func.count()).select_from(Comment).where(Comment.name == "Press Often")
    assert site.database.read_now(lambda session: session.scalar(count)) == 1


@pytest.mark.nginx
def test_behind_nginx_only_guests_who_commented_get_an_uncached_page(front: Nginx) -> None:
    path = front.site.cast.ann_live.path
    shared = front.get(path)
    private = front.get(path, Cookie="waiting=" + "k" * 32)
    again = front.get(path)
    assert shared.headers["cache-control"] == "no-cache"
    assert private.headers["cache-control"] == "private, no-store"
    assert again.body == shared.body
