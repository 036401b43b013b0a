"""The lists of sections: actions on rows, confirmation, order, pagination and access."""

import re
from html import unescape

import pytest

from blog.models.base import now
from blog.models.listing import ListQuery
from blog.models.posts import post_list
from blog.models.posts.post import Post
from tests.support.app_client import Answer, AppClient

REFUSED = 422


def state(client: AppClient, name: str) -> str:
    id = getattr(client.cast, name).id
    return client.database.read_now(lambda session: session.get_one(Post, id).state(now()))


def ids(client: AppClient, *names: str) -> list[int]:
    return [getattr(client.cast, name).id for name in names]


def do(client: AppClient, act: str, **form: object) -> Answer:
    return client.post(f"/admin/{act}", form, cookies=client.let_in("eve"))


def ticked(page: str) -> set[int]:
    found = re.findall(r'name="ids" value="(\d+)"[^>]*? checked', page)
    return {int(id) for id in found}


def test_an_action_changes_the_selected_rows_and_reports_their_number(client):
    answer = do(client, "posts/trash", ids=ids(client, "ann_live", "bob_live"))
    assert (answer.status, answer.header("location")) == (303, "/admin/posts#list")
    assert state(client, "ann_live") == state(client, "bob_live") == "trashed"
    page = client.get("/admin/posts", cookies={**client.let_in("eve"), **answer.cookies}).text
    assert "2 items were moved to trash." in page


def test_the_button_of_a_row_ignores_selected_rows(client):
    do(client, "posts/trash", ids=ids(client, "ann_live"), only=ids(client, "bob_live"))
    assert (state(client, "ann_live"), state(client, "bob_live")) == ("live", "trashed")


def test_an_action_returns_to_the_list_with_its_parameters(client):
    back = "state=live&q=morning&sort=title&nonsense=x&after="
    answer = do(client, "posts/trash", ids=ids(client, "ann_live"), back=back)
    assert answer.header("location") == "/admin/posts?state=live&q=morning&sort=title#list"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Select at least one row first"),
        ({"ids": ["x", "-1", "1e3"]}, "Select at least one row first"),
        ({"ids": list(range(1, 202))}, "Select at most 200 rows"),
        ({"ids": [999999]}, "no longer exist"),
    ],
)
def test_an_action_without_valid_rows_is_rejected_with_a_message(open_client, data, message):
    answer = do(open_client, "posts/trash", **data)
    assert answer.status == REFUSED and message in answer.text


def test_a_rejected_action_names_the_row_and_changes_nothing(client):
    both = ids(client, "ann_live", "ann_draft")
    answer = do(client, "posts/unpublish", ids=both, back="sort=title")
    assert answer.status == REFUSED
    assert "“A quillwort morning”: This post is not public. Nothing was changed." in answer.text
    assert state(client, "ann_live") == "live" and ticked(answer.text) == set(both)
    assert 'aria-sort="ascending"' in answer.text  # the list keeps its order


def test_irreversible_actions_require_confirmation(client):
    asked = do(client, "posts/delete", ids=ids(client, "ann_trashed"), back="state=trashed")
    assert asked.status == 200 and "This cannot be undone." in asked.text
    assert "A ochreous morning" in asked.text and 'href="/admin/posts?state=trashed"' in asked.text
    assert state(client, "ann_trashed") == "trashed"
    done = do(
        client, "posts/delete", ids=ids(client, "ann_trashed"), sure="on", back="state=trashed"
    )
    assert (done.status, done.header("location")) == (303, "/admin/posts?state=trashed#list")
    assert client.database.read_now(post_list.posts.only, ids(client, "ann_trashed")) == ()


def test_posts_outside_the_trash_are_not_deleted_even_if_confirmed(client):
    answer = do(client, "posts/delete", ids=ids(client, "ann_live"), sure="on")
    assert answer.status == REFUSED and state(client, "ann_live") == "live"


def test_an_action_that_would_be_rejected_asks_for_no_confirmation(client):
    both = ids(client, "ann_trashed", "ann_live")
    answer = do(client, "posts/delete", ids=both)
    assert answer.status == REFUSED and "Only posts in the trash" in answer.text
    assert state(client, "ann_trashed") == "trashed" and ticked(answer.text) == set(both)


def test_actions_are_only_offered_for_suitable_rows(open_client):
    page = open_client.get("/admin/posts", cookies=open_client.let_in("eve")).text
    rows = re.findall(r"<tr role=\"row\" data-row>.*?</tr>", page, re.DOTALL)
    trashed = next(row for row in rows if "A ochreous morning" in row)
    live = next(row for row in rows if "A marmalade morning" in row)
    assert "/posts/restore" in trashed and "/posts/unpublish" not in trashed
    assert "/posts/unpublish" in live and "/posts/restore" not in live


def test_a_column_heading_reverses_the_order(open_client):
    eve = open_client.let_in("eve")
    page = open_client.get("/admin/posts?state=live", cookies=eve).text
    assert '<a href="/admin/posts?state=live&amp;sort=title">' in page
    assert 'aria-sort="descending"><a href="/admin/posts?state=live&amp;sort=-date">' in page
    page = open_client.get("/admin/posts?sort=title", cookies=eve).text
    assert 'aria-sort="ascending"><a href="/admin/posts?sort=-title">' in page


def test_pagination_works_after_the_longest_title(client):
    def add(session) -> None:
        session.add_all(Post(title="长" * 300, language="zh") for _ in range(31))

    client.database.transact_now(add)
    eve = client.let_in("eve")
    page = client.get("/admin/posts?q=%E9%95%BF&sort=title", cookies=eve).text
    further = unescape(re.search(r'href="([^"]+)" rel="next"', page)[1])
    assert len(re.findall(r"data-row>", client.get(further, cookies=eve).text)) == 1
    answer = do(client, "posts/trash", back=further.partition("?")[2])
    assert answer.status == REFUSED and len(re.findall(r"data-row>", answer.text)) == 1


def test_posts_and_pages_have_separate_lists(open_client):
    posts = open_client.database.read_now(post_list.posts.page, ListQuery()).rows
    pages = open_client.database.read_now(post_list.pages.page, ListQuery()).rows
    assert [page.title for page in pages] == ["About"] and len(posts) == 11
    page = open_client.get("/admin/pages", cookies=open_client.let_in("eve")).text
    assert ">About</a>" in page and "1 page" in page and "marmalade" not in page


def test_an_empty_list_has_a_message_and_a_link_to_all_rows(open_client):
    page = open_client.get("/admin/posts?q=nothing-like-it", cookies=open_client.let_in("eve")).text
    assert "Nothing matches these filters." in page and '<a href="/admin/posts">' in page
    assert "<table" not in page


@pytest.mark.parametrize("section", ["people", "invitations", "audit", "settings"])
def test_editors_can_neither_see_nor_open_sections_for_admins(open_client, section):
    eve = open_client.let_in("eve")
    assert f'href="/admin/{section}"' not in open_client.get("/admin", cookies=eve).text
    assert open_client.get(f"/admin/{section}", cookies=eve).status == 403
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("kim")).status == 200


@pytest.mark.parametrize("section", ["posts", "pages", "comments", "tags", "pictures", "redirects"])
def test_authors_cannot_open_sections_for_editors(open_client, section):
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("eve")).status == 200
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("ann")).status == 403


def test_authors_cannot_run_actions_directly(client):
    answer = client.post(
        "/admin/posts/trash", {"ids": ids(client, "bob_live")}, cookies=client.let_in("ann")
    )
    assert answer.status == 403 and state(client, "bob_live") == "live"


def test_list_parameters_are_escaped(open_client):
    words = "%22%3E%3Cscript%3E&sort=-title"
    page = open_client.get(f"/admin/posts?q={words}", cookies=open_client.let_in("eve")).text
    assert "<script>" not in page and "&#34;&gt;&lt;script&gt;" in page
