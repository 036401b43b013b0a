"""What the desk asks the database, on both of them."""

from datetime import timedelta

import pytest

from blog.db import Database
from blog.models.base import now
from blog.models.posts import dashboard, editing, revisions
from blog.models.posts.dashboard import STATES, Desk
from blog.models.uploads import upload
from blog.models.users import signin
from blog.models.users.user import User
from tests.support import cast
from tests.support.cast import Cast


@pytest.fixture
def people(world: Cast) -> Cast:
    return world


def shown(database: Database, by: User, **chosen: object) -> Desk:
    plain = {"kind": "post", "state": "all", "whose": "mine", "title": "", "page": 1}
    return database.read_now(dashboard.desk, by=by, **{**plain, **chosen})


def test_every_post_stands_in_the_list_of_its_state_and_is_counted_there(database, people):
    for state in STATES:
        found = shown(database, people.eve, state=state, whose="all")
        assert found.counts[state] == len(found.rows)
        assert state == "all" or {row.state for row in found.rows} == {state}


def test_the_states_together_are_everything(database, people):
    counts = shown(database, people.eve, whose="all").counts
    assert counts["all"] == sum(counts[state] for state in STATES[1:-1])


def test_scheduled_posts_stand_in_the_order_in_which_they_will_appear(database, people):
    rows = shown(database, people.eve, state="scheduled", whose="all").rows
    assert [row.publish_at for row in rows] == sorted(row.publish_at for row in rows)


def test_everybody_s_is_for_an_author_what_they_may_touch(database, people):
    mine, all_ = shown(database, people.ann), shown(database, people.ann, whose="all")
    assert mine.rows == all_.rows


def test_a_title_is_found_in_any_case_and_its_signs_mean_themselves(database, people):
    assert shown(database, people.bob, title="青花").total == 1
    assert shown(database, people.bob, title="CELADONIC").total == 1
    assert shown(database, people.bob, title="%").total == 0


def test_what_was_typed_since_it_was_published_is_marked(database, people):
    rows = {row.id: row for row in shown(database, people.ann).rows}
    assert rows[people.ann_edited.id].is_edited
    assert not rows[people.ann_live.id].is_edited


def test_only_what_readers_can_see_has_an_address_to_view(database, people):
    for row in shown(database, people.ann).rows:
        assert bool(row.href) is (row.state == "live")


def test_the_edit_page_offers_the_authors_first_and_nobody_disabled(database, people):
    sheet = database.read_now(dashboard.sheet, people.bob_live.id, by=people.eve)
    names = [person.name for person in sheet.people]
    assert names[0] == "bob"
    assert set(names) == {"ann", "bob", "eve", "kim", "lee"}


def test_pictures_are_one_s_own_and_an_editor_sees_all(database, people):
    facts = {"width": 4, "height": 3, "size": 99, "type": "image/png"}
    name = f"ab/ab{'0' * 30}.png"
    database.transact_now(upload.note, name=name, original="x.png", by=people.ann, **facts)
    seen = {
        who: database.read_now(dashboard.album, by=people.people[who], page=1).total
        for who in ("ann", "bob", "eve")
    }
    assert seen == {"ann": 1, "bob": 0, "eve": 1}
    assert database.read_now(upload.sizes, f"![](/media/{name})", {}) == {f"/media/{name}": (4, 3)}
    assert database.read_now(upload.sizes, "![](x.png)", {"x.png": f"/media/{name}"})


def test_a_page_of_a_list_that_is_not_there_is_not_found(database, people):
    with pytest.raises(LookupError):
        shown(database, people.ann, page=2)
    with pytest.raises(LookupError):
        database.read_now(dashboard.album, by=people.ann, page=2)


def test_bringing_a_revision_back_keeps_what_it_replaces(database, people):
    id = people.ann_edited.id
    post, past = database.read_now(revisions.history, id, by=people.ann)
    live = next(one for one in past if one.is_live)
    database.transact_now(revisions.restore_revision, id, live.id, by=people.ann)
    after = database.read_now(editing.load, id, by=people.ann)
    assert cast.HALF_TYPED in post.body and cast.HALF_TYPED not in after.body
    _, later = database.read_now(revisions.history, id, by=people.ann)
    assert len(later) == len(past) + 1
    assert after.version == post.version + 1


def test_a_draft_that_was_left_empty_is_taken_up_again_only_by_who_left_it(
    database, people, monkeypatch
):
    left = database.transact_now(editing.start, "post", "en", by=people.ann)
    assert database.transact_now(editing.start, "post", "en", by=people.ann) != left
    later = now() + timedelta(hours=2)
    monkeypatch.setattr(editing, "now", lambda: later)
    assert database.transact_now(editing.start, "post", "en", by=people.bob) != left
    assert database.transact_now(editing.start, "page", "en", by=people.ann) != left
    assert database.transact_now(editing.start, "post", "en", by=people.ann) == left


def test_the_signed_in_browsers_of_a_list_are_one_s_own(database, people):
    cast.sign_in(database, people.ann)
    cast.sign_in(database, people.bob)
    rows = database.read_now(signin.mine, by=people.ann)
    assert {row.user_id for row in rows} == {people.ann.id}
