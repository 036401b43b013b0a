"""Invitations: creating, mailing, accepting, revoking, and taking over a byline."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.audit.change_log import Change
from blog.models.base import Refusal, now
from blog.models.jobs import outbox
from blog.models.jobs.outbox import Delivery
from blog.models.posts import editing
from blog.models.users import invitation, user, user_list
from blog.models.users.invitation import Invitation
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import Answer, AppClient

ZOE = {
    "name": "zoe",
    "display_name": "Zoë Zhang",
    "email": "zoe@ink.example",
    "password": "four green windows",
}


def invite(client: AppClient, **data: object) -> Answer:
    form = {"display_name": "Zoë", "role": "author", "byline": "", **data}
    return client.post("/admin/invitations/new", form, cookies=client.let_in("kim"))


def path_in(answer: Answer) -> str:
    """Return the path of the invitation link on the page."""
    found = re.search(r'value="([^"]*/invitation/[^"]*)"', answer.text)
    assert found and unescape(found[1]).startswith(f"{cast.ADDRESS}/invitation/")
    return found[1].removeprefix(cast.ADDRESS)


def invited(client: AppClient, **data: object) -> str:
    return path_in(invite(client, **data))


def accept(client: AppClient, path: str, **typed: object) -> Answer:
    return client.post(path, ZOE | typed)


def by_name(client: AppClient, name: str) -> User | None:
    return client.database.read_now(user.find_by_login, name)


def alone(client: AppClient) -> Invitation:
    (row,) = client.database.read_now(lambda session: session.scalars(select(Invitation)).all())
    return row


# --- inviting ---


def test_an_invitation_link_is_shown_once(client):
    path = invited(client)
    kim = client.let_in("kim")
    assert path not in client.get("/admin/invitations", cookies=kim).text
    stored = b"".join(f.read_bytes() for f in client.config.data_dir.glob("blog.sqlite3*"))
    assert path.rpartition("/")[2].encode() not in stored


def test_an_invitation_is_listed_until_it_is_accepted_and_after(client):
    path, kim = invited(client), client.let_in("kim")
    assert ">Zoë<" in re.sub(r"\s+", "", client.get("/admin/invitations", cookies=kim).text)
    assert ">Zoë<" in re.sub(
        r"\s+", "", client.get("/admin/invitations?state=open", cookies=kim).text
    )
    accept(client, path)
    page = client.get("/admin/invitations?state=accepted", cookies=kim).text
    assert ">Zoë Zhang</a>" in page
    assert ">Zoë Zhang</a>" not in client.get("/admin/invitations?state=open", cookies=kim).text


def test_with_a_mail_server_the_link_is_mailed_and_not_shown(mailing):
    page = invite(mailing, email="Zoe@ink.example", role="editor").text
    assert "/invitation/" not in page and "zoe@ink.example" in page.casefold()
    query = select(Delivery).where(Delivery.kind == "invitation")
    (mail,) = mailing.database.read_now(lambda session: session.scalars(query).all())
    assert (mail.to, mail.facts["by"], mail.facts["role"]) == (
        "zoe@ink.example",
        "Kim Keeper",
        "editor",
    )
    page = mailing.get(mail.facts["path"]).text
    assert 'value="zoe@ink.example"' in page


def test_an_empty_list_says_what_invitations_are_for(open_client):
    page = open_client.get("/admin/invitations", cookies=open_client.let_in("kim")).text
    assert "opens it, chooses a password and can then write here" in page


def test_without_a_mail_server_there_is_no_email_field(open_client):
    page = open_client.get("/admin/invitations/new", cookies=open_client.let_in("kim")).text
    assert 'name="email"' not in page and "cannot send email yet" in page


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("role", "owner"),
        ("role", ""),
        ("email", "nobody"),
        ("email", "ann@ink.example"),
        ("display_name", "x" * 201),
        ("byline", "999"),
    ],
)
def test_an_invalid_invitation_is_rejected_at_its_field(mailing, field, typed):
    answer = invite(mailing, **{field: typed})
    assert answer.status == 422 and f'id="f-{field}-fault"' in answer.text


def test_a_person_with_an_account_cannot_be_claimed(client):
    answer = invite(client, byline=client.cast.ann.id)
    assert answer.status == 422 and "already been taken over" in answer.text


# --- accepting ---


def test_accepting_creates_a_signed_in_account(client):
    path = invited(client, role="editor")
    answer = accept(client, path)
    assert (answer.status, answer.header("location")) == (303, "/control-panel")
    assert client.get("/admin", cookies=answer.cookies).status == 200
    assert client.get("/admin/people", cookies=answer.cookies).status == 403
    zoe = by_name(client, "zoe")
    assert zoe and (zoe.display_name, zoe.email, zoe.role) == (
        "Zoë Zhang",
        "zoe@ink.example",
        "editor",
    )
    data = {"login": "zoe@ink.example", "password": ZOE["password"]}
    assert client.post("/sign-in", data).status == 303


def test_opening_an_invitation_does_not_use_it(client):
    path = invited(client)
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert client.ask(method, path).status in (200, 204)
    assert accept(client, path).status == 303


def test_an_invitation_can_be_used_once(client):
    path = invited(client)
    accept(client, path)
    assert client.get(path).status == 404
    assert accept(client, path, name="zack", email="zack@ink.example").status == 404
    assert by_name(client, "zack") is None


def test_the_role_of_an_invitation_cannot_be_changed_by_the_invitee(client):
    path = invited(client)
    accept(client, path, role="admin", byline_id=client.cast.lee.id, id=1)
    assert by_name(client, "zoe").role == "author"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("name", "Zoë Zhang"),
        ("name", "ann"),
        ("display_name", " "),
        ("email", "nobody"),
        ("email", "ann@ink.example"),
        ("password", "short"),
        ("password", "zoe12345678"),
    ],
)
def test_an_invalid_acceptance_is_rejected_and_the_invitation_stays_open(client, field, typed):
    path = invited(client)
    answer = accept(client, path, **{field: typed})
    assert answer.status == 422 and f'id="f-{field}-fault"' in answer.text
    assert ZOE["password"] not in answer.text
    assert accept(client, path).status == 303


def test_a_signed_in_user_cannot_accept_an_invitation_by_mistake(client):
    path, ann = invited(client), client.let_in("ann")
    page = client.get(path, cookies=ann).text
    assert "signed in as Ann Archer" in page and 'name="password"' not in page
    assert client.post(path, ZOE, cookies=ann).status == 422
    assert by_name(client, "zoe") is None and accept(client, path).status == 303


def test_an_invitation_expires_after_seven_days(client):
    path = invited(client)
    assert timedelta(days=6.9) < alone(client).expires_at - now() <= timedelta(days=7)

    def age(session: Session) -> None:
        session.scalars(select(Invitation)).one().expires_at = now() - timedelta(seconds=1)

    client.database.transact_now(age)
    assert client.get(path).status == accept(client, path).status == 404
    kim = client.let_in("kim")
    assert "Expired" in client.get("/admin/invitations?state=expired", cookies=kim).text


def test_an_invitation_can_be_revoked(client):
    path, kim = invited(client), client.let_in("kim")
    answer = client.post("/admin/invitations/revoke", {"only": alone(client).id}, cookies=kim)
    assert answer.status == 303
    assert client.get(path).status == accept(client, path).status == 404


def owed(client: AppClient) -> list[Delivery]:
    query = select(Delivery).where(Delivery.kind == "invitation", Delivery.is_owed())
    return list(client.database.read_now(lambda session: session.scalars(query).all()))


def test_a_revoked_invitation_is_not_mailed(mailing):
    invite(mailing, email="zoe@ink.example")
    invite(mailing, email="zack@ink.example")
    first = min(owed(mailing), key=lambda mail: mail.id)
    mailing.database.transact_now(
        outbox.claim, b"s" * 32
    )  # delivery has started, but has not succeeded
    revoked = {"only": first.key.partition(":")[2]}
    mailing.post("/admin/invitations/revoke", revoked, cookies=mailing.let_in("kim"))
    assert [mail.to for mail in owed(mailing)] == ["zack@ink.example"]


def test_invitations_by_a_disabled_person_are_not_mailed(mailing):
    world = mailing.cast
    mailing.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    invite(mailing, email="zoe@ink.example")
    mailing.database.transact_now(user_list.disable_person, world.kim.id, by=world.eve)
    assert owed(mailing) == []


def test_an_accepted_invitation_cannot_be_revoked(client):
    path, kim = invited(client), client.let_in("kim")
    accept(client, path)
    client.post("/admin/invitations/revoke", {"only": alone(client).id}, cookies=kim)
    assert alone(client).revoked_at is None


@pytest.mark.parametrize("cause", ["disabled", "demoted"])
def test_invitations_end_when_their_inviter_loses_the_right_to_invite(client, cause):
    world = client.cast
    client.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    path = client.database.transact_now(invitation.invite, role="admin", by=world.eve)
    kim = client.let_in("kim")
    if cause == "disabled":
        client.post(f"/admin/people/{world.eve.id}/disable", cookies=kim)
        client.post(f"/admin/people/{world.eve.id}/enable", cookies=kim)
    else:
        data = {"display_name": "Eve", "email": "eve@ink.example", "role": "editor"}
        client.post(f"/admin/people/{world.eve.id}", data, cookies=kim)
    assert client.get(path).status == accept(client, path).status == 404


def test_the_log_lists_invitations_that_end_with_their_inviter(database, world):
    def shut_out() -> set[str]:
        database.transact_now(user_list.disable_person, world.eve.id, by=world.kim)
        newest = select(Change.facts).order_by(Change.id.desc()).limit(1)
        return {key for key in database.read_now(lambda s: s.scalar(newest)) if "invit" in key}

    assert shut_out() == set()
    database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    database.transact_now(user.enable, world.eve.id, by=world.kim)
    database.transact_now(invitation.invite, role="author", by=world.eve)
    assert shut_out() == {"invitation:1"}


@pytest.mark.parametrize("key", ["x", "%00", "%ff%fe", "a" * 3000, "..%2fx", "%2e%2e"])
def test_an_unknown_invitation_is_404(open_client, key):
    assert open_client.get(f"/invitation/{key}").status == 404
    assert accept(open_client, f"/invitation/{key}").status == 404


# --- a byline ---


def test_taking_over_a_byline_keeps_its_name_and_posts(client):
    lee = client.cast.lee
    client.database.transact_now(_write_as, lee.id, by=client.cast.kim)
    path = invited(client, byline=lee.id, display_name="")
    page = client.get(path).text
    assert 'value="Lee Byline"' in page and 'name="name"' not in page
    answer = accept(client, path, name="mallory", display_name="Lee B. Line")
    assert answer.status == 303
    found = by_name(client, "lee")
    assert (found.id, found.display_name) == (lee.id, "Lee B. Line")
    assert by_name(client, "mallory") is None
    assert "Of old days" in client.get("/control-panel", cookies=answer.cookies).text
    signed = client.post("/sign-in", {"login": "lee", "password": ZOE["password"]})
    assert signed.status == 303


def _write_as(session: Session, id: int, *, by: User) -> None:
    pass
    from blog.models.posts.editing import WorkingCopy

    post = editing.start(session, "post", "en", by=by)
    editing.save(session, post, WorkingCopy(title="Of old days", authors=[id]), by=by)


def test_accepting_one_of_two_invitations_to_a_byline_ends_the_other(client):
    lee = client.cast.lee.id
    first, second = (invited(client, byline=lee) for _ in range(2))
    assert accept(client, first).status == 303
    assert client.get(second).status == 404
    assert accept(client, second, email="x@ink.example").status == 404


def test_only_one_of_twenty_concurrent_acceptances_succeeds(database, world, config_of):
    path = database.transact_now(invitation.invite, role="author", by=world.kim)
    assert race(database, config_of, [path] * 20) == 1


def test_only_one_of_twenty_concurrent_claims_of_a_byline_succeeds(database, world, config_of):
    data = {"role": "author", "by": world.kim, "byline_id": world.lee.id}
    paths = [database.transact_now(invitation.invite, **data) for _ in range(20)]
    assert race(database, config_of, paths) == 1


def race(database: Database, config_of, paths: list[str]) -> int:
    """Accept invitations concurrently, and return how many succeed."""
    workers = [database, *(Database(config_of(database)) for _ in range(3))]

    def accept_one(number: int) -> bool:
        data = {"name": f"zoe-{number}", "display_name": "Zoë", "email": ""}
        key = paths[number].rpartition("/")[2]
        try:
            workers[number % 4].transact_now(
                invitation.accept_invitation, key, **data, password_hash="x"
            )
        except (LookupError, Refusal):
            return False
        return True

    with ThreadPoolExecutor(len(paths)) as threads:
        done = list(threads.map(accept_one, range(len(paths))))
    for one in workers[1:]:
        one.close()
    return done.count(True)


def test_bylines_are_offered_until_they_have_an_account(client):
    def offered() -> list[str]:
        return [name for _, name in client.database.read_now(user_list.bylines)]

    assert offered() == ["Lee Byline"]
    accept(client, invited(client, byline=client.cast.lee.id))
    assert offered() == []
