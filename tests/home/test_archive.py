"""The indexes of tags and authors, and their links."""

import pytest
from sqlalchemy.orm import Session

from blog.models.posts import publishing
from blog.models.settings import site
from blog.models.users.user import User
from tests.home.test_views import Page, page_of
from tests.support.app_client import AppClient


def test_the_index_of_tags_has_each_tag_with_its_number_of_posts(open_client: AppClient) -> None:
    text = open_client.get("/tags").text
    page = Page(text)
    tags = [link for link in page.links() if link.startswith("/tags/")]
    assert tags[0] == "/tags/python"  # the most used
    assert {"/tags/marmalade", "/tags/celadonic"} <= set(tags)
    assert 'href="/tags/python">Python <span class="meta">3<' in text
    assert not any(word in text for word in open_client.cast.secrets.values())
    assert all(open_client.get(tag).status == 200 for tag in tags)


def test_the_index_of_authors_has_each_author_with_posts(client: AppClient) -> None:
    def introduce(session: Session) -> None:
        session.get_one(User, client.cast.ann.id).bio = "Makes jam & writes."

    client.database.transact_now(introduce)
    text = client.get("/authors").text
    authors = [link for link in Page(text).links() if link.startswith("/authors/")]
    assert authors == ["/authors/ann", "/authors/bob"]
    assert "Makes jam &amp; writes." in text
    assert "2 posts" in text


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("/archive", "/tags"),
        ("/archive", "/authors"),
        ("/tags", "/archive"),
        ("/authors", "/archive"),
        ("/tags/python", "/tags"),
        ("/authors/ann", "/authors"),
    ],
)
def test_readers_find_the_indexes(open_client: AppClient, page: str, link: str) -> None:
    assert link in page_of(open_client, page).links()


def test_the_indexes_are_translated(client: AppClient) -> None:
    def speak_chinese(session: Session) -> None:
        session.get_one(site.Site, site.SITE_ID).language = "zh"

    client.database.transact_now(speak_chinese)
    assert "<h1>标签</h1>" in client.get("/tags").text
    assert "2位作者" in client.get("/authors").text


def test_the_indexes_change_with_the_posts(client: AppClient) -> None:
    assert "/tags/celadonic" in client.get("/tags").text
    post = client.cast.bob_live
    client.database.transact_now(publishing.trash, post.id, by=client.cast.eve)
    assert "/tags/celadonic" not in client.get("/tags").text
