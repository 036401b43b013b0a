"""Whoever gets mail about answers can stop it with one press, and nobody can do it for others."""

import pytest
from sqlalchemy import select

from blog.app import create_app
from blog.config import Config
from blog.models.comments import unsubscribe
from blog.models.comments.unsubscribe import Unsubscribed
from tests.support.app_client import AppClient

GUS = "gus@guest.example"


def path(client: AppClient, address: str = GUS) -> str:
    return f"/unsubscribe/{unsubscribe.key(client.app.ctx.secret, address)}"


def stopped(client: AppClient) -> list[str]:
    return client.database.read_now(
        lambda session: list(session.scalars(select(Unsubscribed.hash)))
    )


def test_opening_the_link_shows_a_button_and_changes_nothing(client):
    page = client.get(path(client))
    assert page.status == 200 and '<form class="form" method="post">' in page.text
    assert stopped(client) == []
    assert page.header("cache-control") == "no-store"
    assert "noindex" in page.header("x-robots-tag")


def test_a_press_of_the_button_stops_the_mail_once_and_for_all(client):
    for _ in range(2):
        assert client.post(path(client)).status == 200
    assert stopped(client) == [unsubscribe.hash_of(client.app.ctx.secret, GUS)]


def test_a_mail_program_presses_it_without_cookies_and_is_answered_on_the_spot(client):
    answer = client.ask("POST", path(client), form={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200 and not answer.cookies
    assert len(stopped(client)) == 1


@pytest.mark.parametrize("origin", ["https://mail.example", "null"])
def test_a_mail_program_that_is_a_web_page_may_press_it_too(client, origin):
    headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    answer = client.ask(
        "POST", path(client), headers=headers, form={"List-Unsubscribe": "One-Click"}
    )
    assert answer.status == 200 and len(stopped(client)) == 1


def test_only_this_one_route_may_be_pressed_from_anywhere():
    app = create_app(Config(), "blog-of-exceptions")
    app.router.reset()
    app.finalize()
    routes = app.router.routes
    open_ones = [route.name for route in routes if getattr(route.ctx, "from_anywhere", False)]
    assert [name.rpartition(".")[2] for name in open_ones] == ["stop_mail"]


def test_the_address_is_not_kept_only_its_keyed_hash(client):
    client.post(path(client))
    (hashed,) = stopped(client)
    assert "gus" not in hashed
    assert hashed != unsubscribe.hash_of(b"another installation's", GUS)
    assert GUS not in path(client)


def test_a_link_works_however_the_address_was_written(client):
    assert path(client, " Gus@Guest.Example ") == path(client)


@pytest.mark.parametrize("spoilt", ["x", "A" * 43, "é", "%00", "..%2f..%2fx"])
def test_a_made_up_key_opens_nothing(client, spoilt):
    for method in ("GET", "POST"):
        assert client.ask(method, f"/unsubscribe/{spoilt}").status in (400, 404)
    assert stopped(client) == []


def test_no_letter_of_a_key_may_be_another(client):
    good = path(client)
    for at in range(len("/unsubscribe/"), len(good) - 1):
        other = "A" if good[at] != "A" else "B"
        assert client.ask("POST", good[:at] + other + good[at + 1 :]).status == 404
    assert stopped(client) == []
