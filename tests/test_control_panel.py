"""The desk through its door: what a writer does with a post, and what readers see of it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from blog.models import history, writing
from blog.models.post import Post
from blog.models.revision import Revision
from tests import cast
from tests.door import Answer, Door

FIELDS = ("title", "slug", "summary", "body", "tags", "cover", "version")


@dataclass
class Writer:
    """Somebody at the desk: presses buttons on the edit page as a browser without scripts does."""

    door: Door
    name: str

    def __post_init__(self) -> None:
        self.user = self.door.cast.people[self.name]
        self.cookies = cast.sign_in(self.door.database, self.user)

    def get(self, path: str, **how: Any) -> Answer:
        return self.door.get(path, cookies=self.cookies, **how)

    def post(self, path: str, form: dict[str, Any] | None = None, **how: Any) -> Answer:
        return self.door.post(path, form, cookies=self.cookies, **how)

    def new(self, kind: str = "post") -> int:
        answer = self.post("/control-panel/posts/new", {"kind": kind})
        assert answer.status == 303
        return int(answer.header("location").rpartition("/")[2])

    def sheet(self, id: int) -> dict[str, Any]:
        """The fields of the edit page, as they would be sent back untouched."""
        page = self.get(f"/control-panel/posts/{id}")
        assert page.status == 200
        return fields_of(page.text)

    def press(self, act: str, id: int, **typed: Any) -> Answer:
        form = {**self.sheet(id), **typed}
        return self.post(f"/control-panel/posts/{id}/{act}", form)

    def row(self, id: int) -> Post:
        return self.door.database.read_now(lambda session: session.get_one(Post, id))


def fields_of(page: str) -> dict[str, Any]:
    values = {
        name: unescape(found.group(1))
        for name in FIELDS
        if (found := re.search(rf'<input [^>]*name="{name}"[^>]* value="([^"]*)"', page))
    }
    for name in ("body", "summary"):
        found = re.search(rf'<textarea [^>]*name="{name}"[^>]*>\n(.*?)</textarea>', page, re.S)
        values[name] = unescape(found.group(1)) if found else ""
    values["version"] = re.findall(r'name="version" value="(\d+)"', page)[0]
    values["authors"] = re.findall(r'name="authors" value="(\d+)" checked', page)
    values["language"] = re.findall(r'<option value="(\w+)" selected', page)[0]
    if re.search(r'name="is_listed"[^>]* checked', page):
        values["is_listed"] = "on"
    return values


@pytest.fixture
def ann(door: Door) -> Writer:
    return Writer(door, "ann")


@pytest.fixture
def bob(door: Door) -> Writer:
    return Writer(door, "bob")


@pytest.fixture
def eve(door: Door) -> Writer:
    return Writer(door, "eve")


@pytest.fixture
def looking_ann(open_door: Door) -> Writer:
    """Ann at a desk that many tests share: nothing she does there changes anything."""
    return Writer(open_door, "ann")


@pytest.fixture
def looking_bob(open_door: Door) -> Writer:
    return Writer(open_door, "bob")


def test_a_writer_begins_saves_and_publishes_and_the_visitor_reads(ann):
    id = ann.new()
    assert ann.press("save", id, title="Tea & time", body="It *steeps*.").status == 303
    assert ann.door.get("/posts/tea-time").status == 404
    assert ann.press("publish", id).status == 303
    page = ann.door.get("/posts/tea-time")
    assert page.status == 200
    assert "<em>steeps</em>" in page.text


def test_publish_takes_along_what_was_typed_but_not_saved(ann):
    id = ann.new()
    ann.press("publish", id, title="At once", body="Typed just now.")
    assert "Typed just now." in ann.door.get("/posts/at-once").text


def test_a_draft_that_was_left_empty_is_taken_up_before_another_is_begun(ann, monkeypatch):
    id, page = ann.new(), ann.new("page")
    assert len({ann.new(), id, page}) == 3
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(writing, "now", lambda: later)
    ann.press("save", id, title="No longer empty")
    assert ann.new() != id
    assert ann.new("page") == page


def test_half_a_sentence_saved_in_a_live_post_is_seen_nowhere_until_it_is_published(ann):
    live = ann.door.cast.ann_live
    assert ann.press("save", live.id, body="A zanzibarian half a sen").status == 303
    places = ("/", live.path, "/feed.atom", "/search?q=zanzibarian", "/tags/python", "/sitemap.xml")
    for place in places:
        assert "zanzibarian half" not in ann.door.get(place).text
    ann.press("publish", live.id)
    assert "zanzibarian half" in ann.door.get(live.path).text


def test_update_says_so_and_a_post_without_a_change_is_not_published_anew(ann):
    live = ann.door.cast.ann_live
    before = ann.row(live.id).live_revision_id
    ann.press("publish", live.id)
    assert ann.row(live.id).live_revision_id == before
    answer = ann.press("publish", live.id, body="Another text.")
    assert ann.row(live.id).live_revision_id != before
    assert "Updated" in told_after(ann, answer)


def told_after(writer: Writer, answer: Answer) -> str:
    """The page after a redirect, with what it says of the act."""
    cookies = {**writer.cookies, **answer.cookies}
    return writer.door.get(answer.header("location"), cookies=cookies).text


def test_a_scheduled_post_waits_for_its_moment_in_the_time_zone_of_the_site(ann):
    id = ann.new()
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0, tzinfo=None)
    at = moment.isoformat(timespec="minutes")
    assert ann.press("schedule", id, title="Later", body="x", publish_at=at).status == 303
    post = ann.row(id)
    assert post.publish_at == moment.replace(tzinfo=UTC)
    assert ann.door.get("/posts/later").status == 404
    assert "Scheduled" in ann.get("/control-panel?state=scheduled").text


@pytest.mark.parametrize("at", ["", "2020-01-01T10:00", "tomorrow"])
def test_a_moment_that_cannot_be_is_told_beside_its_field(ann, at):
    id = ann.new()
    answer = ann.press("schedule", id, title="Later", body="kept as typed", publish_at=at)
    assert answer.status == 422
    assert 'id="f-publish_at-fault"' in answer.text
    assert "kept as typed" in answer.text


def test_an_unscheduled_post_is_a_draft_again(ann):
    id = ann.door.cast.ann_scheduled.id
    assert ann.press("unpublish", id).status == 303
    assert ann.row(id).state(datetime.now(UTC)) == "draft"


def test_an_unpublished_post_is_gone_for_readers_and_keeps_its_date(ann):
    live = ann.door.cast.ann_live
    before = ann.row(live.id).publish_at
    ann.press("unpublish", live.id, body="and what was typed is kept")
    assert ann.door.get(live.path).status == 404
    assert ann.row(live.id).body == "and what was typed is kept"
    ann.press("publish", live.id)
    assert ann.door.get(live.path).status == 200
    assert ann.row(live.id).publish_at == before


def test_a_trashed_post_is_restored_without_going_public(ann):
    live = ann.door.cast.ann_live
    ann.press("trash", live.id)
    assert ann.door.get(live.path).status == 404
    ann.post(f"/control-panel/posts/{live.id}/restore")
    assert ann.door.get(live.path).status == 404
    assert ann.row(live.id).trashed_at is None


def test_only_from_the_trash_is_a_post_deleted_for_good_and_it_is_asked_again(ann):
    id, live = ann.door.cast.ann_trashed.id, ann.door.cast.ann_live.id
    assert ann.get(f"/control-panel/posts/{live}/delete").status == 404
    assert ann.post(f"/control-panel/posts/{live}/delete").status == 422
    assert "cannot be undone" in ann.get(f"/control-panel/posts/{id}/delete").text
    assert ann.post(f"/control-panel/posts/{id}/delete").status == 303
    assert ann.get(f"/control-panel/posts/{id}").status == 404


def test_two_who_save_the_same_post_are_told_and_nothing_is_lost(ann, eve):
    id = ann.door.cast.ann_draft.id
    mine = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    answer = ann.post(f"/control-panel/posts/{id}/save", {**mine, "body": "Ann's words"})
    assert answer.status == 409
    for words in ("Ann&#39;s words", "Eve&#39;s words"):
        assert words in answer.text
    assert ann.row(id).body == "Eve's words"


def test_after_a_conflict_one_may_save_over_it_and_the_other_text_becomes_a_revision(ann, eve):
    id = ann.door.cast.ann_draft.id
    mine = ann.sheet(id)
    eve.press("save", id, body="Eve's words")
    over = {**mine, "body": "Ann's words", "over": str(ann.row(id).version)}
    assert ann.post(f"/control-panel/posts/{id}/save", over).status == 303
    assert ann.row(id).body == "Ann's words"
    assert "Eve's words" in revisions(ann, id)


def test_a_third_save_in_between_is_a_conflict_again(ann, eve):
    id = ann.door.cast.ann_draft.id
    mine = ann.sheet(id)
    eve.press("save", id, body="one")
    seen = ann.row(id).version
    eve.press("save", id, body="two")
    over = {**mine, "body": "mine", "over": str(seen)}
    assert ann.post(f"/control-panel/posts/{id}/save", over).status == 409


def test_a_form_sent_twice_is_saved_once_and_is_no_conflict(ann):
    id = ann.door.cast.ann_draft.id
    form = {**ann.sheet(id), "body": "Pressed twice"}
    first = ann.post(f"/control-panel/posts/{id}/save", form)
    version = ann.row(id).version
    second = ann.post(f"/control-panel/posts/{id}/save", form)
    assert (first.status, second.status) == (303, 303)
    assert ann.row(id).version == version


ACTS = ("save", "publish", "schedule", "preview", "unpublish", "trash", "restore", "delete")


@pytest.mark.parametrize("act", ACTS)
def test_an_author_finds_nothing_where_another_writes(looking_bob, act):
    id = looking_bob.door.cast.ann_draft.id
    form = {"title": "Mine now", "body": "x", "language": "en", "version": "2"}
    assert looking_bob.post(f"/control-panel/posts/{id}/{act}", form).status == 404
    assert looking_bob.post(f"/control-panel/posts/{id}/{act}").status in (404, 422)
    assert looking_bob.row(id).title == looking_bob.door.cast.ann_draft.title


@pytest.mark.parametrize("page", ["", "/revisions", "/revisions/1", "/delete"])
def test_an_author_cannot_look_at_the_working_copy_of_another(looking_bob, page):
    assert (
        looking_bob.get(f"/control-panel/posts/{looking_bob.door.cast.ann_draft.id}{page}").status
        == 404
    )


def test_an_editor_may_write_in_every_post(eve):
    id = eve.door.cast.bob_draft.id
    assert eve.press("publish", id, body="With a comma less.").status == 303
    assert eve.door.get(eve.door.cast.bob_draft.path).status == 200


def test_the_desk_shows_one_s_own_posts_and_an_editor_may_see_everybody_s(ann, eve):
    page = ann.get("/control-panel").text
    assert ann.door.cast.ann_live.title in page
    assert ann.door.cast.bob_live.title not in page
    assert ann.get("/control-panel?whose=all").status == 404
    assert ann.door.cast.bob_live.title in eve.get("/control-panel?whose=all").text


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
        assert (looking_ann.door.cast.posts[other].title in page) is (other == name)


def test_a_post_is_found_by_words_of_its_title(looking_ann):
    page = looking_ann.get("/control-panel?title=MARMA").text
    assert looking_ann.door.cast.ann_live.title in page
    assert looking_ann.door.cast.ann_draft.title not in page
    assert "No title has these words" in looking_ann.get("/control-panel?title=100%25").text


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
    assert eve.door.get("/imprint").status == 200
    assert "Imprint" in eve.get("/control-panel?kind=page").text
    assert "Imprint" not in eve.get("/control-panel").text


def test_a_chinese_title_becomes_a_pinyin_slug(ann):
    id = ann.new()
    ann.press("publish", id, title="阻塞的艺术", body="正文。", language="zh")
    assert ann.door.get("/posts/zu-se-de-yi-shu").status == 200


def test_the_slug_follows_the_title_until_the_post_is_public_then_it_stays(ann):
    id = ann.new()
    ann.press("save", id, title="First though", body="x")
    assert 'placeholder="first-though"' in ann.get(f"/control-panel/posts/{id}").text
    ann.press("publish", id, title="First thought")
    ann.press("publish", id, title="Second thought", body="y")
    assert ann.door.get("/posts/first-thought").status == 200
    assert ann.door.get("/posts/second-thought").status == 404


def test_the_same_title_gets_a_number_and_a_typed_slug_that_is_taken_a_sentence(ann):
    one = ann.new()
    ann.press("save", one, title="Twice", body="x")
    two = ann.new()
    ann.press("save", two, title="Twice", body="x")
    assert ann.row(two).slug == "twice-2"
    answer = ann.press("save", two, title="Twice", slug="twice", body="Every word of it")
    assert answer.status == 422
    assert "The address /posts/twice is taken." in answer.text
    assert "Every word of it" in answer.text


def test_a_new_slug_of_a_public_post_leaves_a_redirect_behind(ann):
    live = ann.door.cast.ann_live
    ann.press("publish", live.id, slug="jam")
    assert ann.door.get(live.path).status == 301
    assert ann.door.get("/posts/jam").status == 200


FAULTS: dict[str, tuple[str, Any]] = {
    "title": ("title", "x" * 301),
    "summary": ("summary", "x" * 2001),
    "language": ("language", "tlh"),
    "slug": ("slug", "a/b"),
    "cover": ("cover", "javascript:alert(1)"),
    "body": ("body", "x" * 500_001),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows_the_form_again_with_its_sentence_and_all_that_was_typed(looking_ann, fault):
    name, value = FAULTS[fault]
    answer = looking_ann.press(
        "save", looking_ann.door.cast.ann_draft.id, **{"tags": "kept, tags", name: value}
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


def test_an_empty_submission_wipes_nothing(looking_ann):
    id = looking_ann.door.cast.ann_draft.id
    before = looking_ann.row(id).body
    assert looking_ann.post(f"/control-panel/posts/{id}/save", {}).status == 422
    assert looking_ann.row(id).body == before


def test_two_authors_stand_under_the_post_in_their_order(ann, bob):
    id = ann.new()
    both = [str(bob.user.id), str(ann.user.id)]
    ann.press("publish", id, title="Together", body="x", authors=both)
    page = ann.door.get("/posts/together").text
    assert page.index(bob.user.display_name) < page.index(ann.user.display_name)
    assert bob.get(f"/control-panel/posts/{id}").status == 200


def test_an_unlisted_post_is_read_by_its_address_only(ann):
    id = ann.new()
    form = {**ann.sheet(id), "title": "Hush", "body": "x"}
    form.pop("is_listed")
    ann.post(f"/control-panel/posts/{id}/publish", form)
    assert ann.door.get("/posts/hush").status == 200
    assert "Hush" not in ann.door.get("/").text


def test_preview_saves_and_opens_the_private_page(ann):
    id = ann.door.cast.ann_live.id
    answer = ann.press("preview", id, body="A *xylophonic* preview")
    assert answer.status == 303
    page = ann.door.get(answer.header("location"))
    assert "<em>xylophonic</em>" in page.text
    assert "xylophonic" not in ann.door.get(ann.door.cast.ann_live.path).text


def test_a_script_saves_and_is_told_the_new_version_or_the_faults(ann):
    id = ann.door.cast.ann_draft.id
    json = (*cast.OURS.items(), ("accept", "application/json"))
    form = {**ann.sheet(id), "body": "By itself"}
    saved = ann.post(f"/control-panel/posts/{id}/save", form, headers=json)
    assert saved.status == 200
    assert f'"version":{ann.row(id).version}' in saved.text
    behind = ann.post(f"/control-panel/posts/{id}/save", {**form, "body": "late"}, headers=json)
    assert behind.status == 409
    assert "Somebody else" in behind.text


def revisions(writer: Writer, id: int) -> list[str]:
    found = writer.door.database.read_now(
        lambda session: session.query(Revision).filter(Revision.post_id == id).all()
    )
    return [revision.body for revision in found]


def test_an_earlier_text_is_looked_at_and_brought_back(ann):
    id = ann.door.cast.ann_live.id
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


def test_a_revision_of_another_post_is_not_found_under_this_one(looking_ann):
    others = looking_ann.row(looking_ann.door.cast.ann_edited.id).live_revision_id
    mine = looking_ann.door.cast.ann_live.id
    assert looking_ann.get(f"/control-panel/posts/{mine}/revisions/{others}").status == 404
    bring = f"/control-panel/posts/{mine}/revisions/{others}/bring-back"
    assert looking_ann.post(bring).status == 404


def test_every_page_of_the_desk_is_kept_nowhere(looking_ann):
    for page in ("", "/pictures", "/profile", "/password", "/sign-ins", "/posts/1"):
        assert looking_ann.get(f"/control-panel{page}").header("cache-control") == "no-store"


def test_a_text_that_takes_too_long_is_refused_beside_it(ann):
    id = ann.new()
    heavy = "| a |\n|---|\n" + "| " + "x |\n| " * 25_000
    answer = ann.press("publish", id, title="Heavy", body=heavy)
    assert answer.status == 422
    assert 'id="f-body-fault"' in answer.text


def test_the_desk_speaks_the_language_of_whoever_sits_at_it(ann):
    ann.post(
        "/control-panel/profile",
        {"display_name": "Ann", "email": "ann@ink.example", "language": "zh", "bio": ""},
    )
    assert '<html lang="zh">' in ann.get("/control-panel").text
    assert '<html lang="en">' in ann.door.get("/").text


def test_what_is_typed_over_after_ten_minutes_is_kept_first(ann, monkeypatch):
    id = ann.door.cast.ann_draft.id
    ann.press("save", id, body="Yesterday's words")
    later = datetime.now(UTC) + timedelta(minutes=11)
    monkeypatch.setattr(writing, "now", lambda: later)
    ann.press("save", id, body="Today's words")
    assert "Yesterday's words" in revisions(ann, id)


def test_history_is_newest_first(ann):
    id = ann.door.cast.ann_live.id
    ann.press("publish", id, body="Second edition")
    _, past = ann.door.database.read_now(history.history, id, by=ann.user)
    assert past[0].is_live
    assert past == sorted(past, key=lambda one: (one.created_at, one.id), reverse=True)
