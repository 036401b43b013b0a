"""The unsubscribe link in emails: one click stops reply notices, and keys cannot be guessed."""

import pytest
from sqlalchemy import select

from blog.app import create_app
from blog.config import Config
from blog.models.comments import unsubscribe
from blog.models.comments.unsubscribe import Unsubscribed
from tests.support.app_client import AppClient

GUS = "gus@guest.example"


def path(client: AppClient, address: str = GUS) -> str:
    return f"/unsubscribe/{unsubscribe.link_key(client.app.ctx.secret, address)}"


def unsubscribed_hashes(client: AppClient) -> list[str]:
    return client.database.read_now(
        lambda session: list(session.scalars(select(Unsubscribed.hash)))
    )


def test_opening_the_link_shows_a_button_and_changes_nothing(client):
    page = client.get(path(client))
    assert page.status == 200 and '<form class="form" method="post">' in page.text
    assert unsubscribed_hashes(client) == []
    assert page.header("cache-control") == "no-store"
    assert "noindex" in page.header("x-robots-tag")


def test_submitting_the_form_unsubscribes_also_when_repeated(client):
    for _ in range(2):
        assert client.post(path(client)).status == 200
    assert unsubscribed_hashes(client) == [unsubscribe.hash_of(client.app.ctx.secret, GUS)]


def test_a_mail_program_can_unsubscribe_without_cookies(client):
    answer = client.ask("POST", path(client), form={"List-Unsubscribe": "One-Click"})
    assert answer.status == 200 and not answer.cookies
    assert len(unsubscribed_hashes(client)) == 1


@pytest.mark.parametrize("origin", ["https://mail.example", "null"])
def test_a_mail_program_on_another_website_can_unsubscribe(client, origin):
    headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    answer = client.ask(
        "POST", path(client), headers=headers, form={"List-Unsubscribe": "One-Click"}
    )
    assert answer.status == 200 and len(unsubscribed_hashes(client)) == 1


def test_this_is_the_only_route_that_accepts_cross_site_forms():
    app = create_app(Config(), "blog-with-cross-site-routes")
    app.router.reset()
    app.finalize()
    routes = app.router.routes
    cross_site = [route.name for route in routes if getattr(route.ctx, "from_anywhere", False)]
    assert [name.rpartition(".")[2] for name in cross_site] == ["stop_mail"]


def test_only_a_keyed_hash_of_the_address_is_stored(client):
    client.post(path(client))
    (hashed,) = unsubscribed_hashes(client)
    assert "gus" not in hashed
    assert hashed != unsubscribe.hash_of(b"another installation's", GUS)
    assert GUS not in path(client)


def test_the_link_does_not_depend_on_the_spelling_of_the_address(client):
    assert path(client, " Gus@Guest.Example ") == path(client)


@pytest.mark.parametrize("key", ["x", "A" * 43, "é", "%00", "..%2f..%2fx"])
def test_an_invented_key_is_rejected(client, key):
    for method in ("GET", "POST"):
        assert client.ask(method, f"/unsubscribe/{key}").status in (400, 404)
    assert unsubscribed_hashes(client) == []


def test_a_key_with_one_changed_character_is_rejected(client):
    valid = path(client)
    for at in range(len("/unsubscribe/"), len(valid) - 1):
        other = "A" if valid[at] != "A" else "B"
        assert client.ask("POST", valid[:at] + other + valid[at + 1 :]).status == 404
    assert unsubscribed_hashes(client) == []
