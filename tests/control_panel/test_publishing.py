"""Publishing, scheduling, unpublishing, trash and deletion, as authors and readers see them."""

from datetime import UTC, datetime, timedelta

import pytest

from blog.models.posts.post import Post
from tests.support.dashboard_client import told_after


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
