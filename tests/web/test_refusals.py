"""Errors of the sandbox become messages of the form, with the status of each kind of error."""

import pytest

from tests.support.planted_comments import remark

BUSY = "busy processing other texts and pictures"
TOO_LONG = "| a |\n|---|\n" + "| x |\n" * 25_000  # more table cells than a text may have
GUEST = {"name": "Somebody", "email": "", "body": "A *kind* word"}


@pytest.fixture
def busy(monkeypatch):
    """Nothing may wait for the sandbox."""
    monkeypatch.setattr("blog.sandbox.MAX_WAITING", 0)


def test_a_comment_is_shown_again_while_the_sandbox_is_busy(client, busy):
    answer = client.post(f"/comments/{client.cast.ann_live.id}", GUEST)
    assert answer.status == 503
    assert BUSY in answer.text and "A *kind* word" in answer.text


def test_a_reply_is_shown_again_while_the_sandbox_is_busy(eve, busy):
    live = eve.client.cast.ann_live.id
    id = eve.client.database.transact_now(lambda session: remark(session, live, "Why?").id)
    answer = eve.post(f"/admin/comments/{id}/reply", {"body": "A *kind* word"})
    assert answer.status == 503
    assert BUSY in answer.text and "A *kind* word" in answer.text


def test_a_footer_is_shown_again_while_the_sandbox_is_busy(kim, busy):
    answer = kim.post("/admin/look/footer", {"footer": "A *kind* word"})
    assert answer.status == 503
    assert BUSY in answer.text and "A *kind* word" in answer.text


def test_a_picture_is_refused_beside_its_field_while_the_sandbox_is_busy(ann, busy):
    headers = (("sec-fetch-site", "same-origin"), ("content-type", "image/png"))
    answer = ann.client.ask(
        "POST", "/control-panel/pictures", cookies=ann.cookies, headers=headers, body=b"x"
    )
    assert answer.status == 503
    assert BUSY in answer.text and 'id="f-picture-fault"' in answer.text


def test_a_preview_asks_to_try_again_while_the_sandbox_is_busy(ann, monkeypatch):
    path = ann.press("preview", ann.client.cast.ann_draft.id).header("location")
    monkeypatch.setattr("blog.sandbox.MAX_WAITING", 0)
    answer = ann.client.get(path)
    assert answer.status == 503
    assert BUSY in answer.text and answer.header("retry-after") == "5"


def test_a_text_over_a_limit_is_an_error_beside_the_text(ann):
    answer = ann.press("publish", ann.new(), title="Tea", body=TOO_LONG)
    assert answer.status == 422
    assert "The tables have more than 20000 cells." in answer.text
    assert 'id="f-body-fault"' in answer.text


def test_a_preview_of_a_text_over_a_limit_says_which_limit(ann):
    answer = ann.press("preview", ann.client.cast.ann_draft.id, body=TOO_LONG)
    page = ann.client.get(answer.header("location"))
    assert page.status == 422
    assert "The tables have more than 20000 cells." in page.text
