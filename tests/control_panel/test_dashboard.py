"""The queries behind the dashboard, on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from blog.db import Database
from blog.models.base import now
from blog.models.posts import dashboard, editing, revisions
from blog.models.posts.dashboard import STATES, DashboardPage
from blog.models.uploads import upload
from blog.models.users import signin
from blog.models.users.user import User
from tests.support import cast
from tests.support.cast import Cast


@pytest.fixture
def people(world: Cast) -> Cast:
    return world


def shown(database: Database, by: User, **chosen: object) -> DashboardPage:
    defaults = {"kind": "post", "state": "all", "whose": "mine", "title": "", "page": 1}
    return database.read_now(dashboard.list_posts, by=by, **{**defaults, **chosen})


def test_each_list_holds_and_counts_the_posts_in_its_state(database, people):
    for state in STATES:
        listing = shown(database, people.eve, state=state, whose="all")
        assert listing.counts[state] == len(listing.rows)
        assert state == "all" or {row.state for row in listing.rows} == {state}


def test_the_counts_of_the_states_add_up_to_all_posts(database, people):
    counts = shown(database, people.eve, whose="all").counts
    assert counts["all"] == sum(counts[state] for state in STATES[1:-1])


def test_scheduled_posts_are_listed_in_the_order_of_publication(database, people):
    rows = shown(database, people.eve, state="scheduled", whose="all").rows
    assert [row.publish_at for row in rows] == sorted(row.publish_at for row in rows)


def test_an_author_sees_only_editable_posts_in_everybodys_list(database, people):
    own, everybodys = shown(database, people.ann), shown(database, people.ann, whose="all")
    assert own.rows == everybodys.rows


def test_the_title_search_ignores_case_and_treats_wildcards_literally(database, people):
    assert shown(database, people.bob, title="青花").total == 1
    assert shown(database, people.bob, title="CELADONIC").total == 1
    assert shown(database, people.bob, title="%").total == 0


def test_posts_with_unpublished_changes_are_marked(database, people):
    rows = {row.id: row for row in shown(database, people.ann).rows}
    assert rows[people.ann_edited.id].is_edited
    assert not rows[people.ann_live.id].is_edited


def test_only_live_posts_have_a_view_link(database, people):
    for row in shown(database, people.ann).rows:
        assert bool(row.href) is (row.state == "live")


def test_the_edit_page_lists_authors_first_and_omits_disabled_accounts(database, people):
    editable = database.read_now(dashboard.load_editable, people.bob_live.id, by=people.eve)
    names = [person.name for person in editable.people]
    assert names[0] == "bob"
    assert set(names) == {"ann", "bob", "eve", "kim", "lee"}


def test_authors_see_their_own_pictures_and_editors_see_all(database, people):
    facts = {"width": 4, "height": 3, "size": 99, "type": "image/png"}
    name = f"ab/ab{'0' * 30}.png"
    database.transact_now(upload.record_upload, name=name, original="x.png", by=people.ann, **facts)
    totals = {
        name: database.read_now(dashboard.list_pictures, by=people.people[name], page=1).total
        for name in ("ann", "bob", "eve")
    }
    assert totals == {"ann": 1, "bob": 0, "eve": 1}
    assert database.read_now(upload.picture_sizes, f"![](/media/{name})", {}) == {
        f"/media/{name}": (4, 3)
    }
    assert database.read_now(upload.picture_sizes, "![](x.png)", {"x.png": f"/media/{name}"})


def test_a_page_number_past_the_end_raises_lookup_error(database, people):
    with pytest.raises(LookupError):
        shown(database, people.ann, page=2)
    with pytest.raises(LookupError):
        database.read_now(dashboard.list_pictures, by=people.ann, page=2)


def test_restoring_a_revision_keeps_the_replaced_text_as_a_revision(database, people):
    id = people.ann_edited.id
    post, past = database.read_now(revisions.history, id, by=people.ann)
    live = next(revision for revision in past if revision.is_live)
    database.transact_now(revisions.restore_revision, id, live.id, by=people.ann)
    after = database.read_now(editing.load, id, by=people.ann)
    assert cast.HALF_TYPED in post.body and cast.HALF_TYPED not in after.body
    _, later = database.read_now(revisions.history, id, by=people.ann)
    assert len(later) == len(past) + 1
    assert after.version == post.version + 1


def test_an_empty_draft_is_reused_only_by_its_own_author(database, people, monkeypatch):
    draft_id = database.transact_now(editing.start, "post", "en", by=people.ann)
    assert database.transact_now(editing.start, "post", "en", by=people.ann) != draft_id
    later = now() + timedelta(hours=2)
    monkeypatch.setattr(editing, "now", lambda: later)
    assert database.transact_now(editing.start, "post", "en", by=people.bob) != draft_id
    assert database.transact_now(editing.start, "page", "en", by=people.ann) != draft_id
    assert database.transact_now(editing.start, "post", "en", by=people.ann) == draft_id


def test_the_session_list_holds_only_ones_own_sessions(database, people):
    cast.sign_in(database, people.ann)
    cast.sign_in(database, people.bob)
    rows = database.read_now(signin.sessions_of, by=people.ann)
    assert {row.user_id for row in rows} == {people.ann.id}
