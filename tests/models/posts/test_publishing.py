"""Editing, publishing, unpublishing, trashing and deleting posts, on SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from blog.db import Database
from blog.markup import render
from blog.models.base import Refusal, now
from blog.models.posts import editing, publishing
from blog.models.posts.editing import Conflict, WorkingCopy
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public import post_page
from blog.models.public.cards import PostPage
from blog.models.users import setup, user
from blog.models.users.user import User


@pytest.fixture
def kim(database: Database) -> User:
    id = database.transact_now(
        setup.set_up,
        title="A blog",
        address="http://127.0.0.1:8000",
        language="en",
        timezone="Asia/Shanghai",
        name="Kim",
        email="kim@example.org",
        password_hash="x",
    )
    return database.read_now(lambda session: session.get_one(User, id))


@pytest.fixture
def ann(database: Database) -> User:
    return database.transact_now(
        user.create_user,
        name="ann",
        display_name="Ann",
        email="ann@example.org",
        role="author",
        password_hash="x",
    )


def draft(database: Database, by: User, **copy: object) -> int:
    """Save a new post with these fields and return its id."""
    id = database.transact_now(editing.start, "post", "en", by=by)
    database.transact_now(editing.save, id, WorkingCopy(**copy), by=by)  # type: ignore[arg-type]  # fields by name
    return id


def load(database: Database, id: int, by: User) -> Post:
    """Return a post as `by` loads it for editing."""
    return database.read_now(editing.load, id, by=by)


def publish(database: Database, id: int, by: User, **options: object) -> Post:
    """Publish the current version of a post."""
    post = load(database, id, by)
    database.transact_now(publishing.publish, id, render(post.body), post.version, by=by, **options)
    return load(database, id, by)


def edit(database: Database, id: int, by: User, **changes: object) -> int:
    """Save a post with some fields changed and return its new version."""
    post = load(database, id, by)
    copy = {name: getattr(post, name) for name in ("title", "slug", "body", "tags", "version")}
    return database.transact_now(editing.save, id, WorkingCopy(**{**copy, **changes}), by=by)


def text_at(database: Database, path: str) -> str:
    """Return the HTML of the post at an address."""
    return page_at(database, path).body_html


def page_at(database: Database, path: str) -> PostPage:
    """Return the post at an address, which must show one."""
    page = database.read_now(post_page.at, path)
    assert isinstance(page, PostPage), f"{path} shows {page}"
    return page


def test_changes_to_a_live_post_are_not_public_until_it_is_published_again(database, kim):
    id = draft(database, kim, title="Tea", body="Whole.")
    publish(database, id, kim)
    edit(database, id, kim, title="Coffee", body="Half a sen", tags="new")
    page = page_at(database, "/posts/tea")
    assert (page.card.title, page.card.tags) == ("Tea", ())
    assert "Half" not in page.body_html
    publish(database, id, kim)
    assert "Half a sen" in text_at(database, "/posts/tea")


def test_a_chinese_title_becomes_a_pinyin_slug(database, kim):
    id = draft(database, kim, title="异步与阻塞", body="x")
    assert load(database, id, kim).slug == "yi-bu-yu-zu-se"


def test_posts_with_the_same_title_get_numbered_slugs(database, kim):
    slugs = [load(database, draft(database, kim, title="Tea", body="x"), kim).slug for _ in "123"]
    assert slugs == ["tea", "tea-2", "tea-3"]


def test_twenty_concurrent_drafts_with_one_title_get_twenty_slugs(database, kim):
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: draft(database, kim, title="Race", body="x"), range(20)))
    assert len({load(database, id, kim).slug for id in ids}) == 20


def test_a_typed_slug_that_is_taken_is_refused_with_a_message(database, kim):
    draft(database, kim, title="Tea", body="x")
    with pytest.raises(Refusal, match="is already in use") as refused:
        draft(database, kim, title="Other", slug="tea", body="x")
    assert refused.value.field == "slug"


def test_a_page_cannot_take_a_reserved_address(database, kim):
    id = database.transact_now(editing.start, "page", "en", by=kim)
    with pytest.raises(Refusal, match="is reserved for the blog itself"):
        database.transact_now(
            editing.save, id, WorkingCopy(title="x", slug="Admin", body="x"), by=kim
        )


def test_a_new_slug_leaves_a_redirect_behind(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    publish(database, id, kim)
    edit(database, id, kim, slug="chai")
    assert database.read_now(post_page.at, "/posts/chai") is None
    publish(database, id, kim)
    assert database.read_now(post_page.at, "/posts/tea") == "/posts/chai"
    assert page_at(database, "/posts/chai").card.id == id


def test_saving_an_outdated_version_raises_a_conflict_and_overwrites_nothing(database, kim):
    id = draft(database, kim, title="Tea", body="mine")
    with pytest.raises(Conflict):
        database.transact_now(
            editing.save, id, WorkingCopy(title="Tea", body="theirs", version=1), by=kim
        )
    assert load(database, id, kim).body == "mine"


def test_saving_without_a_change_keeps_the_version(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    version = load(database, id, kim).version
    assert edit(database, id, kim) == version


def test_text_rendered_from_an_older_version_is_not_published(database, kim):
    id = draft(database, kim, title="Tea", body="old")
    with pytest.raises(Conflict):
        database.transact_now(publishing.publish, id, render("old"), 1, by=kim)


@pytest.mark.parametrize(("title", "body"), [("", "text"), ("Title", "  ")])
def test_an_empty_post_is_not_published(database, kim, title, body):
    id = draft(database, kim, title=title, body=body)
    with pytest.raises(Refusal):
        publish(database, id, kim)


def test_an_author_cannot_load_or_trash_a_post_of_somebody_else(database, kim, ann):
    id = draft(database, kim, title="Tea", body="x")
    with pytest.raises(LookupError):
        load(database, id, ann)
    with pytest.raises(LookupError):
        database.transact_now(publishing.trash, id, by=ann)


def test_an_author_cannot_remove_themselves_from_a_post(database, kim, ann):
    id = draft(database, ann, title="Tea", body="x")
    edit(database, id, ann, authors=[kim.id])
    assert [link.user_id for link in load(database, id, ann).author_links] == [ann.id, kim.id]


def test_a_scheduled_post_is_not_live_before_its_time(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    moment = now() + timedelta(hours=1)
    publish(database, id, kim, at=moment)
    assert database.read_now(post_page.at, "/posts/tea") is None
    assert load(database, id, kim).is_live(moment)


def test_a_post_cannot_be_scheduled_in_the_past(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    with pytest.raises(Refusal, match="future"):
        publish(database, id, kim, at=now() - timedelta(minutes=1))


def test_unpublishing_and_publishing_again_keep_the_date_of_publication(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    first = publish(database, id, kim).publish_at
    database.transact_now(publishing.unpublish, id, by=kim)
    assert load(database, id, kim).state(now()) == "withdrawn"
    assert publish(database, id, kim).publish_at == first


def test_a_post_restored_from_the_trash_is_not_public(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    publish(database, id, kim)
    database.transact_now(publishing.trash, id, by=kim)
    assert database.read_now(post_page.at, "/posts/tea") is None
    database.transact_now(publishing.restore, id, by=kim)
    assert database.read_now(post_page.at, "/posts/tea") is None


def test_only_a_post_in_the_trash_can_be_deleted_permanently(database, kim):
    id = draft(database, kim, title="Tea", body="x", tags="a, b")
    publish(database, id, kim)
    with pytest.raises(Refusal):
        database.transact_now(publishing.delete_permanently, id, by=kim)
    database.transact_now(publishing.trash, id, by=kim)
    database.transact_now(publishing.delete_permanently, id, by=kim)
    with pytest.raises(LookupError):
        load(database, id, kim)
    assert load(database, draft(database, kim, title="Tea", body="x"), kim).slug == "tea"


def test_saving_creates_a_revision_at_most_every_ten_minutes(database, kim, monkeypatch):
    id = draft(database, kim, title="Tea", body="1")
    edit(database, id, kim, body="2")
    assert count_revisions(database, id) == 1
    later = now() + timedelta(minutes=11)
    monkeypatch.setattr(editing, "now", lambda: later)
    edit(database, id, kim, body="3")
    assert count_revisions(database, id) == 2


def count_revisions(database: Database, id: int) -> int:
    return database.read_now(
        lambda session: session.query(Revision).filter(Revision.post_id == id).count()
    )


def test_hybrid_state_methods_agree_in_python_and_sql_also_when_negated(database, kim):
    moment = now()
    states = {}
    for name in ("draft", "live", "scheduled", "withdrawn", "trashed"):
        id = states[name] = draft(database, kim, title=name, body="x")
        if name != "draft":
            publish(
                database, id, kim, at=moment + timedelta(days=1) if name == "scheduled" else None
            )
    database.transact_now(publishing.unpublish, states["withdrawn"], by=kim)
    database.transact_now(publishing.trash, states["trashed"], by=kim)
    later = now()
    for id in states.values():
        post = load(database, id, kim)
        for rule in (Post.is_live(later), Post.is_scheduled(later), Post.is_trashed()):
            name = rule_name(rule, later)
            expected = getattr(post, name)(*([] if name == "is_trashed" else [later]))
            assert matches(database, id, rule) is expected
            assert matches(database, id, ~rule) is not expected
    for name, id in states.items():
        assert load(database, id, kim).state(later) == name


def rule_name(rule: object, moment: object) -> str:
    """Return the name of the method of `Post` that returned this SQL expression."""
    for name in ("is_live", "is_scheduled"):
        if str(rule) == str(getattr(Post, name)(moment)):
            return name
    return "is_trashed"


def matches(database: Database, id: int, rule: object) -> bool:
    return database.read_now(
        lambda session: session.query(Post).filter(Post.id == id, rule).count() == 1
    )


def test_the_language_is_detected_from_the_first_text_unless_the_writer_chose_one(database, kim):
    assert load(database, draft(database, kim, title="异步的茶", body="水"), kim).language == "zh"
    assert load(database, draft(database, kim, title="Tea", body="x"), kim).language == "en"
    id = draft(database, kim, title="茶", body="水", language="zh")
    edit(database, id, kim, body="All in English now.", language="zh")
    assert load(database, id, kim).language == "zh"


def test_a_post_needs_at_least_one_author(database, kim):
    id = draft(database, kim, title="Tea", body="x")
    with pytest.raises(Refusal, match="at least one author"):
        edit(database, id, kim, authors=[])
