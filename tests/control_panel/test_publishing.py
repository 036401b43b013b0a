"""What readers see of what a writer does: publish, schedule, unpublish, trash, delete."""

from datetime import UTC, datetime, timedelta

import pytest

from blog.models.posts.post import Post
from tests.support.dashboard_client import told_after


def test_a_writer_begins_saves_and_publishes_and_the_visitor_reads(ann):
    id = ann.new()
    assert ann.press("save", id, title="Tea & time", body="It *steeps*.").status == 303
    assert ann.client.get("/posts/tea-time").status == 404
    assert ann.press("publish", id).status == 303
    page = ann.client.get("/posts/tea-time")
    assert page.status == 200
    assert "<em>steeps</em>" in page.text


def test_publish_takes_along_what_was_typed_but_not_saved(ann):
    id = ann.new()
    ann.press("publish", id, title="At once", body="Typed just now.")
    assert "Typed just now." in ann.client.get("/posts/at-once").text


def test_half_a_sentence_saved_in_a_live_post_is_seen_nowhere_until_it_is_published(ann):
    live = ann.client.cast.ann_live
    assert ann.press("save", live.id, body="A zanzibarian half a sen").status == 303
    places = ("/", live.path, "/feed.atom", "/search?q=zanzibarian", "/tags/python", "/sitemap.xml")
    for place in places:
        assert "zanzibarian half" not in ann.client.get(place).text
    ann.press("publish", live.id)
    assert "zanzibarian half" in ann.client.get(live.path).text


def test_update_says_so_and_a_post_without_a_change_is_not_published_anew(ann):
    live = ann.client.cast.ann_live
    before = ann.row(live.id).live_revision_id
    ann.press("publish", live.id)
    assert ann.row(live.id).live_revision_id == before
    answer = ann.press("publish", live.id, body="Another text.")
    assert ann.row(live.id).live_revision_id != before
    assert "Updated" in told_after(ann, answer)


def test_a_scheduled_post_waits_for_its_moment_in_the_time_zone_of_the_site(ann):
    id = ann.new()
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0, tzinfo=None)
    at = moment.isoformat(timespec="minutes")
    assert ann.press("schedule", id, title="Later", body="x", publish_at=at).status == 303
    post = ann.row(id)
    assert post.publish_at == moment.replace(tzinfo=UTC)
    assert ann.client.get("/posts/later").status == 404
    assert "Scheduled" in ann.get("/control-panel?state=scheduled").text


def test_a_page_left_open_past_the_moment_updates_what_is_public_by_then(ann):
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
def test_a_moment_that_cannot_be_is_told_beside_its_field(ann, at):
    id = ann.new()
    answer = ann.press("schedule", id, title="Later", body="kept as typed", publish_at=at)
    assert answer.status == 422
    assert 'id="f-publish_at-fault"' in answer.text
    assert "kept as typed" in answer.text


def test_an_unscheduled_post_is_a_draft_again(ann):
    id = ann.client.cast.ann_scheduled.id
    assert ann.press("unpublish", id).status == 303
    assert ann.row(id).state(datetime.now(UTC)) == "draft"


def test_an_unpublished_post_is_gone_for_readers_and_keeps_its_date(ann):
    live = ann.client.cast.ann_live
    before = ann.row(live.id).publish_at
    ann.press("unpublish", live.id, body="and what was typed is kept")
    assert ann.client.get(live.path).status == 404
    assert ann.row(live.id).body == "and what was typed is kept"
    ann.press("publish", live.id)
    assert ann.client.get(live.path).status == 200
    assert ann.row(live.id).publish_at == before


def test_a_trashed_post_is_restored_without_going_public(ann):
    live = ann.client.cast.ann_live
    ann.press("trash", live.id)
    assert ann.client.get(live.path).status == 404
    ann.post(f"/control-panel/posts/{live.id}/restore")
    assert ann.client.get(live.path).status == 404
    assert ann.row(live.id).trashed_at is None


def test_only_from_the_trash_is_a_post_deleted_for_good_and_it_is_asked_again(ann):
    id, live = ann.client.cast.ann_trashed.id, ann.client.cast.ann_live.id
    assert ann.get(f"/control-panel/posts/{live}/delete").status == 404
    assert ann.post(f"/control-panel/posts/{live}/delete").status == 422
    assert "cannot be undone" in ann.get(f"/control-panel/posts/{id}/delete").text
    assert ann.post(f"/control-panel/posts/{id}/delete").status == 303
    assert ann.get(f"/control-panel/posts/{id}").status == 404
