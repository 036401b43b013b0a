"""Redirects in the admin area: adding, removing, and rejected ones such as loops."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from blog.markup import render
from blog.models.addresses import address, redirects
from blog.models.base import Refusal
from blog.models.listing import ListQuery
from blog.models.posts import editing, publishing
from blog.models.posts.editing import WorkingCopy
from tests.support import cast


def leads(database, **asked) -> dict[str, str]:
    page = database.read_now(redirects.redirects.page, ListQuery(**asked))
    return {row.path: row.to for row in page.rows}


def add(database, path: str, to: str) -> int:
    return database.transact_now(redirects.add, path=path, to=to, by=None).id


def move(database, world) -> None:
    """Change the address of a live post."""
    copy = WorkingCopy(title="A marmalade morning", slug="jam", body="Jam.", version=2)
    database.transact_now(editing.save, world.ann_live.id, copy, by=world.eve)
    post = database.transact_now(editing.load, world.ann_live.id, by=world.eve)
    database.transact_now(
        publishing.publish, world.ann_live.id, render("Jam."), post.version, by=world.eve
    )


def test_the_old_address_of_a_post_redirects_to_it_and_cannot_be_removed(database, world):
    assert leads(database) == {}
    move(database, world)
    assert leads(database) == {world.ann_live.path: "/posts/jam"}
    row = database.read_now(redirects.redirects.page, ListQuery()).rows[0]
    assert (row.title, row.is_own) == ("A marmalade morning", False)
    with pytest.raises(Refusal, match="belongs to a post"):
        database.transact_now(redirects.remove, row.id, by=world.kim)


def test_a_redirect_can_be_added_and_removed(database, world):
    id = add(database, "/old page", "/about")
    assert leads(database) == {"/old page": "/about"}
    assert leads(database, filters={"kind": "post"}) == {}
    database.transact_now(redirects.remove, id, by=world.kim)
    assert leads(database) == {}


@pytest.mark.parametrize(
    ("path", "to", "kept"),
    [
        ("old", "/about", ("/old", "/about")),
        ("/%E6%97%A7", "https://else.example/x", ("/旧", "https://else.example/x")),
        (f"{cast.ADDRESS}/old", f"{cast.ADDRESS}/about", ("/old", "/about")),
    ],
)
def test_addresses_are_stored_as_browsers_request_them(database, world, path, to, kept):
    add(database, path, to)
    assert tuple(leads(database).items()) == (kept,)


@pytest.mark.parametrize(
    ("path", "to", "field"),
    [
        ("/about", "/x", "path"),
        ("/ABOUT.html", "/x", "path"),
        ("/posts/a-quillwort-morning", "/x", "path"),
        ("/admin/x", "/x", "path"),
        ("/", "/x", "path"),
        ("https://else.example/x", "/x", "path"),
        ("/a?b=c", "/x", "path"),
        ("/a\x00b", "/x", "path"),
        ("/a", "//evil.example", "to"),
        ("/a", "/\\evil.example", "to"),
        ("/a", "javascript:alert(1)", "to"),
        ("/a", "else.example", "to"),
        ("/a", "/a b", "to"),
        ("/a", "/a", "to"),
        ("/a", "/A.html?x#y", "to"),
        ("/a", f"{cast.ADDRESS}/a", "to"),
    ],
)
def test_an_invalid_redirect_is_rejected_at_its_field(database, world, path, to, field):
    with pytest.raises(Refusal) as refusal:
        add(database, path, to)
    assert refusal.value.field == field and leads(database) == {}


def test_redirect_loops_of_any_length_are_rejected(database, world):
    add(database, "/a", "/b")
    add(database, "/b", "/c")
    with pytest.raises(Refusal, match="redirect loop"):
        add(database, "/c", "/a")
    with pytest.raises(Refusal, match="already"):
        add(database, "/a", "/d")


def test_a_redirect_cannot_take_the_address_of_a_draft(database, world):
    place = database.read_now(address.find, "/posts/a-quillwort-morning")
    assert place.live_since is None
    with pytest.raises(Refusal, match="quillwort"):
        add(database, place.path, "/about")


def test_a_redirect_works_immediately_and_is_404_after_removal(client):
    eve = client.let_in("eve")
    answer = client.post("/admin/redirects/new", {"path": "/old", "to": "/about"}, cookies=eve)
    assert (answer.status, answer.header("location")) == (303, "/admin/redirects")
    led = client.get("/old")
    assert (led.status, led.header("location")) == (301, "/about")
    page = client.get("/admin/redirects", cookies=eve).text
    assert '<a href="/old">/old</a>' in page
    id = client.database.read_now(redirects.redirects.page, ListQuery()).rows[0].id
    asked = client.post("/admin/redirects/remove", {"only": id}, cookies=eve)
    assert asked.status == 200 and "will see “page not found”" in asked.text
    assert client.get("/old").status == 301
    answer = client.post("/admin/redirects/remove", {"ids": id, "sure": "on"}, cookies=eve)
    assert answer.status == 303 and client.get("/old").status == 404


def test_an_invalid_form_keeps_the_submitted_values(open_client):
    typed = {"path": "/about", "to": "/elsewhere"}
    answer = open_client.post("/admin/redirects/new", typed, cookies=open_client.let_in("eve"))
    assert answer.status == 422 and 'id="f-path-fault"' in answer.text
    assert 'value="/elsewhere"' in answer.text


def test_only_one_of_two_concurrent_redirects_from_an_address_is_added(database, world):
    def try_to(number: int) -> bool:
        try:
            add(database, "/same", f"/to-{number}")
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(try_to, range(4))) == [False, False, False, True]
