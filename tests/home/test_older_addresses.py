"""Addresses that the blog uses since 0.5.0: what an older release put there keeps working."""

import pytest
from sqlalchemy.orm import Session

from blog.models.addresses import redirects
from blog.models.addresses.address import PATHS_RESERVED_LATER, RESERVED_LATER, Address, key_of
from blog.models.base import now
from blog.models.posts.post import Post
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import Answer, AppClient

PATHS = sorted({f"/{segment}" for segment in RESERVED_LATER} | PATHS_RESERVED_LATER)
DEEPER = ["/rss.xml/page/2", "/feed.json/page/2"]


@pytest.fixture
def blog(client: AppClient) -> AppClient:
    """A blog that has something of its own at each of the paths."""
    cast.choose(client.database, security_contacts="mailto:eve@ink.example")
    return client


def add_redirect(client: AppClient, path: str, to: str) -> int:
    """Add a redirect as an older release did, which had not reserved the path."""

    def add(session: Session, *, by: User) -> int:
        row = Address(path=path, key=key_of(path), target=to, live_since=now())
        session.add(row)
        session.flush()
        return row.id

    return client.database.transact_now(add, by=client.cast.eve)


def move_post(client: AppClient, path: str) -> None:
    def move(session: Session, *, by: User) -> None:
        row = session.get_one(Address, session.get_one(Post, client.cast.ann_live.id).address_id)
        row.path, row.key = path, key_of(path)

    client.database.transact_now(move, by=client.cast.eve)


def shows_post(client: AppClient, path: str) -> bool:
    return f'<h1 class="p-name">{client.cast.ann_live.title}</h1>' in client.get(path).text


def kind(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.header("location"), answer.header("content-type")


@pytest.mark.parametrize("path", PATHS)
def test_a_redirect_keeps_its_address_until_it_is_removed(blog: AppClient, path: str) -> None:
    before = blog.get(path)
    assert before.status in (200, 301, 302)
    id = add_redirect(blog, path, "https://else.example/moved")
    for method in ("GET", "HEAD"):
        answer = blog.ask(method, path)
        assert (answer.status, answer.header("location")) == (301, "https://else.example/moved")
    blog.database.transact_now(redirects.remove, id, by=blog.cast.kim)
    assert kind(blog.get(path)) == kind(before)


@pytest.mark.parametrize("path", PATHS)
def test_a_post_keeps_its_address_until_it_moves(blog: AppClient, path: str) -> None:
    before = blog.get(path)
    move_post(blog, path)
    for _ in range(2):  # the second time from the cache
        assert shows_post(blog, path)
    assert blog.get(f"{path}/").header("location") == path
    move_post(blog, "/posts/somewhere-else")
    after = blog.get(path)
    assert kind(after) == kind(before)


@pytest.mark.parametrize("path", PATHS)
def test_a_post_at_an_address_that_ends_with_a_slash_keeps_it(blog: AppClient, path: str) -> None:
    move_post(blog, f"{path}/")
    assert blog.get(path).header("location") == f"{path}/"
    assert shows_post(blog, f"{path}/")


@pytest.mark.parametrize("path", DEEPER)
def test_a_redirect_below_such_an_address_works_too(blog: AppClient, path: str) -> None:
    add_redirect(blog, path, "/about")
    assert blog.get(path).header("location") == "/about"


@pytest.mark.parametrize("path", PATHS)
def test_without_a_post_or_redirect_a_slash_at_the_end_is_removed(
    blog: AppClient, path: str
) -> None:
    answer = blog.get(f"{path}/")
    assert (answer.status, answer.header("location")) == (301, path)
