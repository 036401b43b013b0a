"""Redirects in the office: never over a live page, never round in a circle."""

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
    return database.transact_now(redirects.add, path=path, to=to).id


def move(database, world) -> None:
    """A live post gets another address, and leaves its own."""
    copy = WorkingCopy(title="A marmalade morning", slug="jam", body="Jam.", version=2)
    database.transact_now(editing.save, world.ann_live.id, copy, by=world.eve)
    post = database.transact_now(editing.load, world.ann_live.id, by=world.eve)
    database.transact_now(
        publishing.publish, world.ann_live.id, render("Jam."), post.version, by=world.eve
    )


def test_what_a_post_has_left_leads_to_it_and_cannot_be_removed(database, world):
    assert leads(database) == {}
    move(database, world)
    assert leads(database) == {world.ann_live.path: "/posts/jam"}
    row = database.read_now(redirects.redirects.page, ListQuery()).rows[0]
    assert (row.title, row.is_own) == ("A marmalade morning", False)
    with pytest.raises(Refusal, match="belongs to a post"):
        database.transact_now(redirects.remove, row.id)


def test_a_keeper_adds_a_redirect_and_removes_it(database, world):
    id = add(database, "/old page", "/about")
    assert leads(database) == {"/old page": "/about"}
    assert leads(database, filters={"kind": "post"}) == {}
    database.transact_now(redirects.remove, id)
    assert leads(database) == {}


@pytest.mark.parametrize(
    ("path", "to", "kept"),
    [
        ("old", "/about", ("/old", "/about")),
        ("/%E6%97%A7", "https://else.example/x", ("/旧", "https://else.example/x")),
        (f"{cast.ADDRESS}/old", f"{cast.ADDRESS}/about", ("/old", "/about")),
    ],
)
def test_an_address_is_kept_as_browsers_ask_for_it(database, world, path, to, kept):
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
def test_what_cannot_lead_anywhere_is_told_beside_its_field(database, world, path, to, field):
    with pytest.raises(Refusal) as told:
        add(database, path, to)
    assert told.value.field == field and leads(database) == {}


def test_a_circle_of_any_length_is_refused(database, world):
    add(database, "/a", "/b")
    add(database, "/b", "/c")
    with pytest.raises(Refusal, match="redirect loop"):
        add(database, "/c", "/a")
    with pytest.raises(Refusal, match="already"):
        add(database, "/a", "/d")


def test_no_draft_loses_its_address_to_a_redirect(database, world):
    place = database.read_now(address.find, "/posts/a-quillwort-morning")
    assert place.live_since is None
    with pytest.raises(Refusal, match="quillwort"):
        add(database, place.path, "/about")


def test_a_reader_is_led_at_once_and_finds_nothing_once_it_is_removed(client):
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


def test_a_fault_keeps_what_was_typed(open_client):
    typed = {"path": "/about", "to": "/elsewhere"}
    answer = open_client.post("/admin/redirects/new", typed, cookies=open_client.let_in("eve"))
    assert answer.status == 422 and 'id="f-path-fault"' in answer.text
    assert 'value="/elsewhere"' in answer.text


def test_two_who_add_one_address_at_once_are_told_apart(database, world):
    def try_to(number: int) -> bool:
        try:
            add(database, "/same", f"/to-{number}")
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(try_to, range(4))) == [False, False, False, True]
