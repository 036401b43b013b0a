"""Lists of the office: pages by key, filters, orders, words; and acts on many rows at once."""

import base64
import itertools
import json

import pytest
from sqlalchemy import select

from blog.models import listing
from blog.models.base import Refusal
from blog.models.listing import ListQuery, RowRefusal, each
from blog.models.posts import post_list, publishing
from blog.models.posts.post import Post


@pytest.fixture
def many(database):
    """Posts whose titles are alike in pairs, so that only the key tells them apart."""

    def add(session) -> None:
        session.add_all(Post(title=f"Pair {n // 2:02}", language="en") for n in range(25))

    database.transact_now(add)


def page(database, **asked):
    return database.read_now(post_list.posts.page, ListQuery(**asked))


def walk(database, **asked) -> list[list[int]]:
    """The ids on every page, from the first to the last."""
    pages, after = [], ""
    while not pages or after:
        found = page(database, after=after, **asked)
        pages.append([row.id for row in found.rows])
        after = found.after
    return pages


@pytest.mark.parametrize("sort", ["title", "-title", "date", "-date"])
def test_every_row_is_on_one_page_and_in_order(database, many, sort):
    pages = walk(database, sort=sort, size=4)
    everything = [row.id for row in page(database, sort=sort, size=100).rows]
    assert [len(ids) for ids in pages] == [4] * 6 + [1]
    assert list(itertools.chain(*pages)) == everything and len(set(everything)) == 25


@pytest.mark.parametrize("sort", ["title", "-date"])
def test_the_way_back_shows_the_same_pages(database, many, sort):
    forth = walk(database, sort=sort, size=4)
    third = page(database, sort=sort, size=4, after=page(database, sort=sort, size=4).after)
    assert [row.id for row in third.rows] == forth[1]
    back = page(database, sort=sort, size=4, before=third.before)
    assert [row.id for row in back.rows] == forth[0]
    assert back.before == "" and back.after


def test_a_row_that_comes_in_meanwhile_pushes_none_onto_another_page(database, many):
    first = page(database, sort="title", size=4)
    database.transact_now(lambda session: session.add(Post(title="A first", language="en")))
    second = page(database, sort="title", size=4, after=first.after)
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}


def test_a_place_whose_rows_are_gone_shows_the_first_page(database, many):
    last = walk(database, sort="title", size=4)[-1]
    place = page(database, sort="title", size=24).after

    def empty(session) -> None:
        for post in session.scalars(select(Post).where(Post.id.in_(last))):
            session.delete(post)

    database.transact_now(empty)
    found = page(database, sort="title", size=24, after=place)
    assert len(found.rows) == 24 and found.before == ""


MOMENT = "2026-01-01T00:00:00+00:00"


def place(value, key) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, key]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "nonsense",
    [
        *("x", "é", "W10", place("x", 1), place(None, 1), place(1, 1), place([], 1)),
        *(place("2026", 1), place("2026-01-01T00:00:00", 1), place(MOMENT, "1")),
        *(place(MOMENT, True), place(MOMENT, 2**40)),
    ],
)
def test_a_place_that_no_list_has_named_is_not_found(database, nonsense):
    with pytest.raises(LookupError):
        page(database, sort="date", after=nonsense)


@pytest.mark.parametrize("title", ["a\x00b", "\ud800"])
def test_a_text_that_no_database_holds_is_no_place(database, title):
    with pytest.raises(LookupError):
        page(database, sort="title", after=place(title, 1))


@pytest.mark.parametrize(
    "asked", [{"filters": {"state": "x"}}, {"filters": {"body": "x"}}, {"sort": "body"}]
)
def test_only_what_is_declared_can_be_asked(database, asked):
    with pytest.raises(LookupError):
        page(database, **asked)


def test_the_number_is_counted_only_so_far(database, many, monkeypatch):
    monkeypatch.setattr(listing, "MOST_COUNTED", 10)
    found = page(database)
    assert (found.total, found.is_more) == (10, True)
    assert page(database, words="pair 01").total == 2
    assert post_list.posts.count  # tabs count with the same filters
    assert database.read_now(post_list.posts.count, state="draft") == 11


def test_words_are_looked_for_one_by_one_and_literally(database, world):
    def titles(words: str) -> set[str]:
        return {row.title for row in page(database, words=words).rows}

    assert titles("MORNING umber") == {"A umberlike morning"}
    assert titles("100%") == titles("a_a") == set()


# --- acts on several rows ---


def test_an_act_on_several_rows_is_whole(database, world):
    ids = [world.ann_live.id, world.ann_draft.id]
    with pytest.raises(RowRefusal) as told:
        database.transact_now(each(publishing.unpublish), ids, by=world.eve)
    assert told.value.id == world.ann_draft.id
    live = page(database, filters={"state": "live"})
    assert world.ann_live.id in {row.id for row in live.rows}


def test_an_act_passes_over_what_is_gone_and_counts_what_was_there(database, world):
    ids = [world.ann_live.id, 9999, world.bob_draft.id]
    assert database.transact_now(each(publishing.trash), ids, by=world.eve) == 2


def test_an_act_finds_only_what_its_doer_may_touch(database, world):
    assert database.transact_now(each(publishing.trash), [world.bob_live.id], by=world.ann) == 0


def test_an_act_on_many_rows_bears_the_name_of_its_verb_in_the_audit():
    assert each(publishing.trash).__name__ == "trash"
    with pytest.raises(Refusal):
        raise RowRefusal(Refusal("No."), 7)
