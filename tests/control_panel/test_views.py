"""The lists of the dashboard, and who may view and change which posts."""

import pytest

ACTIONS = ("save", "publish", "schedule", "preview", "unpublish", "trash", "restore", "delete")


@pytest.mark.parametrize("action", ACTIONS)
def test_an_author_cannot_change_the_post_of_another(looking_bob, action):
    id = looking_bob.client.cast.ann_draft.id
    form = {"title": "Mine now", "body": "x", "language": "en", "version": "2"}
    assert looking_bob.post(f"/control-panel/posts/{id}/{action}", form).status == 404
    assert looking_bob.post(f"/control-panel/posts/{id}/{action}").status in (404, 422)
    assert looking_bob.row(id).title == looking_bob.client.cast.ann_draft.title


@pytest.mark.parametrize("page", ["", "/revisions", "/revisions/1", "/delete"])
def test_an_author_cannot_view_the_working_copy_of_another(looking_bob, page):
    assert (
        looking_bob.get(f"/control-panel/posts/{looking_bob.client.cast.ann_draft.id}{page}").status
        == 404
    )


def test_an_editor_can_edit_every_post(eve):
    id = eve.client.cast.bob_draft.id
    assert eve.press("publish", id, body="With a comma less.").status == 303
    assert eve.client.get(eve.client.cast.bob_draft.path).status == 200


def test_the_dashboard_lists_ones_own_posts_and_everybodys_for_editors(ann, eve):
    page = ann.get("/control-panel").text
    assert ann.client.cast.ann_live.title in page
    assert ann.client.cast.bob_live.title not in page
    assert ann.get("/control-panel?whose=all").status == 404
    assert ann.client.cast.bob_live.title in eve.get("/control-panel?whose=all").text


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("draft", "ann_draft"),
        ("live", "ann_live"),
        ("scheduled", "ann_scheduled"),
        ("withdrawn", "ann_withdrawn"),
        ("trashed", "ann_trashed"),
    ],
)
def test_each_state_has_its_own_list(looking_ann, state, name):
    page = looking_ann.get(f"/control-panel?state={state}").text
    for other in ("ann_draft", "ann_live", "ann_scheduled", "ann_withdrawn", "ann_trashed"):
        assert (looking_ann.client.cast.posts[other].title in page) is (other == name)


def test_posts_can_be_searched_by_title(looking_ann):
    page = looking_ann.get("/control-panel?title=MARMA").text
    assert looking_ann.client.cast.ann_live.title in page
    assert looking_ann.client.cast.ann_draft.title not in page
    assert "No title contains these words" in looking_ann.get("/control-panel?title=100%25").text


@pytest.mark.parametrize("query", ["state=x", "kind=x", "page=0", "page=x", "page=99", "whose=x"])
def test_an_invalid_filter_is_not_found(looking_ann, query):
    assert looking_ann.get(f"/control-panel?{query}").status == 404


def test_a_long_list_is_paginated(ann):
    for number in range(31):
        id = ann.new()
        ann.press("save", id, title=f"Number {number:02}", body="x")
    first = ann.get("/control-panel?state=draft&title=Number")
    second = ann.get("/control-panel?state=draft&title=Number&page=2")
    assert "Number 30" in first.text and "Number 00" not in first.text
    assert "Number 00" in second.text and "Number 30" not in second.text
    assert "page=2" in first.text


def test_pages_have_their_own_list_and_a_top_level_address(eve):
    id = eve.new("page")
    eve.press("publish", id, title="Imprint", body="Who we are.")
    assert eve.client.get("/imprint").status == 200
    assert "Imprint" in eve.get("/control-panel?kind=page").text
    assert "Imprint" not in eve.get("/control-panel").text


def test_no_page_of_the_dashboard_may_be_cached(looking_ann):
    for page in ("", "/pictures", "/profile", "/password", "/sign-ins", "/posts/1"):
        assert looking_ann.get(f"/control-panel{page}").header("cache-control") == "no-store"


def test_the_dashboard_uses_the_language_of_the_author(ann):
    ann.post(
        "/control-panel/profile",
        {"display_name": "Ann", "email": "ann@ink.example", "language": "zh", "bio": ""},
    )
    assert '<html lang="zh">' in ann.get("/control-panel").text
    assert '<html lang="en">' in ann.client.get("/").text
