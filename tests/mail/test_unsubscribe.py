"""Whoever gets mail about answers can stop it with one press, and nobody can do it for others."""

import pytest
from sqlalchemy import select

from blog.app import create_app
from blog.config import Config
from blog.models.comments import unsubscribe
from blog.models.comments.unsubscribe import Unsubscribed
from tests.support.app_client import Door

GUS = "gus@guest.example"


def path(door: Door, address: str = GUS) -> str:
    return f"/unsubscribe/{unsubscribe.key(door.app.ctx.secret, address)}"


def stopped(door: Door) -> list[str]:
    return door.database.read_now(lambda session: list(session.scalars(select(Unsubscribed.hash))))


def test_opening_the_link_shows_a_button_and_changes_nothing(door):
    page = door.get(path(door))
    assert page.status == 200 and '<form class="form" method="post">' in page.text
    assert stopped(door) == []
    assert page.header("cache-control") == "no-store"
    assert "noindex" in page.header("x-robots-tag")


def test_a_press_of_the_button_stops_the_mail_once_and_for_all(door):
    for _ in range(2):
        assert door.post(path(door)).status == 200
    assert stopped(door) == [unsubscribe.hash_of(door.app.ctx.secret, GUS)]


def test_a_mail_program_presses_it_without_cookies_and_is_answered_on_the_spot(door):
    answer = door.ask("POST", path(door), form={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200 and not answer.cookies
    assert len(stopped(door)) == 1


@pytest.mark.parametrize("origin", ["https://mail.example", "null"])
def test_a_mail_program_that_is_a_web_page_may_press_it_too(door, origin):
    headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    answer = door.ask("POST", path(door), headers=headers, form={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200 and len(stopped(door)) == 1


def test_only_this_one_route_may_be_pressed_from_anywhere():
    app = create_app(Config(), "blog-of-exceptions")
    app.router.reset()
    app.finalize()
    routes = app.router.routes
    open_ones = [route.name for route in routes if getattr(route.ctx, "from_anywhere", False)]
    assert [name.rpartition(".")[2] for name in open_ones] == ["stop_mail"]


def test_the_address_is_not_kept_only_its_keyed_hash(door):
    door.post(path(door))
    (hashed,) = stopped(door)
    assert "gus" not in hashed
    assert hashed != unsubscribe.hash_of(b"another installation's", GUS)
    assert GUS not in path(door)


def test_a_link_works_however_the_address_was_written(door):
    assert path(door, " Gus@Guest.Example ") == path(door)


@pytest.mark.parametrize("spoilt", ["x", "A" * 43, "é", "%00", "..%2f..%2fx"])
def test_a_made_up_key_opens_nothing(door, spoilt):
    for method in ("GET", "POST"):
        assert door.ask(method, f"/unsubscribe/{spoilt}").status in (400, 404)
    assert stopped(door) == []


def test_no_letter_of_a_key_may_be_another(door):
    good = path(door)
    for at in range(len("/unsubscribe/"), len(good) - 1):
        other = "A" if good[at] != "A" else "B"
        assert door.ask("POST", good[:at] + other + good[at + 1 :]).status == 404
    assert stopped(door) == []
