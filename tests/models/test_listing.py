"""Lists of the admin area: keyset pagination, filters, orders, search, actions on many rows."""

import base64
import itertools
import json

import pytest
from sqlalchemy import select

from blog.models import listing
from blog.models.base import Refusal
from blog.models.listing import ListQuery, RowRefusal, for_each
from blog.models.posts import post_list, publishing
from blog.models.posts.post import Post


@pytest.fixture
def posts_in_pairs(database):
    """25 posts with pairs of equal titles, which only the key puts in order."""

    def add(session) -> None:
        session.add_all(Post(title=f"Pair {n // 2:02}", language="en") for n in range(25))

    database.transact_now(add)


def page(database, **asked):
    return database.read_now(post_list.posts.page, ListQuery(**asked))


def walk(database, **asked) -> list[list[int]]:
    """Return the ids on each page, from the first page to the last."""
    pages, after = [], ""
    while not pages or after:
        current = page(database, after=after, **asked)
        pages.append([row.id for row in current.rows])
        after = current.after
    return pages


@pytest.mark.parametrize("sort", ["title", "-title", "date", "-date"])
def test_every_row_is_on_one_page_and_in_order(database, posts_in_pairs, sort):
    pages = walk(database, sort=sort, size=4)
    all_ids = [row.id for row in page(database, sort=sort, size=100).rows]
    assert [len(ids) for ids in pages] == [4] * 6 + [1]
    assert list(itertools.chain(*pages)) == all_ids and len(set(all_ids)) == 25


@pytest.mark.parametrize("sort", ["title", "-date"])
def test_paging_backwards_shows_the_same_pages(database, posts_in_pairs, sort):
    forwards = walk(database, sort=sort, size=4)
    third = page(database, sort=sort, size=4, after=page(database, sort=sort, size=4).after)
    assert [row.id for row in third.rows] == forwards[1]
    backwards = page(database, sort=sort, size=4, before=third.before)
    assert [row.id for row in backwards.rows] == forwards[0]
    assert backwards.before == "" and backwards.after


def test_a_row_added_meanwhile_does_not_shift_rows_between_pages(database, posts_in_pairs):
    first = page(database, sort="title", size=4)
    database.transact_now(lambda session: session.add(Post(title="A first", language="en")))
    second = page(database, sort="title", size=4, after=first.after)
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}


def test_a_cursor_without_rows_beyond_it_shows_the_first_page(database, posts_in_pairs):
    last_ids = walk(database, sort="title", size=4)[-1]
    last_page = page(database, sort="title", size=24).after

    def delete_last(session) -> None:
        for post in session.scalars(select(Post).where(Post.id.in_(last_ids))):
            session.delete(post)

    database.transact_now(delete_last)
    shown = page(database, sort="title", size=24, after=last_page)
    assert len(shown.rows) == 24 and shown.before == ""


MOMENT = "2026-01-01T00:00:00+00:00"


def cursor(value, key) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, key]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "nonsense",
    [
        *("x", "é", "W10", cursor("x", 1), cursor(None, 1), cursor(1, 1), cursor([], 1)),
        *(cursor("2026", 1), cursor("2026-01-01T00:00:00", 1), cursor(MOMENT, "1")),
        *(cursor(MOMENT, True), cursor(MOMENT, 2**40)),
    ],
)
def test_an_invalid_cursor_is_not_found(database, nonsense):
    with pytest.raises(LookupError):
        page(database, sort="date", after=nonsense)


@pytest.mark.parametrize("title", ["a\x00b", "\ud800"])
def test_a_cursor_with_text_that_no_database_can_store_is_not_found(database, title):
    with pytest.raises(LookupError):
        page(database, sort="title", after=cursor(title, 1))


@pytest.mark.parametrize(
    "asked", [{"filters": {"state": "x"}}, {"filters": {"body": "x"}}, {"sort": "body"}]
)
def test_undeclared_filters_values_and_orders_are_not_found(database, asked):
    with pytest.raises(LookupError):
        page(database, **asked)


def test_rows_are_counted_only_up_to_a_limit(database, posts_in_pairs, monkeypatch):
    monkeypatch.setattr(listing, "MOST_COUNTED", 10)
    shown = page(database)
    assert (shown.total, shown.is_more) == (10, True)
    assert page(database, words="pair 01").total == 2
    assert post_list.posts.count  # tabs count with the same filters
    assert database.read_now(post_list.posts.count, state="draft") == 11


def test_search_matches_each_word_separately_and_literally(database, world):
    def titles(words: str) -> set[str]:
        return {row.title for row in page(database, words=words).rows}

    assert titles("MORNING umber") == {"A umberlike morning"}
    assert titles("100%") == titles("a_a") == set()


# --- actions on several rows ---


def test_an_action_on_several_rows_changes_all_or_none(database, world):
    ids = [world.ann_live.id, world.ann_draft.id]
    with pytest.raises(RowRefusal) as raised:
        database.transact_now(for_each(publishing.unpublish), ids, by=world.eve)
    assert raised.value.id == world.ann_draft.id
    live = page(database, filters={"state": "live"})
    assert world.ann_live.id in {row.id for row in live.rows}


def test_an_action_skips_missing_rows_and_returns_the_number_changed(database, world):
    ids = [world.ann_live.id, 9999, world.bob_draft.id]
    assert database.transact_now(for_each(publishing.trash), ids, by=world.eve) == 2


def test_an_action_skips_rows_that_the_user_may_not_change(database, world):
    assert database.transact_now(for_each(publishing.trash), [world.bob_live.id], by=world.ann) == 0


def test_an_action_on_many_rows_keeps_the_name_of_its_function():
    assert for_each(publishing.trash).__name__ == "trash"
    with pytest.raises(Refusal):
        raise RowRefusal(Refusal("No."), 7)
