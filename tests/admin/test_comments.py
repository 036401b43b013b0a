"""The moderation queue: its list, actions, undo, keyboard shortcuts and replies."""

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.models.comments import moderation_queue
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment
from blog.models.posts.post import Post
from blog.models.settings import site as sites
from tests.home.test_pages_browser import complaints
from tests.support import cast
from tests.support.app_client import Answer, AppClient
from tests.support.call_depth import calls_to, traced_statements
from tests.support.dashboard_client import Writer, told_after
from tests.support.live_server import Site
from tests.support.planted_comments import remark


def plant(client: AppClient, *bodies: str, **given: Any) -> list[int]:
    def go(session: Session) -> list[int]:
        post = given.pop("post_id", client.cast.ann_live.id)
        return [remark(session, post, body, **given).id for body in bodies]

    return client.database.transact_now(go)


def state_of(client: AppClient, id: int) -> str:
    return client.database.read_now(lambda session: session.get_one(Comment, id).state)


def press(eve: Writer, verb: str, *ids: int, back: str = "", **more: Any) -> Answer:
    return eve.post(f"/admin/comments/{verb}", {"ids": [*ids], "back": back, **more})


# --- the path of a decision ---


def test_approving_takes_at_most_six_calls_from_the_view_to_the_statement(client, eve):
    (id,) = plant(client, "A word")
    with traced_statements(client.app.ctx.database.writing) as statements:
        assert press(eve, "approve", id).status == 303
    calls = calls_to("UPDATE comment", statements)
    assert calls[0] == "blog.admin.actions.run" and calls[-1].startswith("blog.models.comments.")
    assert len(calls) <= 6, calls


# --- the list ---


def test_the_queue_shows_pending_comments_with_author_and_spam_score(client, eve):
    plant(client, "Older", state=APPROVED, email="ada@mail.example")
    plant(client, "A *loud* word", name="Ada", email="ada@mail.example", score=0.7)
    page = eve.get("/admin/comments").text
    assert "A <em>loud</em> word" in page and "ada@mail.example" in page
    assert "1 approved earlier" in page and "Probably spam (70 %)" in page
    assert "Older" not in page


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"waitsfor"}),
        ("state=all", {"waitsfor", "thanked", "thrownout", "junked"}),
        ("state=approved", {"thanked"}),
        ("state=rejected", {"thrownout"}),
        ("state=spam", {"junked"}),
        ("state=all&q=THANK", {"thanked"}),
        ("state=all&q=gus%20junked", {"junked"}),
        ("state=all&q=%25", set()),
        ("state=all&post={bob}", {"thrownout"}),
    ],
)
def test_comments_can_be_filtered_by_state_post_and_words(client, eve, query, seen):
    texts = {PENDING: "waitsfor", APPROVED: "thanked", REJECTED: "thrownout", SPAM: "junked"}
    for state, text in texts.items():
        post = client.cast.bob_live if state == REJECTED else client.cast.ann_live
        plant(client, text, state=state, post_id=post.id)
    page = eve.get(f"/admin/comments?{query.format(bob=client.cast.bob_live.id)}")
    assert page.status == 200
    assert {text for text in texts.values() if f"<p>{text}</p>" in page.text} == seen


@pytest.mark.parametrize("query", ["state=gone", "post=x", "post=%C2%B2", "post=-1", "after=zzz"])
def test_invalid_queue_parameters_are_404(open_client, query):
    eve = open_client.let_in("eve")
    assert open_client.get(f"/admin/comments?{query}", cookies=eve).status == 404


def test_comments_of_guests_are_escaped(client, eve):
    plant(client, "<script>alert(1)</script>", name="<img src=x onerror=alert(1)>")
    page = eve.get("/admin/comments").text
    assert "<script>alert" not in page and "<img src=x" not in page


def test_the_post_filter_offers_posts_with_comments(client, eve):
    plant(client, "Hello", post_id=client.cast.bob_zh.id)
    page = eve.get("/admin/comments").text
    assert f'<option value="{client.cast.bob_zh.id}">{cast.ZH_TITLE}</option>' in page
    assert f'<option value="{client.cast.bob_draft.id}">' not in page


def test_a_comment_without_an_email_address_has_no_history(client):
    plant(client, "Earlier", state=APPROVED)
    id = plant(client, "Now")[0]
    found = client.database.read_now(moderation_queue.get_comment, id)
    assert (found.writer, found.approved) == ("", 0)


def test_a_page_of_the_queue_needs_few_queries(client, eve):
    plant(client, *(f"Number {number}" for number in range(40)))
    first = eve.get("/admin/comments").text
    assert "Number 39" in first and "Number 5<" not in first
    further = re.findall(r'href="(/admin/comments\?after=[^"]+)"', first)[0]
    assert "Number 5<" in eve.get(further.replace("&amp;", "&")).text


# --- moderation ---


@pytest.mark.parametrize(
    ("verb", "state", "message"),
    [
        ("approve", APPROVED, "2 comments were approved."),
        ("reject", REJECTED, "2 comments were rejected."),
        ("spam", SPAM, "2 comments were marked as spam."),
    ],
)
def test_selected_comments_are_moderated_together_and_can_be_undone(
    client, eve, verb, state, message
):
    ids = plant(client, "One", "Two", "Three")
    answer = press(eve, verb, *ids[:2])
    assert answer.status == 303
    page = told_after(eve, answer)
    assert message in page
    assert [state_of(client, id) for id in ids] == [state, state, PENDING]
    act = re.findall(r'name="id" value="(\d+)"', page)[0]
    assert eve.post("/admin/comments/undo", {"id": act, "back": ""}).status == 303
    assert [state_of(client, id) for id in ids] == [PENDING] * 3


def test_the_button_of_a_comment_moderates_that_comment(client, eve):
    ids = plant(client, "One", "Two")
    assert press(eve, "approve", ids[0], only=ids[1]).status == 303
    assert [state_of(client, id) for id in ids] == [PENDING, APPROVED]


def test_an_action_returns_to_the_list_as_it_was(client, eve):
    ids = plant(client, "One", state=SPAM)
    back = press(eve, "approve", *ids, back="state=spam&q=One").header("location")
    assert "state=spam" in back and "q=One" in back


def test_an_approved_comment_is_public_immediately(client, eve):
    id = plant(client, "A remark for everybody")[0]
    path = client.cast.ann_live.path
    assert "A remark for everybody" not in client.get(path).text
    press(eve, "approve", id)
    assert "A remark for everybody" in client.get(path).text
    press(eve, "spam", id)
    assert "A remark for everybody" not in client.get(path).text


@pytest.mark.parametrize("act", ["", "0", "x", "999", "9" * 30])
def test_an_impossible_undo_is_rejected_with_a_message(client, eve, act):
    answer = eve.post("/admin/comments/undo", {"id": act})
    assert answer.status == 422 and "no longer exist" in answer.text


@pytest.mark.parametrize("verb", ["approve", "reject", "spam", "undo"])
def test_authors_cannot_moderate(client, verb):
    ids = plant(client, "One")
    ann = Writer(client, "ann")
    assert press(ann, verb, *ids, id=1).status == 403
    assert state_of(client, ids[0]) == PENDING


# --- replies ---


def test_a_reply_from_the_queue_approves_the_comment_and_appears_below_it(client, eve):
    id = plant(client, "A question?")[0]
    assert "Sending the reply also approves the comment" in eve.get(f"/admin/comments/{id}").text
    answer = eve.post(f"/admin/comments/{id}/reply", {"body": "An *answer*."})
    assert (answer.status, answer.header("location")) == (303, "/admin/comments")
    assert state_of(client, id) == APPROVED
    page = client.get(client.cast.ann_live.path).text
    assert page.index("A question?") < page.index("An <em>answer</em>.")


def test_the_same_reply_sent_twice_is_stored_once(client, eve):
    id = plant(client, "A question?")[0]
    for _ in range(2):
        assert eve.post(f"/admin/comments/{id}/reply", {"body": "Yes."}).status == 303
    found = client.database.read_now(
        lambda s: s.scalars(select(Comment).where(Comment.parent_id == id)).all()
    )
    assert [(row.body, row.user_id, row.state) for row in found] == [
        ("Yes.", client.cast.eve.id, APPROVED)
    ]


def test_an_empty_reply_is_rejected_at_its_field_and_approves_nothing(client, eve):
    id = plant(client, "A question?")[0]
    answer = eve.post(f"/admin/comments/{id}/reply", {"body": " "})
    assert answer.status == 422 and 'id="f-body-fault"' in answer.text
    assert state_of(client, id) == PENDING


def test_a_reply_to_a_closed_discussion_is_rejected_and_keeps_its_text(client, eve):
    id = plant(client, "A question?")[0]

    def close(session: Session) -> None:

        row = session.get_one(sites.Site, sites.SITE_ID)
        row.choices = {**row.choices, "comments": "closed"}

    client.database.transact_now(close)
    answer = eve.post(f"/admin/comments/{id}/reply", {"body": "My answer"})
    assert answer.status == 422 and "My answer" in answer.text
    assert state_of(client, id) == PENDING


def test_a_deleted_comment_cannot_be_replied_to(client, eve):
    assert eve.get("/admin/comments/99999").status == 404
    assert eve.post("/admin/comments/99999/reply", {"body": "Hello"}).status == 404
    hidden = plant(client, "Hello", post_id=client.cast.ann_trashed.id)[0]
    assert eve.post(f"/admin/comments/{hidden}/reply", {"body": "Hello"}).status == 404
    assert state_of(client, hidden) == PENDING


def test_permanently_deleting_a_post_deletes_its_moderation_decisions(client, eve):
    ids = plant(client, "One", "Two", post_id=client.cast.ann_trashed.id)
    press(eve, "approve", ids[0])
    press(eve, "spam", ids[1])
    id = client.cast.ann_trashed.id
    answer = Writer(client, "kim").post("/admin/posts/delete", {"ids": [id], "sure": "on"})
    assert answer.status == 303
    gone = client.database.read_now(lambda session: session.get(Post, id))
    assert gone is None


# --- in a browser ---


Open = Callable[..., Any]


@pytest.fixture
def queue_page(browser: Any, site: Site) -> Iterator[Open]:
    """Open the queue of a running blog, filtered by a word of the test's own comments."""
    contexts: list[Any] = []

    def visit(word: str, width: int = 1280, path: str = "/admin/comments?q={}") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, reduced_motion="reduce"
        )
        contexts.append(context)
        for name, value in cast.sign_in(site.database, site.cast.eve).items():
            context.add_cookies([{"name": name, "value": value, "url": site.url}])
        page = context.new_page()
        page.goto(site.url + path.format(word))
        return page

    yield visit
    for context in contexts:
        context.close()


def plant_live(site: Site, *bodies: str) -> list[int]:
    def go(session: Session) -> list[int]:
        return [remark(session, site.cast.ann_unlisted.id, body).id for body in bodies]

    return site.database.transact_now(go)


def states_live(site: Site, ids: list[int]) -> list[str]:
    query = select(Comment.state).where(Comment.id.in_(ids)).order_by(Comment.id)
    return list(site.database.read_now(lambda session: session.scalars(query).all()))


@pytest.mark.browser
@pytest.mark.server
def test_comments_can_be_moderated_with_the_keyboard_only(queue_page, site):
    ids = plant_live(site, "keyword one", "keyword two", "keyword three")
    page = queue_page("keyword")
    assert page.evaluate("document.activeElement.id") == "list"  # shortcuts work at once
    page.keyboard.press("j")  # the newest comment is first
    with page.expect_navigation():
        page.keyboard.press("a")
    assert states_live(site, ids) == [PENDING, PENDING, APPROVED]
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    with page.expect_navigation():
        page.keyboard.press("s")
    assert states_live(site, ids) == [SPAM, SPAM, APPROVED]


@pytest.mark.browser
@pytest.mark.server
def test_a_key_undoes_the_last_action(queue_page, site):
    ids = plant_live(site, "undoword one", "undoword two")
    page = queue_page("undoword")
    page.locator("#list").focus()
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("r")
    assert states_live(site, ids) == [PENDING, REJECTED]
    with page.expect_navigation():
        page.keyboard.press("u")
    assert states_live(site, ids) == [PENDING, PENDING]


@pytest.mark.browser
@pytest.mark.server
def test_a_key_and_a_button_show_all_shortcuts(queue_page, site):
    plant_live(site, "helpword")
    page = queue_page("helpword")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.keyboard.press("Escape")
    page.locator("#list").focus()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    assert "approve" in page.get_by_role("dialog").inner_text()
    page.get_by_role("button", name="Close").click()
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.browser
@pytest.mark.server
def test_shortcuts_are_inactive_while_typing(queue_page, site):
    ids = plant_live(site, "typedword")
    page = queue_page("typedword")
    page.locator("#f-q").focus()
    page.keyboard.type("jxars")
    page.wait_for_timeout(200)
    assert states_live(site, ids) == [PENDING]
    assert page.locator("#f-q").input_value().startswith("jxars")


@pytest.mark.browser
@pytest.mark.server
@pytest.mark.parametrize("path", ["/admin/comments?state=all", "/admin/comments/{}"])
def test_the_queue_is_accessible_and_fits_a_small_screen(queue_page, site, path):
    axe = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    id = plant_live(site, "axe " + "longword" * 30 + "\n\n```\n" + "code " * 60 + "\n```")[0]
    page = queue_page(id, 320, path)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 320
    assert complaints(page, axe) == []
