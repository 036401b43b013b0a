"""The edit page: saving, conflicts, validation, preview and revisions, without losing text."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from blog.models.posts import editing
from blog.models.posts import revisions as history
from blog.models.posts.content import FIELDS
from tests.support import cast
from tests.support.dashboard_client import fields_of, revisions


def test_an_empty_draft_is_reused_before_a_new_one_is_started(ann, monkeypatch):
    id, page = ann.new(), ann.new("page")
    assert len({ann.new(), id, page}) == 3
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(editing, "now", lambda: later)
    ann.press("save", id, title="No longer empty")
    assert ann.new() != id
    assert ann.new("page") == page


def test_a_conflicting_save_shows_both_texts(ann, eve):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    answer = ann.post(f"/control-panel/posts/{id}/save", {**form, "body": "Ann's words"})
    assert answer.status == 409
    for words in ("Ann&#39;s words", "Eve&#39;s words"):
        assert words in answer.text
    assert ann.row(id).body == "Eve's words"


OTHER_WORDS = {
    "title": "Eve's title",
    "subtitle": "Eve's subtitle",
    "body": "Eve's words",
    "summary": "Eve's summary",
    "tags": "eve-s-tag",
    "slug": "eve-s-slug",
    "cover": "/media/eve-s-cover.png",
    "language": "zh",
    "is_listed": "",
    "takes_comments": "",
}


def theirs(answer: Any) -> str:
    """What the page of a conflict shows of the text that somebody else saved."""
    part = re.search(r'<div class="stack theirs">(.*?)</div>', answer.text, re.DOTALL)
    return unescape(part[1])


@pytest.mark.parametrize("name", FIELDS)
def test_a_conflict_shows_what_the_other_one_changed_in_any_field(ann, eve, name):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    eve.press("save", id, **{name: OTHER_WORDS[name]})
    answer = ann.post(f"/control-panel/posts/{id}/save", {**form, "body": "Ann's words"})
    stored = getattr(ann.row(id), name)
    assert stored == (OTHER_WORDS[name] or False)
    assert {"zh": "中文", False: ": no"}.get(stored, stored) in theirs(answer)


def test_a_conflict_does_not_list_fields_that_are_the_same_in_both_texts(ann, eve):
    id = ann.client.cast.ann_draft.id
    eve.press("save", id, subtitle="The same", tags="one, two")
    form = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    typed = {**form, "body": "Ann's words", "subtitle": " The same ", "tags": "one，two"}
    answer = ann.post(f"/control-panel/posts/{id}/save", typed)
    assert "Eve's words" in theirs(answer)
    assert "The same" not in theirs(answer) and "one, two" not in theirs(answer)


def test_a_conflict_shows_the_value_of_a_field_that_an_old_page_does_not_have(ann, eve):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    del form["subtitle"]
    eve.press("save", id, subtitle="Eve's subtitle")
    answer = ann.post(f"/control-panel/posts/{id}/save", {**form, "body": "Ann's words"})
    assert answer.status == 409
    assert fields_of(answer.text)["subtitle"] == "Eve's subtitle"


def test_overwriting_after_a_conflict_keeps_the_other_text_as_a_revision(ann, eve):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    overwriting = {**form, "body": "Ann's words", "over": str(ann.row(id).version)}
    assert ann.post(f"/control-panel/posts/{id}/save", overwriting).status == 303
    assert ann.row(id).body == "Ann's words"
    assert "Eve's words" in revisions(ann, id)


def test_another_save_during_a_conflict_is_a_new_conflict(ann, eve):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    eve.press("save", id, body="one")
    seen = ann.row(id).version
    eve.press("save", id, body="two")
    overwriting = {**form, "body": "mine", "over": str(seen)}
    assert ann.post(f"/control-panel/posts/{id}/save", overwriting).status == 409


def test_a_form_sent_twice_is_saved_once_without_a_conflict(ann):
    id = ann.client.cast.ann_draft.id
    form = {**ann.sheet(id), "body": "Pressed twice"}
    first = ann.post(f"/control-panel/posts/{id}/save", form)
    version = ann.row(id).version
    second = ann.post(f"/control-panel/posts/{id}/save", form)
    assert (first.status, second.status) == (303, 303)
    assert ann.row(id).version == version


def test_a_chinese_title_becomes_a_pinyin_slug(ann):
    id = ann.new()
    ann.press("publish", id, title="阻塞的艺术", body="正文。", language="zh")
    assert ann.client.get("/posts/zu-se-de-yi-shu").status == 200


def test_the_slug_follows_the_title_until_the_post_is_published(ann):
    id = ann.new()
    ann.press("save", id, title="First though", body="x")
    assert 'placeholder="first-though"' in ann.get(f"/control-panel/posts/{id}").text
    ann.press("publish", id, title="First thought")
    ann.press("publish", id, title="Second thought", body="y")
    assert ann.client.get("/posts/first-thought").status == 200
    assert ann.client.get("/posts/second-thought").status == 404


def test_a_duplicate_title_gets_a_numbered_slug_and_a_taken_slug_is_an_error(ann):
    first = ann.new()
    ann.press("save", first, title="Twice", body="x")
    second = ann.new()
    ann.press("save", second, title="Twice", body="x")
    assert ann.row(second).slug == "twice-2"
    answer = ann.press("save", second, title="Twice", slug="twice", body="Every word of it")
    assert answer.status == 422
    assert "The address /posts/twice is already in use." in answer.text
    assert "Every word of it" in answer.text


def test_changing_the_slug_of_a_live_post_adds_a_redirect(ann):
    live = ann.client.cast.ann_live
    ann.press("publish", live.id, slug="jam")
    assert ann.client.get(live.path).status == 301
    assert ann.client.get("/posts/jam").status == 200


INVALID_VALUES: dict[str, tuple[str, Any]] = {
    "title": ("title", "x" * 301),
    "summary": ("summary", "x" * 2001),
    "language": ("language", "tlh"),
    "slug": ("slug", "a/b"),
    "cover": ("cover", "javascript:alert(1)"),
    "body": ("body", "x" * 500_001),
}


@pytest.mark.parametrize("case", INVALID_VALUES)
def test_an_invalid_field_shows_the_form_again_with_its_error_and_all_values(looking_ann, case):
    name, value = INVALID_VALUES[case]
    answer = looking_ann.press(
        "save", looking_ann.client.cast.ann_draft.id, **{"tags": "kept, tags", name: value}
    )
    assert answer.status == 422
    assert f'id="f-{name}-fault"' in answer.text
    assert 'value="kept, tags"' in answer.text


def test_a_post_without_a_title_is_saved_but_not_published(ann):
    id = ann.new()
    assert ann.press("save", id, body="No name yet").status == 303
    answer = ann.press("publish", id, body="No name yet, still")
    assert answer.status == 422
    assert "needs a title" in answer.text
    again = fields_of(answer.text)
    assert ann.post(f"/control-panel/posts/{id}/save", {**again, "title": "Now"}).status == 303


def test_an_empty_submission_does_not_erase_the_post(looking_ann):
    id = looking_ann.client.cast.ann_draft.id
    before = looking_ann.row(id).body
    assert looking_ann.post(f"/control-panel/posts/{id}/save", {}).status == 422
    assert looking_ann.row(id).body == before


def test_two_authors_are_shown_in_the_chosen_order(ann, bob):
    id = ann.new()
    both = [str(bob.user.id), str(ann.user.id)]
    ann.press("publish", id, title="Together", body="x", authors=both)
    page = ann.client.get("/posts/together").text
    assert page.index(bob.user.display_name) < page.index(ann.user.display_name)
    assert bob.get(f"/control-panel/posts/{id}").status == 200


def test_an_unlisted_post_is_reachable_only_by_its_address(ann):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Hush", "body": "x"}
    form.pop("is_listed")
    ann.post(f"/control-panel/posts/{id}/publish", form)
    assert ann.client.get("/posts/hush").status == 200
    assert "Hush" not in ann.client.get("/").text


def test_preview_saves_the_post_and_opens_its_private_link(ann):
    id = ann.client.cast.ann_live.id
    answer = ann.press("preview", id, body="A *xylophonic* preview")
    assert answer.status == 303
    page = ann.client.get(answer.header("location"))
    assert "<em>xylophonic</em>" in page.text
    assert "xylophonic" not in ann.client.get(ann.client.cast.ann_live.path).text


def test_a_private_link_can_be_revoked(ann):
    id = ann.client.cast.ann_live.id
    path = ann.press("preview", id, body="For a friend").header("location")
    assert path in ann.get(f"/control-panel/posts/{id}").text
    assert ann.press("close-preview", id).status == 303
    assert ann.client.get(path).status == 404
    assert path not in ann.get(f"/control-panel/posts/{id}").text


def test_saving_by_script_returns_the_new_version_or_the_errors(ann):
    id = ann.client.cast.ann_draft.id
    json = (*cast.OURS.items(), ("accept", "application/json"))
    form = {**ann.sheet(id), "body": "By itself"}
    saved = ann.post(f"/control-panel/posts/{id}/save", form, headers=json)
    assert saved.status == 200
    assert f'"version":{ann.row(id).version}' in saved.text
    conflict = ann.post(f"/control-panel/posts/{id}/save", {**form, "body": "late"}, headers=json)
    assert conflict.status == 409
    assert "Somebody else" in conflict.text


def test_a_revision_can_be_viewed_and_restored(ann):
    id = ann.client.cast.ann_live.id
    before = ann.row(id).body
    ann.press("save", id, body="Something worse")
    page = ann.get(f"/control-panel/posts/{id}/revisions").text
    number = re.findall(rf"/posts/{id}/revisions/(\d+)", page)[-1]
    assert (
        "Everything about the marmalade"
        in ann.get(f"/control-panel/posts/{id}/revisions/{number}").text
    )
    ann.post(f"/control-panel/posts/{id}/revisions/{number}/bring-back")
    assert ann.row(id).body == before
    assert "Something worse" in revisions(ann, id)


def test_a_revision_of_another_post_is_not_found(looking_ann):
    others = looking_ann.row(looking_ann.client.cast.ann_edited.id).live_revision_id
    mine = looking_ann.client.cast.ann_live.id
    assert looking_ann.get(f"/control-panel/posts/{mine}/revisions/{others}").status == 404
    path = f"/control-panel/posts/{mine}/revisions/{others}/bring-back"
    assert looking_ann.post(path).status == 404


def test_a_text_too_slow_to_render_gets_an_error_beside_the_text(ann):
    id = ann.new()
    heavy = "| a |\n|---|\n" + "| " + "x |\n| " * 25_000
    answer = ann.press("publish", id, title="Heavy", body=heavy)
    assert answer.status == 422
    assert 'id="f-body-fault"' in answer.text


def test_text_older_than_ten_minutes_becomes_a_revision_before_it_is_overwritten(ann, monkeypatch):
    id = ann.client.cast.ann_draft.id
    ann.press("save", id, body="Yesterday's words")
    later = datetime.now(UTC) + timedelta(minutes=11)
    monkeypatch.setattr(editing, "now", lambda: later)
    ann.press("save", id, body="Today's words")
    assert "Yesterday's words" in revisions(ann, id)


def test_revisions_are_listed_newest_first(ann):
    id = ann.client.cast.ann_live.id
    ann.press("publish", id, body="Second edition")
    _, past = ann.client.database.read_now(history.history, id, by=ann.user)
    assert past[0].is_live
    assert past == sorted(
        past, key=lambda revision: (revision.created_at, revision.id), reverse=True
    )


def test_a_form_sent_after_signing_out_can_be_sent_again(ann):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Tea", "body": "Line <one>\n\nline two"}
    path = f"/control-panel/posts/{id}/save"
    refused = ann.client.post(path, {**form, "password": "four words in a row"})
    assert refused.status == 401
    assert "four words in a row" not in refused.text
    assert ann.post(path, resend_form(refused.text, path)).status == 303
    assert ann.row(id).body == form["body"]


def resend_form(page: str, path: str) -> dict[str, str]:
    """The values of the form on an error page, which sends the request again."""
    assert f'action="{path}"' in page
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    body = re.search(r"<textarea [^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    return {name: unescape(value) for name, value in hidden} | {"body": unescape(body[1])}


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("status", [503, 507])
def test_a_form_that_the_database_could_not_store_can_be_sent_again(ann, monkeypatch, status):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Tea", "body": "Line <one>\n\nline two"}
    path = f"/control-panel/posts/{id}/save"
    message = {503: "database is locked", 507: "database or disk is full"}[status]
    with monkeypatch.context() as patched:
        error = OperationalError("", None, Exception(message))
        patched.setattr(editing, "save", lambda *_, **__: _raise(error))
        refused = ann.post(path, form)
    assert refused.status == status
    assert ann.post(path, resend_form(refused.text, path)).status == 303
    assert ann.row(id).body == form["body"]
