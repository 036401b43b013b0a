"""Publishing, scheduling, unpublishing, trash and deletion, as authors and readers see them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError

from blog.models.posts import dashboard, editing, publishing
from blog.models.posts.post import Post
from tests.support.call_depth import calls_to, traced_statements
from tests.support.dashboard_client import revisions, told_after

VERB = "blog.models.posts.publishing.publish"


def test_a_new_post_is_hidden_until_it_is_published(ann):
    id = ann.new()
    assert ann.press("save", id, title="Tea & time", body="It *steeps*.").status == 303
    assert ann.client.get("/posts/tea-time").status == 404
    assert ann.press("publish", id).status == 303
    page = ann.client.get("/posts/tea-time")
    assert page.status == 200
    assert "<em>steeps</em>" in page.text


def test_publishing_includes_unsaved_text(ann):
    id = ann.new()
    ann.press("publish", id, title="At once", body="Typed just now.")
    assert "Typed just now." in ann.client.get("/posts/at-once").text


def test_changes_saved_in_a_live_post_are_public_only_after_publishing(ann):
    live = ann.client.cast.ann_live
    assert ann.press("save", live.id, body="A zanzibarian half a sen").status == 303
    places = ("/", live.path, "/feed.atom", "/search?q=zanzibarian", "/tags/python", "/sitemap.xml")
    for place in places:
        assert "zanzibarian half" not in ann.client.get(place).text
    ann.press("publish", live.id)
    assert "zanzibarian half" in ann.client.get(live.path).text


def test_updating_creates_a_revision_only_if_the_text_has_changed(ann):
    live = ann.client.cast.ann_live
    before = ann.row(live.id).live_revision_id
    ann.press("publish", live.id)
    assert ann.row(live.id).live_revision_id == before
    answer = ann.press("publish", live.id, body="Another text.")
    assert ann.row(live.id).live_revision_id != before
    assert "Updated" in told_after(ann, answer)


def test_publishing_again_says_that_readers_already_see_the_text(ann):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Tea", "body": "It steeps."}
    first = ann.post(f"/control-panel/posts/{id}/publish", form)
    second = ann.post(f"/control-panel/posts/{id}/publish", form)
    assert "Published. Readers can see it now." in told_after(ann, first)
    assert "readers already see this text" in told_after(ann, second)
    assert revisions(ann, id) == ["It steeps."]


def test_an_edit_is_published_even_if_the_clock_was_set_back(ann, monkeypatch):
    id = ann.new()
    ann.press("publish", id, title="Tea", body="It steeps.")
    earlier = datetime.now(UTC) - timedelta(hours=1)
    for module in (editing, publishing):
        monkeypatch.setattr(module, "now", lambda: earlier)
    ann.press("save", id, body="It has steeped.")
    assert "Unpublished changes" in ann.get("/control-panel").text
    monkeypatch.undo()
    ann.press("publish", id)
    assert "It has steeped." in ann.client.get("/posts/tea").text
    assert ann.press("publish", id).status == 303
    assert revisions(ann, id) == ["It steeps.", "It has steeped."]


def test_publishing_takes_at_most_six_calls_from_the_view_to_its_statements(ann):
    id = ann.new()
    ann.press("save", id, title="Tea", body="It steeps.", tags="leaves")
    with traced_statements(ann.client.app.ctx.database.writing) as statements:
        assert ann.press("publish", id).status == 303
    of_the_verb = [each for each in statements if VERB in each.calls]
    for beginning in (
        *("SELECT post.id", "INSERT INTO revision ", "UPDATE post SET publish_at"),
        "UPDATE post SET live_revision_id",
    ):
        calls = calls_to(beginning, of_the_verb)
        assert len(calls) <= 6, calls


@pytest.mark.parametrize("action", ["publish", "schedule", "save", "preview", "trash"])
def test_a_post_that_somebody_else_saved_is_a_conflict_that_shows_both_texts(ann, eve, action):
    id = ann.client.cast.ann_draft.id
    form = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    answer = ann.post(f"/control-panel/posts/{id}/{action}", {**form, "body": "Ann's words"})
    assert answer.status == 409
    assert "Ann&#39;s words" in answer.text and "Eve&#39;s words" in answer.text
    assert ann.row(id).body == "Eve's words"


def test_a_text_saved_again_while_it_is_rendered_is_not_published(ann, eve, monkeypatch):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Tea", "body": "Ann's words"}
    sandbox = ann.client.app.ctx.sandbox
    render = sandbox.render

    async def render_while_eve_saves(*args, **how):
        rendered = await render(*args, **how)
        copy = editing.WorkingCopy(title="Tea", body="Eve's words", version=ann.row(id).version)
        ann.client.database.transact_now(editing.save, id, copy, by=eve.user)
        return rendered

    monkeypatch.setattr(sandbox, "render", render_while_eve_saves)
    answer = ann.post(f"/control-panel/posts/{id}/publish", form)
    assert answer.status == 409
    assert "Ann&#39;s words" in answer.text and "Eve&#39;s words" in answer.text
    assert ann.client.get("/posts/tea").status == 404


def test_a_busy_sandbox_shows_the_form_again_with_the_text(ann, monkeypatch):
    id = ann.new()
    monkeypatch.setattr("blog.sandbox.MAX_WAITING", 0)
    answer = ann.press("publish", id, title="Tea", body="It steeps.")
    assert answer.status == 503
    assert "busy processing other texts" in answer.text and "It steeps." in answer.text
    monkeypatch.undo()
    form = {**ann.sheet(id), "title": "Tea", "body": "It steeps."}
    assert ann.post(f"/control-panel/posts/{id}/publish", form).status == 303


def test_a_refused_form_can_be_sent_again_if_the_database_fails_as_well(ann, monkeypatch):
    id = ann.new()
    form = {**ann.sheet(id), "title": "x" * 301, "body": "It steeps."}

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("", None, Exception("database is locked"))

    monkeypatch.setattr(dashboard, "load_editable", fail)
    answer = ann.post(f"/control-panel/posts/{id}/save", form)
    assert answer.status == 503
    assert "It steeps." in answer.text and f'action="/control-panel/posts/{id}/save"' in answer.text


@pytest.mark.parametrize("button", ["unpublish", "trash", "restore"])
def test_a_button_pressed_twice_has_the_effect_of_one_press(ann, button):
    id = ann.client.cast.ann_live.id
    assert ann.press(button, id, body="Typed before.").status == 303
    state = ann.row(id).state(datetime.now(UTC))
    assert ann.press(button, id, body="Typed before.").status == 303
    assert (ann.row(id).state(datetime.now(UTC)), ann.row(id).body) == (state, "Typed before.")


def test_a_post_is_scheduled_in_the_time_zone_of_the_site(ann):
    id = ann.new()
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0, tzinfo=None)
    at = moment.isoformat(timespec="minutes")
    assert ann.press("schedule", id, title="Later", body="x", publish_at=at).status == 303
    post = ann.row(id)
    assert post.publish_at == moment.replace(tzinfo=UTC)
    assert ann.client.get("/posts/later").status == 404
    assert "Scheduled" in ann.get("/control-panel?state=scheduled").text


def test_rescheduling_after_the_post_went_live_updates_it(ann):
    id = ann.new()
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    at = moment.strftime("%Y-%m-%dT%H:%M")
    ann.press("schedule", id, title="Overtaken", body="before", publish_at=at)
    past = moment - timedelta(days=4)
    ann.client.database.transact_now(_move_to, id, past, by=ann.user)
    at = past.strftime("%Y-%m-%dT%H:%M")
    answer = ann.press("schedule", id, body="typed since", publish_at=at)
    assert "Updated" in told_after(ann, answer)
    assert "typed since" in ann.client.get("/posts/overtaken").text
    assert ann.row(id).publish_at == past


def _move_to(session, id, moment, *, by):
    session.get_one(Post, id).publish_at = moment


@pytest.mark.parametrize("at", ["", "2020-01-01T10:00", "tomorrow"])
def test_an_invalid_publication_time_is_an_error_beside_its_field(ann, at):
    id = ann.new()
    answer = ann.press("schedule", id, title="Later", body="kept as typed", publish_at=at)
    assert answer.status == 422
    assert 'id="f-publish_at-fault"' in answer.text
    assert "kept as typed" in answer.text


def test_unscheduling_makes_a_post_a_draft(ann):
    id = ann.client.cast.ann_scheduled.id
    assert ann.press("unpublish", id).status == 303
    assert ann.row(id).state(datetime.now(UTC)) == "draft"


def test_an_unpublished_post_is_hidden_and_keeps_its_publication_date(ann):
    live = ann.client.cast.ann_live
    before = ann.row(live.id).publish_at
    ann.press("unpublish", live.id, body="and what was typed is kept")
    assert ann.client.get(live.path).status == 404
    assert ann.row(live.id).body == "and what was typed is kept"
    ann.press("publish", live.id)
    assert ann.client.get(live.path).status == 200
    assert ann.row(live.id).publish_at == before


def test_a_post_restored_from_the_trash_stays_hidden(ann):
    live = ann.client.cast.ann_live
    ann.press("trash", live.id)
    assert ann.client.get(live.path).status == 404
    ann.post(f"/control-panel/posts/{live.id}/restore")
    assert ann.client.get(live.path).status == 404
    assert ann.row(live.id).trashed_at is None


def test_only_a_trashed_post_can_be_deleted_permanently_after_confirmation(ann):
    id, live = ann.client.cast.ann_trashed.id, ann.client.cast.ann_live.id
    assert ann.get(f"/control-panel/posts/{live}/delete").status == 404
    assert ann.post(f"/control-panel/posts/{live}/delete").status == 422
    assert "cannot be undone" in ann.get(f"/control-panel/posts/{id}/delete").text
    assert ann.post(f"/control-panel/posts/{id}/delete").status == 303
    assert ann.get(f"/control-panel/posts/{id}").status == 404
