"""Tags in the admin area: renaming, merging and deleting, and redirects from old addresses."""

import pytest
from sqlalchemy import func, select, update

from blog.jobs import tasks
from blog.jobs.scheduler import JobContext
from blog.markup import render
from blog.models.addresses.address import Address
from blog.models.audit.change_log import Change
from blog.models.base import Refusal
from blog.models.listing import ListQuery
from blog.models.posts import editing, post_list, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.posts.revision import RevisionTag
from blog.models.public import archives
from blog.models.search import search
from blog.models.search.schema import entry
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag, find_or_create


def tag_id(database, slug: str) -> int:
    return database.read_now(lambda s: s.scalars(select(Tag.id).where(Tag.slug == slug)).one())


def posts_found(database, words: str) -> set[int]:
    return {hit.post_id for hit in database.read_now(search.find, words).hits}


def page_of(database, **asked) -> list[tuple[str, int]]:
    page = database.read_now(tag_admin.tags.page, ListQuery(**asked))
    return [(tag.name, tag.posts) for tag in page.rows]


def test_tags_are_listed_with_their_number_of_posts(database, world):
    assert page_of(database, sort="posts")[0] == ("Python", 7)
    assert ("gambogian", 0) not in page_of(database)  # a tag of drafts only is not public yet
    assert page_of(database, words="异步") == [("异步", 1)]
    used, unused = ({"use": "used"}, {"use": "unused"})
    everything = page_of(database)
    assert sorted(page_of(database, filters=used) + page_of(database, filters=unused)) == sorted(
        everything
    )


def test_a_renamed_tag_has_its_new_name_and_its_old_address_redirects(database, world):
    id = tag_id(database, "marmalade")
    database.transact_now(tag_admin.rename, id, name="Orange jam", by=world.eve)
    assert database.read_now(archives.tag, "orange-jam")[0].name == "Orange jam"
    assert posts_found(database, "orange jam") == {world.ann_live.id}
    post = database.read_now(lambda s: s.get_one(Post, world.ann_live.id))
    assert (post.tags, post.version) == ("Python, Orange jam", 2)


@pytest.mark.parametrize(
    ("verb", "data"), [("rename", {"name": "Jam"}), ("merge", {"into": "Python"})]
)
def test_the_log_has_the_former_tags_of_each_post(database, world, verb, data):
    id = tag_id(database, "marmalade")
    database.transact_now(getattr(tag_admin, verb), id, **data, by=world.eve)
    newest = select(Change.facts).order_by(Change.id.desc()).limit(1)
    facts = database.read_now(lambda s: s.scalar(newest))[f"post:{world.ann_live.id}"]
    after = "Python, Jam" if verb == "rename" else "Python"
    assert facts == {"tags": ["Python, marmalade", after]}


def test_the_old_name_of_a_tag_still_finds_it(database, world):
    id = tag_id(database, "marmalade")
    database.transact_now(tag_admin.rename, id, name="Jam", by=world.eve)
    assert database.transact_now(
        lambda s: [t.id for t in find_or_create(s, ["Marmalade", "Jam"])]
    ) == [id]


def test_renaming_a_tag_back_creates_no_redirect_loop(database, world):
    id = tag_id(database, "marmalade")
    for name in ("Jam", "Jelly", "marmalade"):
        database.transact_now(tag_admin.rename, id, name=name, by=world.eve)
    query = select(Address.path, Address.target).where(Address.path.startswith("/tags/"))
    leads = dict(database.read_now(lambda s: s.execute(query).all()))
    assert leads == {"/tags/jam": "/tags/marmalade", "/tags/jelly": "/tags/marmalade"}


def test_merged_tags_become_one_that_no_post_has_twice(database, world):
    old, new = tag_id(database, "marmalade"), tag_id(database, "python")
    database.transact_now(tag_admin.merge, old, into="PYTHON", by=world.eve)
    count = select(func.count()).where(RevisionTag.tag_id == new)
    assert database.read_now(lambda s: s.get(Tag, old)) is None
    assert database.read_now(lambda s: s.scalar(count)) == 8
    assert page_of(database, words="python") == [("Python", 7)]
    post = database.read_now(lambda s: s.get_one(Post, world.ann_live.id))
    assert post.tags == "Python"
    assert world.ann_live.id in posts_found(database, "python")


def test_a_merge_invalidates_every_page_that_shows_the_tag(database, world):
    old = tag_id(database, "marmalade")
    database.transact_now(tag_admin.merge, old, into="python", by=world.eve)
    latest = select(Change).order_by(Change.id.desc()).limit(1)
    row = database.read_now(lambda s: s.scalars(latest).one())
    wanted = {"tag:marmalade", "tag:python", "tags", f"post:{world.ann_live.id}"}
    assert wanted <= set(row.tags) and row.action == "tag.merge"


@pytest.mark.parametrize(
    ("verb", "data", "message"),
    [
        (tag_admin.rename, {"name": "PYTHON"}, "Merge the two"),
        (tag_admin.rename, {"name": "one, two"}, "one name"),
        (tag_admin.merge, {"into": "nothing"}, "No tag"),
        (tag_admin.merge, {"into": "marmalade"}, "the same tag"),
        (tag_admin.delete_tag, {}, "Posts still use this tag"),
    ],
)
def test_invalid_changes_of_tags_are_rejected_with_a_message(database, world, verb, data, message):
    with pytest.raises(Refusal, match=message):
        database.transact_now(verb, tag_id(database, "marmalade"), **data, by=world.eve)
    assert ("marmalade", 1) in page_of(database)


def test_a_tag_that_only_old_revisions_have_can_be_deleted(database, world):
    copy = WorkingCopy(title="x", body="y", tags="Python", version=2)
    database.transact_now(editing.save, world.ann_live.id, copy, by=world.eve)
    database.transact_now(publishing.publish, world.ann_live.id, render("y"), 3, by=world.eve)
    database.transact_now(tag_admin.delete_tag, tag_id(database, "marmalade"), by=world.eve)
    assert page_of(database, words="marmalade") == []


def test_the_old_address_of_a_tag_redirects_readers(client):
    eve, id = client.let_in("eve"), tag_id(client.database, "marmalade")
    answer = client.post(f"/admin/tags/{id}/rename", {"name": "Jam"}, cookies=eve)
    assert (answer.status, answer.header("location")) == (303, "/admin/tags")
    for old, new in (("/tags/marmalade", "/tags/jam"), ("/tags/Marmalade", "/tags/jam")):
        answer = client.get(old)
        assert (answer.status, answer.header("location")) == (301, new)
    answer = client.get("/tags/marmalade/feed.atom")
    assert (answer.status, answer.header("location")) == (301, "/tags/jam/feed.atom")
    assert client.get("/tags/jam").status == 200


def test_an_error_is_shown_beside_its_field_on_the_page_of_the_tag(client):
    eve, id = client.let_in("eve"), tag_id(client.database, "marmalade")
    answer = client.post(f"/admin/tags/{id}/merge", {"into": "nowhere"}, cookies=eve)
    assert answer.status == 422 and 'id="f-into-fault"' in answer.text
    assert 'value="nowhere"' in answer.text and 'value="marmalade"' in answer.text


def test_the_list_of_posts_has_every_state(database, world):
    states = {post.state for post in database.read_now(post_list.posts.page, ListQuery()).rows}
    assert states == set(post_list.STATES)


async def test_the_scheduler_reindexes_the_remaining_posts_of_a_renamed_tag(
    database, world, config_of
):
    id = tag_id(database, "python")
    database.transact_now(tag_admin.rename, id, name="Serpent", by=world.eve)

    def forget(session) -> None:
        session.execute(update(entry).values(version=0), execution_options={"tags": ()})

    database.transact_now(forget)
    assert database.read_now(search.is_stale)
    await tasks.index(JobContext(config_of(database), database, b""))
    assert not database.read_now(search.is_stale)
    assert world.ann_live.id in posts_found(database, "serpent")
