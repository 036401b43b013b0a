"""The desk's lists, and who may do what at it."""

import pytest

ACTS = ("save", "publish", "schedule", "preview", "unpublish", "trash", "restore", "delete")


@pytest.mark.parametrize("act", ACTS)
def test_an_author_finds_nothing_where_another_writes(looking_bob, act):
    id = looking_bob.client.cast.ann_draft.id
    form = {"title": "Mine now", "body": "x", "language": "en", "version": "2"}
    assert looking_bob.post(f"/control-panel/posts/{id}/{act}", form).status == 404
    assert looking_bob.post(f"/control-panel/posts/{id}/{act}").status in (404, 422)
    assert looking_bob.row(id).title == looking_bob.client.cast.ann_draft.title


@pytest.mark.parametrize("page", ["", "/revisions", "/revisions/1", "/delete"])
def test_an_author_cannot_look_at_the_working_copy_of_another(looking_bob, page):
    assert (
        looking_bob.get(f"/control-panel/posts/{looking_bob.client.cast.ann_draft.id}{page}").status
        == 404
    )


def test_an_editor_may_write_in_every_post(eve):
    id = eve.client.cast.bob_draft.id
    assert eve.press("publish", id, body="With a comma less.").status == 303
    assert eve.client.get(eve.client.cast.bob_draft.path).status == 200


def test_the_desk_shows_one_s_own_posts_and_an_editor_may_see_everybody_s(ann, eve):
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


def test_a_post_is_found_by_words_of_its_title(looking_ann):
    page = looking_ann.get("/control-panel?title=MARMA").text
    assert looking_ann.client.cast.ann_live.title in page
    assert looking_ann.client.cast.ann_draft.title not in page
    assert "No title contains these words" in looking_ann.get("/control-panel?title=100%25").text


@pytest.mark.parametrize("query", ["state=x", "kind=x", "page=0", "page=x", "page=99", "whose=x"])
def test_a_list_that_does_not_exist_is_not_found(looking_ann, query):
    assert looking_ann.get(f"/control-panel?{query}").status == 404


def test_a_long_list_comes_in_pages(ann):
    for number in range(31):
        id = ann.new()
        ann.press("save", id, title=f"Number {number:02}", body="x")
    first = ann.get("/control-panel?state=draft&title=Number")
    second = ann.get("/control-panel?state=draft&title=Number&page=2")
    assert "Number 30" in first.text and "Number 00" not in first.text
    assert "Number 00" in second.text and "Number 30" not in second.text
    assert "page=2" in first.text


def test_pages_stand_on_a_list_of_their_own_and_at_the_top_of_the_site(eve):
    id = eve.new("page")
    eve.press("publish", id, title="Imprint", body="Who we are.")
    assert eve.client.get("/imprint").status == 200
    assert "Imprint" in eve.get("/control-panel?kind=page").text
    assert "Imprint" not in eve.get("/control-panel").text


def test_every_page_of_the_desk_is_kept_nowhere(looking_ann):
    for page in ("", "/pictures", "/profile", "/password", "/sign-ins", "/posts/1"):
        assert looking_ann.get(f"/control-panel{page}").header("cache-control") == "no-store"


def test_the_desk_speaks_the_language_of_whoever_sits_at_it(ann):
    ann.post(
        "/control-panel/profile",
        {"display_name": "Ann", "email": "ann@ink.example", "language": "zh", "bio": ""},
    )
    assert '<html lang="zh">' in ann.get("/control-panel").text
    assert '<html lang="en">' in ann.client.get("/").text
