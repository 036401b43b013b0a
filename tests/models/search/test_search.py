"""Which posts search finds, in which order, and that it finds only public ones."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.markup import render
from blog.models.base import now
from blog.models.posts import publishing
from blog.models.posts.post import PAGE, POST, Post
from blog.models.search import ranking, search
from blog.models.search.schema import entry
from blog.models.search.search import SearchResults
from blog.models.search.tokenizer import fold, pieces
from tests.support.odd_text import ODD, PURE


def plant(
    session: Session,
    title: str,
    text: str = "",
    tags: str = "",
    *,
    kind: str = POST,
    days: float = -1,
    is_listed: bool = True,
) -> int:
    """Publish a post with this plain text, `days` from now."""
    post = Post(kind=kind, title=title, body=text, tags=tags, language="en", is_listed=is_listed)
    post.publish_at = now() + timedelta(days=days)
    session.add(post)
    session.flush()
    publishing.make_live(session, post, render(text), by=None)
    return post.id


def find(database: Database, query: str, **page: int) -> SearchResults:
    """Search, and return one page of results."""
    return database.read_now(search.find, query, **page)


def titles(database: Database, query: str) -> list[str]:
    """Return the titles of posts that have every term of the query."""
    results = find(database, query)
    assert results.total == len(results.hits)
    return [] if results.loosened else [hit.title for hit in results.hits]


@pytest.fixture
def six_posts(database: Database) -> Iterator[Database]:
    """A blog with six posts, the oldest first."""
    posts = [
        ("Greenlets", "Switching by gevent, and the borrow checker. 同步阻塞。", "Python, Async"),
        ("Gevent at work", "A short text on 大异步编程 here.", "C++"),
        ("Loops", "gevents are many; " * 30, "gevent"),
        ("小程序", "Use C++ or C# and the ASP.NET way: 小程的程序。", "前端"),
        ("Checks", "The checker may borrow. Write C code, naïve ＷＳＧＩ, async-await.", "微信"),
        ("Long", f"{'word ' * 9000} needle haystack {'字词句 ' * 9000} 尾声到了", ""),
    ]
    for age, (title, text, tags) in enumerate(posts):
        database.transact_now(plant, title, text, tags, days=age - 100)
    yield database


EXPECTED = {
    "gevent": ["Gevent at work", "Loops", "Greenlets"],
    "gev": ["Gevent at work", "Loops", "Greenlets"],
    "gevents": ["Loops"],
    "borrow checker": ["Greenlets", "Checks"],
    '"borrow checker"': ["Greenlets"],
    "小程序": ["小程序"],
    "小程": ["小程序"],
    '"程序小"': [],
    "步": ["Gevent at work", "Greenlets"],
    "异步编程": ["Gevent at work"],
    "异 编": ["Gevent at work"],
    "阻塞": ["Greenlets"],
    "C++": ["Gevent at work", "小程序"],
    "c#": ["小程序"],
    "C": ["Checks"],
    ".NET": ["小程序"],
    "asp.net": ["小程序"],
    "async/await": ["Checks"],
    "await async": ["Checks"],
    '"await async"': [],
    "python async": ["Greenlets"],
    '"python async"': [],
    "wsgi NAIVE": ["Checks"],
    "微信": ["Checks"],
    "greenlets 同步": ["Greenlets"],
    "needle haystack": ["Long"],
    '"needle haystack"': ["Long"],
    "“尾声到了”": ["Long"],
    '"haystack word"': [],
    "%": [],
    "_": [],
    "' OR 1=1": [],
}


def test_words_and_phrases_are_found(six_posts: Database) -> None:
    assert {query: sorted(titles(six_posts, query)) for query in EXPECTED} == {
        query: sorted(expected) for query, expected in EXPECTED.items()
    }


def test_the_title_comes_before_tags_before_the_text(database: Database) -> None:
    for title, text, tags in (
        ("Body", "tornado " * 50, ""),
        ("Tagged", "Something else, at length. " * 100, "Tornado"),
        ("On Tornado", "Something else, at length. " * 100, ""),
        ("Tornado", "Something else, at length. " * 100, ""),
    ):
        database.transact_now(plant, title, text, tags)
    assert titles(database, "tornado") == ["Tornado", "On Tornado", "Tagged", "Body"]
    assert titles(database, "torn") == ["Tornado", "On Tornado", "Tagged", "Body"]


def test_a_complete_word_comes_before_longer_words_that_begin_with_it(database: Database) -> None:
    database.transact_now(plant, "Google and Gopher", "goes gone")
    database.transact_now(plant, "Another", "long before a go " + "x y z " * 300)
    assert titles(database, "go") == ["Another", "Google and Gopher"]


def test_equally_good_posts_are_ordered_newest_first(database: Database) -> None:
    for days in (-3, -1, -2):
        database.transact_now(plant, f"{-days} days", "equal words", days=days)
    assert titles(database, "equal") == ["1 days", "2 days", "3 days"]


def test_if_no_post_has_every_word_loosened_results_have_some(
    six_posts: Database,
) -> None:
    results = find(six_posts, "gevent zymurgy")
    assert results.loosened
    assert {hit.title for hit in results.hits} == {"Greenlets", "Gevent at work", "Loops"}
    rarest = find(six_posts, "异步的小程序")
    assert rarest.loosened
    assert rarest.hits[0].title_parts == [("小程序", True)]
    assert find(six_posts, "zymurgy") == SearchResults([], 0, "zymurgy")


def test_only_public_posts_are_found_by_their_published_text(database: Database) -> None:
    def all_states(session: Session) -> None:
        draft = Post(title="Draft cinnabar", body="cinnabar", language="en")
        session.add(draft)
        plant(session, "Scheduled cinnabar", "cinnabar", days=1)
        plant(session, "Unlisted cinnabar", "cinnabar", is_listed=False)
        trashed = session.get_one(Post, plant(session, "Trashed cinnabar", "cinnabar"))
        trashed.trashed_at = now()
        withdrawn = session.get_one(Post, plant(session, "Withdrawn cinnabar", "cinnabar"))
        withdrawn.withdraw_at = now()
        never = session.get_one(Post, plant(session, "Unpublished cinnabar", "cinnabar"))
        never.live_revision_id = None
        changed = plant(session, "Changed cinnabar", "cinnabar", "cinnabar")
        post = session.get_one(Post, changed)
        post.title, post.body, post.tags = "Another colour", "vermilion", ""
        publishing.make_live(session, post, render("vermilion"), by=None)
        post.title, post.body, post.tags = "Typed cinnabar", "cinnabar", "cinnabar"
        plant(session, "Live cinnabar", "cinnabar")
        plant(session, "A page of cinnabar", "cinnabar", kind=PAGE)

    database.transact_now(all_states)
    assert sorted(titles(database, "cinnabar")) == ["A page of cinnabar", "Live cinnabar"]
    assert titles(database, "vermilion") == ["Another colour"]


def test_a_hit_has_the_address_title_and_snippet_of_its_post(database: Database) -> None:
    id = database.transact_now(plant, "阻塞与异步", "事件循环一旦阻塞，就什么也做不了。", "Python")
    (hit,) = find(database, "阻塞").hits
    assert (hit.post_id, hit.kind, hit.language) == (id, POST, "en")
    assert hit.path.startswith("/posts/")
    assert hit.title_parts == [("阻塞", True), ("与异步", False)]
    assert ("阻塞", True) in hit.snippet
    assert "".join(text for text, _ in hit.snippet) == "事件循环一旦阻塞，就什么也做不了。"
    assert now() - hit.published_at >= timedelta(days=1)


def test_hits_come_in_pages(database: Database) -> None:
    for number in range(7):
        database.transact_now(plant, f"No. {number}", "paper", days=-number - 1)
    pages = [find(database, "paper", page=page, per_page=3) for page in (1, 2, 3)]
    assert [hit.title for page in pages for hit in page.hits] == [f"No. {n}" for n in range(7)]
    assert [(page.total, page.pages) for page in pages] == [(7, 3)] * 3
    assert find(database, "paper", page=10**30, per_page=3).hits == []
    assert find(database, "paper", page=10**30, per_page=3).total == 7
    assert find(database, "paper", page=-1, per_page=3).hits == pages[0].hits


def test_a_post_removed_from_the_index_is_not_found(database: Database) -> None:
    id = database.transact_now(plant, "Forget me", "not")
    assert titles(database, "forget me not") == ["Forget me"]
    database.transact_now(search.forget, id)
    assert titles(database, "forget me not") == []


@pytest.mark.slow
def test_any_text_can_be_indexed_and_any_query_searched(database: Database) -> None:
    """Includes whole scripts, syntax, and more distinct words than a tsvector can hold."""
    han = "".join(map(chr, range(0x4E00, 0x9FFF)))
    mixed = han + " ".join(f"w{number}x" for number in range(90_000)) + han[::-1]
    for text in (mixed, "\\ ' \" : & | ! ( ) * <-> %s :x ?", "x" * 5000, "á" * 500):
        id = database.transact_now(plant, "Odd", "odd")
        database.transact_now(search.index, id, title=text, tags=[text, text], text=text)
    for query in (
        '"',
        "'",
        "a:*b",
        "\\",
        "a & !b",
        "NOT",
        "title:x",
        "\0",
        "\ud800",
        "á",
        "x" * 80,
    ):
        find(database, query)
    assert find(database, "一丁丂").total == 1
    assert find(database, "x" * 70).total == 1


# All examples share one database; each example restores its state.
ON_ONE_DATABASE = settings(PURE, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_ONE_DATABASE
@given(query=ODD)
def test_no_query_fails(six_posts: Database, query: str) -> None:
    results = find(six_posts, query)
    assert len(results.hits) == results.total or results.total > 10


@ON_ONE_DATABASE
@given(text=st.text(st.sampled_from("ab異步编é c+#.net3\n"), min_size=1, max_size=40))
def test_every_word_of_a_text_finds_it(database: Database, text: str) -> None:
    id = database.transact_now(plant, "T", "b")
    database.transact_now(search.index, id, title="", tags=[], text=text)
    try:
        for piece in set(pieces(fold(text))) - {"."}:
            for query in (piece, f'"{piece}"'):
                results = find(database, query)
                assert id in {hit.post_id for hit in results.hits}, query
                assert not results.loosened
    finally:
        database.transact_now(search.forget, id)


def rebuild_all(database: Database) -> list[int]:
    """Rebuild the whole index and return the number of posts in each batch."""
    return list(iter(lambda: database.transact_now(search.rebuild), 0))


def test_the_index_is_rebuilt_in_batches_from_published_posts(
    six_posts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rebuild_all(six_posts) == []
    monkeypatch.setattr(search, "BATCH_SIZE", 4)
    six_posts.transact_now(lambda session: search.create(session.connection()))
    assert titles(six_posts, "gevent") == []
    assert rebuild_all(six_posts) == [4, 2]
    assert titles(six_posts, "gevent") == ["Gevent at work", "Loops", "Greenlets"]
    assert titles(six_posts, "微信") == ["Checks"]


def test_a_new_version_of_the_tokens_indexes_all_posts_again(
    six_posts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "VERSION", search.VERSION + 1)
    assert rebuild_all(six_posts) == [6]
    versions = six_posts.read_now(lambda session: session.scalars(select(entry.c.version)).all())
    assert set(versions) == {search.VERSION}
    assert sorted(titles(six_posts, "gevent")) == ["Gevent at work", "Greenlets", "Loops"]


def test_only_the_newest_posts_with_a_common_word_are_ranked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 3)
    for days in range(-9, 0):
        database.transact_now(plant, f"Common {-days}", "common", days=days)
    results = find(database, "common")
    assert (results.total, results.is_more) == (3, True)
    assert [hit.title for hit in results.hits] == ["Common 1", "Common 2", "Common 3"]


def test_old_posts_with_a_common_word_in_the_title_come_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 3)
    for days in range(-19, 0):
        title = {-15: "Commons", -12: "Of the common", -11: "Common"}.get(days, f"No. {-days}")
        database.transact_now(plant, title, "common", days=days)
    assert [hit.title for hit in find(database, "common").hits] == [
        "Common",
        "Of the common",
        "No. 1",
    ]
    assert [hit.title for hit in find(database, "commons").hits] == ["Commons"]
    assert not find(database, "commons").is_more


def test_the_newest_posts_are_those_published_last_not_added_last(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 2)
    for days in (-3, -1, -400, -2, -40):
        database.transact_now(plant, f"{-days} days", "common", days=days)
    assert [hit.title for hit in find(database, "common").hits] == ["1 days", "2 days"]


def test_among_too_many_loosened_results_posts_with_the_rarest_words_come_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 3)
    for days in range(-9, 0):
        words = {-8: "common scarce", -7: "common scarcer"}.get(days, "common")
        database.transact_now(plant, f"No. {-days}", words, days=days)
    results = find(database, "common scarce scarcer zymurgy")
    assert results.loosened and results.is_more
    assert [hit.title for hit in results.hits] == ["No. 7", "No. 8", "No. 1"]
