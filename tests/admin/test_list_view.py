"""The list of any section: acts on one row, on the ticked ones and after a question."""

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


def test_the_ticked_rows_are_acted_on_and_told_by_their_number(client):
    answer = do(client, "posts/trash", ids=ids(client, "ann_live", "bob_live"))
    assert (answer.status, answer.header("location")) == (303, "/admin/posts#list")
    assert state(client, "ann_live") == state(client, "bob_live") == "trashed"
    page = client.get("/admin/posts", cookies={**client.let_in("eve"), **answer.cookies}).text
    assert "2 items were moved to trash." in page


def test_a_rows_own_button_is_about_that_row_whatever_is_ticked(client):
    do(client, "posts/trash", ids=ids(client, "ann_live"), only=ids(client, "bob_live"))
    assert (state(client, "ann_live"), state(client, "bob_live")) == ("live", "trashed")


def test_one_comes_back_to_the_list_as_it_stood(client):
    back = "state=live&q=morning&sort=title&nonsense=x&after="
    answer = do(client, "posts/trash", ids=ids(client, "ann_live"), back=back)
    assert answer.header("location") == "/admin/posts?state=live&q=morning&sort=title#list"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Select at least one row first"),
        ({"ids": ["x", "-1", "1e3"]}, "Select at least one row first"),
        ({"ids": list(range(1, 202))}, "Select at most 200 rows"),
        ({"ids": [999999]}, "no longer exist"),
    ],
)
def test_an_act_on_nothing_is_refused_in_a_sentence(open_client, given, said):
    answer = do(open_client, "posts/trash", **given)
    assert answer.status == REFUSED and said in answer.text


def test_a_refused_act_names_the_row_and_changes_none(client):
    both = ids(client, "ann_live", "ann_draft")
    answer = do(client, "posts/unpublish", ids=both, back="sort=title")
    assert answer.status == REFUSED
    assert "“A quillwort morning”: This post is not public. Nothing was changed." in answer.text
    assert state(client, "ann_live") == "live" and ticked(answer.text) == set(both)
    assert 'aria-sort="ascending"' in answer.text  # the list as it stood


def test_what_cannot_be_undone_is_asked_about_first(client):
    asked = do(client, "posts/delete", ids=ids(client, "ann_trashed"), back="state=trashed")
    assert asked.status == 200 and "This cannot be undone." in asked.text
    assert "A ochreous morning" in asked.text and 'href="/admin/posts?state=trashed"' in asked.text
    assert state(client, "ann_trashed") == "trashed"
    done = do(
        client, "posts/delete", ids=ids(client, "ann_trashed"), sure="on", back="state=trashed"
    )
    assert (done.status, done.header("location")) == (303, "/admin/posts?state=trashed#list")
    assert client.database.read_now(post_list.posts.only, ids(client, "ann_trashed")) == ()


def test_what_is_not_in_the_trash_is_not_deleted_even_when_sure(client):
    answer = do(client, "posts/delete", ids=ids(client, "ann_live"), sure="on")
    assert answer.status == REFUSED and state(client, "ann_live") == "live"


def test_nobody_is_asked_about_what_is_refused_anyway(client):
    both = ids(client, "ann_trashed", "ann_live")
    answer = do(client, "posts/delete", ids=both)
    assert answer.status == REFUSED and "Only posts in the trash" in answer.text
    assert state(client, "ann_trashed") == "trashed" and ticked(answer.text) == set(both)


def test_each_act_stands_only_in_the_rows_that_it_is_for(open_client):
    page = open_client.get("/admin/posts", cookies=open_client.let_in("eve")).text
    rows = re.findall(r"<tr role=\"row\" data-row>.*?</tr>", page, re.DOTALL)
    trashed = next(row for row in rows if "A ochreous morning" in row)
    live = next(row for row in rows if "A marmalade morning" in row)
    assert "/posts/restore" in trashed and "/posts/unpublish" not in trashed
    assert "/posts/unpublish" in live and "/posts/restore" not in live


def test_a_heading_turns_the_order_round(open_client):
    eve = open_client.let_in("eve")
    page = open_client.get("/admin/posts?state=live", cookies=eve).text
    assert '<a href="/admin/posts?state=live&amp;sort=title">' in page
    assert 'aria-sort="descending"><a href="/admin/posts?state=live&amp;sort=-date">' in page
    page = open_client.get("/admin/posts?sort=title", cookies=eve).text
    assert 'aria-sort="ascending"><a href="/admin/posts?sort=-title">' in page


def test_a_list_goes_on_after_the_longest_title(client):
    def add(session) -> None:
        session.add_all(Post(title="长" * 300, language="zh") for _ in range(31))

    client.database.transact_now(add)
    eve = client.let_in("eve")
    page = client.get("/admin/posts?q=%E9%95%BF&sort=title", cookies=eve).text
    further = unescape(re.search(r'href="([^"]+)" rel="next"', page)[1])
    assert len(re.findall(r"data-row>", client.get(further, cookies=eve).text)) == 1
    answer = do(client, "posts/trash", back=further.partition("?")[2])
    assert answer.status == REFUSED and len(re.findall(r"data-row>", answer.text)) == 1


def test_pages_and_posts_are_kept_apart(open_client):
    posts = open_client.database.read_now(post_list.posts.page, ListQuery()).rows
    pages = open_client.database.read_now(post_list.pages.page, ListQuery()).rows
    assert [page.title for page in pages] == ["About"] and len(posts) == 11
    page = open_client.get("/admin/pages", cookies=open_client.let_in("eve")).text
    assert ">About</a>" in page and "1 page" in page and "marmalade" not in page


def test_an_empty_list_says_so_and_leads_to_everything(open_client):
    page = open_client.get("/admin/posts?q=nothing-like-it", cookies=open_client.let_in("eve")).text
    assert "Nothing matches these filters." in page and '<a href="/admin/posts">' in page
    assert "<table" not in page


@pytest.mark.parametrize("section", ["people", "invitations", "audit", "settings"])
def test_what_is_for_admins_is_neither_shown_to_an_editor_nor_opened(open_client, section):
    eve = open_client.let_in("eve")
    assert f'href="/admin/{section}"' not in open_client.get("/admin", cookies=eve).text
    assert open_client.get(f"/admin/{section}", cookies=eve).status == 403
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("kim")).status == 200


@pytest.mark.parametrize("section", ["posts", "pages", "comments", "tags", "pictures", "redirects"])
def test_what_is_for_editors_is_closed_to_authors(open_client, section):
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("eve")).status == 200
    assert open_client.get(f"/admin/{section}", cookies=open_client.let_in("ann")).status == 403


def test_an_author_cannot_act_by_knowing_the_address(client):
    answer = client.post(
        "/admin/posts/trash", {"ids": ids(client, "bob_live")}, cookies=client.let_in("ann")
    )
    assert answer.status == 403 and state(client, "bob_live") == "live"


def test_what_was_typed_into_a_list_comes_back_escaped(open_client):
    words = "%22%3E%3Cscript%3E&sort=-title"
    page = open_client.get(f"/admin/posts?q={words}", cookies=open_client.let_in("eve")).text
    assert "<script>" not in page and "&#34;&gt;&lt;script&gt;" in page
