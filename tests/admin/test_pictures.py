"""The list of pictures in the admin area: where each is used, and deleting unused ones."""

import pytest

from blog import media
from blog.markup import render
from blog.models.base import Refusal
from blog.models.listing import ListQuery
from blog.models.posts import editing, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.settings import site
from blog.models.uploads import upload, upload_list

NAMES = [f"{n:02x}/{n:02x}{'0' * 30}.png" for n in range(1, 5)]


def note(database, name: str, by, original: str = "") -> int:
    facts = {"name": name, "original": original, "width": 3, "height": 2, "size": 1200}
    return database.transact_now(upload.record_upload, **facts, type="image/png", by=by).id


def write(database, world, id: int, version: int, **typed) -> None:
    copy = WorkingCopy(title="With a picture", version=version, **typed)
    database.transact_now(editing.save, id, copy, by=world.eve)


def shown(database) -> dict[str, list[tuple[str, bool]]]:
    page = database.read_now(upload_list.pictures.page, ListQuery())
    return {row.name: [(place.title, place.is_past) for place in row.places] for row in page.rows}


def test_a_picture_is_listed_with_every_post_that_uses_it(database, world):
    for name in NAMES:
        note(database, name, world.ann)
    id = world.ann_draft.id
    write(database, world, id, 2, body=f"![x](/media/{NAMES[0]})", cover=f"/media/{NAMES[1]}")
    title = [("With a picture", False)]
    assert shown(database) == {NAMES[3]: [], NAMES[2]: [], NAMES[1]: title, NAMES[0]: title}


def test_a_picture_in_an_old_revision_counts_as_used(database, world):
    one, id = note(database, NAMES[0], world.ann), world.ann_draft.id
    write(database, world, id, 2, body=f"![x](/media/{NAMES[0]})")
    database.transact_now(publishing.publish, id, render("x"), 3, by=world.eve)
    write(database, world, id, 3, body="No more.")
    assert shown(database) == {NAMES[0]: [("With a picture", True)]}
    with pytest.raises(Refusal, match="revision"):
        database.transact_now(upload_list.delete, [one], by=world.kim)


def test_a_picture_in_the_settings_counts_as_used(database, world):
    one = note(database, NAMES[0], world.ann)

    def choose(session) -> None:
        session.get_one(site.Site, site.SITE_ID).choices = {"logo": f"/media/{NAMES[0]}"}

    database.transact_now(choose)
    assert database.read_now(upload_list.pictures.only, [one])[0].is_used
    with pytest.raises(Refusal, match="site settings"):
        database.transact_now(upload_list.delete, [one], by=world.kim)


def test_pictures_can_be_filtered_by_name_and_uploader(database, world):
    note(database, NAMES[0], world.ann, "Morning.png")
    note(database, NAMES[1], world.bob, "晨.png")

    def names(**asked) -> list[str]:
        page = database.read_now(upload_list.pictures.page, ListQuery(**asked))
        return [row.shown_as for row in page.rows]

    assert names(words="morning") == ["Morning.png"] and names(words="晨") == ["晨.png"]
    assert names(filters={"by": "bob"}) == ["晨.png"]
    assert database.read_now(upload_list.uploaders) == [("ann", "Ann Archer"), ("bob", "白波")]


def test_deleting_removes_the_files_of_unused_pictures_only(client):
    eve, config = client.let_in("eve"), client.app.ctx.config
    ids = [note(client.database, name, client.cast.ann) for name in NAMES[:2]]
    for name in NAMES[:2]:
        path = media.path_of(config, name)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    write(client.database, client.cast, client.cast.ann_draft.id, 2, body=f"![](/media/{NAMES[0]})")
    both = {"ids": ids, "sure": "on"}
    refused = client.post("/admin/pictures/delete", both, cookies=eve)
    assert refused.status == 422 and "With a picture" in refused.text
    assert all(media.path_of(config, name).exists() for name in NAMES[:2])
    done = client.post("/admin/pictures/delete", {"ids": ids[1], "sure": "on"}, cookies=eve)
    assert done.status == 303
    assert [media.path_of(config, name).exists() for name in NAMES[:2]] == [True, False]
