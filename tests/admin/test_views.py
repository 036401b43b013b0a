"""The admin area as a whole: overview, list of posts, settings, flash messages, access."""

import re
from html import unescape

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blog.models.base import now
from blog.models.posts import post_list
from blog.models.posts.post import Post
from blog.models.settings import site
from blog.models.users.signin import SignIn
from tests.support import cast

SETTINGS = {
    "title": "Another title",
    "tagline": "Of ink",
    "address": "http://ink.example",
    "language": "zh",
    "timezone": "Asia/Shanghai",
    "navigation": "About us /about\n工作 https://work.example/x",
    "posts_per_page": "7",
}


# --- overview ---


def test_the_overview_lists_published_scheduled_and_draft_posts(client):
    overview = client.database.read_now(post_list.overview)
    assert [post.title for post in overview.scheduled] == [
        "A vermilion morning",
        "A tangerine morning",
    ]
    assert {post.title for post in overview.drafts} == {
        "A quillwort morning",
        "A gambogian morning",
    }
    assert overview.published[0].title == cast.ZH_TITLE
    assert overview.counts == {"live": 5, "scheduled": 2, "draft": 2, "withdrawn": 1, "trashed": 1}
    page = client.get("/admin", cookies=client.let_in("eve")).text
    assert "A vermilion morning" in page and cast.ZH_TITLE in page


def test_sql_and_python_agree_on_the_state_of_every_post(database, world):
    moment = now()
    query = select(Post, post_list.state_at(moment))
    rows = database.read_now(lambda session: session.execute(query).all())
    assert [(post.state(moment), post.title) for post, _ in rows] == [
        (state, post.title) for post, state in rows
    ]
    assert {state for _, state in rows} == set(post_list.STATES)


def test_the_overview_has_the_same_counts_on_both_databases(database, world):
    assert database.read_now(post_list.overview).counts["live"] == 5


# --- all posts ---


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("state=draft", {"A quillwort morning", "A gambogian morning"}),
        ("state=draft&author=bob", {"A gambogian morning"}),
        ("q=MARMALADE", {"A marmalade morning"}),
        ("q=morning+umber", {"A umberlike morning"}),
        ("q=青花", {cast.ZH_TITLE}),
        ("q=%25", set()),
        ("author=lee", set()),
        ("state=trashed", {"A ochreous morning"}),
        ("state=withdrawn&author=ann&q=umber", {"A umberlike morning"}),
    ],
)
def test_posts_can_be_filtered_by_state_author_and_title(open_client, query, titles):
    page = open_client.get(
        f"/admin/posts?{query.replace('青花', '%E9%9D%92%E8%8A%B1')}",
        cookies=open_client.let_in("eve"),
    )
    everything = {post.title for post in open_client.cast.posts.values()}
    assert page.status == 200
    assert {title for title in everything if f">{title}</a>" in page.text} == titles


@pytest.mark.parametrize(
    "query", ["state=nonsense", "sort=body", "after=x", "before=W10", "after=WzEsMV0"]
)
def test_invalid_list_parameters_are_404(open_client, query):
    assert open_client.get(f"/admin/posts?{query}", cookies=open_client.let_in("eve")).status == 404


def test_each_post_links_to_its_editor(open_client):
    eve = open_client.let_in("eve")
    page = open_client.get("/admin/posts", cookies=eve).text
    page += open_client.get("/admin/pages", cookies=eve).text
    for post in open_client.cast.posts.values():
        assert f'href="/control-panel/posts/{post.id}"' in page


def test_pages_of_a_long_list_keep_the_filter(client):
    def many(session: Session) -> None:
        session.add_all(Post(title=f"Number {n}", language="en") for n in range(31))

    client.database.transact_now(many)
    eve = client.let_in("eve")
    first = client.get("/admin/posts?state=draft", cookies=eve).text
    further = re.search(r'href="(/admin/posts\?state=draft&amp;after=[^"]+)" rel="next"', first)
    assert ">Number 30</a>" in first and ">A gambogian morning</a>" not in first
    second = client.get(unescape(further[1]), cookies=eve)
    assert second.status == 200 and ">A gambogian morning</a>" in second.text
    assert ">Number 30</a>" not in second.text and 'rel="prev"' in second.text


# --- settings ---


def test_settings_are_saved_and_shown(client):
    kim = client.let_in("kim")
    answer = client.post("/admin/settings", SETTINGS, cookies=kim)
    assert (answer.status, answer.header("location")) == (303, "/admin/settings")
    facts = client.database.read_now(site.facts)
    assert (facts.title, facts.timezone, facts.posts_per_page) == (
        "Another title",
        "Asia/Shanghai",
        7,
    )
    assert facts.navigation == (("About us", "/about"), ("工作", "https://work.example/x"))
    shown = client.get("/admin/settings", cookies=kim).text
    assert "About us /about\n工作 https://work.example/x</textarea>" in shown


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("address", "ink.example"),
        ("address", "javascript:alert(1)"),
        ("address", "https://ink.example/blog"),
        ("address", "https://user@ink.example"),
        ("address", "https://ink.example:99999"),
        ("language", "fr"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("navigation", "Nothing"),
        ("navigation", "Run javascript:alert(1)"),
        ("navigation", "Elsewhere //evil.example"),
        ("posts_per_page", "0"),
        ("posts_per_page", "101"),
        ("posts_per_page", "many"),
        ("posts_per_page", "99999999999999999999"),
    ],
)
def test_an_invalid_setting_is_shown_again_with_a_message(open_client, field, typed):
    data = SETTINGS | {field: typed}
    answer = open_client.post("/admin/settings", data, cookies=open_client.let_in("kim"))
    assert answer.status == 422 and f'id="f-{field}-fault"' in answer.text
    assert open_client.database.read_now(site.facts).title == cast.TITLE
    assert "Of ink" in answer.text  # the other fields keep their values


def test_an_admin_who_changes_the_site_to_https_stays_signed_in(client):
    data = SETTINGS | {"address": cast.SECURE_ADDRESS}
    answer = client.post("/admin/settings", data, cookies=client.let_in("kim"))
    token = answer.cookies["__Host-session"]
    assert client.get("/admin/settings", cookies={"__Host-session": token}).status == 200
    data = next(line for line in answer.all("set-cookie") if line.startswith("__Host-"))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(data.split("; "))


def test_a_flash_message_is_shown_once_on_the_next_page(client):
    kim = client.let_in("kim")
    flashed = client.post("/admin/settings", SETTINGS | {"language": "en"}, cookies=kim).cookies
    page = client.get("/admin/settings", cookies=kim | {"flash": flashed["flash"]})
    assert 'class="flash">Saved.' in page.text and page.cookies["flash"] == ""
    assert 'class="flash"' not in client.get("/admin/settings", cookies=kim).text


def test_a_flash_message_with_an_invalid_signature_is_ignored(open_client):
    kim = open_client.let_in("kim")
    forged = kim | {"flash": "WyJQd25lZCJd.0000"}
    assert "Pwned" not in open_client.get("/admin", cookies=forged).text


def test_an_editor_sees_no_links_to_sections_for_admins(open_client):
    page = open_client.get("/admin", cookies=open_client.let_in("eve")).text
    assert "/admin/posts" in page
    assert "/admin/people" not in page and "/admin/settings" not in page


def test_sessions_are_deleted_when_a_person_is_disabled(client):
    client.let_in("ann")
    client.post(f"/admin/people/{client.cast.ann.id}/disable", cookies=client.let_in("kim"))
    query = select(func.count()).where(SignIn.user_id == client.cast.ann.id)
    assert client.database.read_now(lambda session: session.scalar(query)) == 0


def test_a_denied_user_sees_the_reason_and_a_link_to_the_dashboard(open_client):
    page = open_client.get("/admin", cookies=open_client.let_in("ann")).text
    assert "This page requires a different role" in page and 'href="/control-panel"' in page
