"""Somebody is invited: by a link or by mail, once, perhaps to a byline that waits for them."""

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
from tests.support.app_client import Answer, Door

ZOE = {
    "name": "zoe",
    "display_name": "Zoë Zhang",
    "email": "zoe@ink.example",
    "password": "four green windows",
}


def invite(door: Door, **given: object) -> Answer:
    form = {"display_name": "Zoë", "role": "author", "byline": "", **given}
    return door.post("/admin/invitations/new", form, cookies=door.let_in("kim"))


def path_in(answer: Answer) -> str:
    """The link as it stands on the page, without the site's address."""
    found = re.search(r'value="([^"]*/invitation/[^"]*)"', answer.text)
    assert found and unescape(found[1]).startswith(f"{cast.ADDRESS}/invitation/")
    return found[1].removeprefix(cast.ADDRESS)


def invited(door: Door, **given: object) -> str:
    return path_in(invite(door, **given))


def accept(door: Door, path: str, **typed: object) -> Answer:
    return door.post(path, ZOE | typed)


def by_name(door: Door, name: str) -> User | None:
    return door.database.read_now(user.with_login, name)


def alone(door: Door) -> Invitation:
    (row,) = door.database.read_now(lambda session: session.scalars(select(Invitation)).all())
    return row


# --- inviting ---


def test_a_link_is_shown_once(door):
    path = invited(door)
    kim = door.let_in("kim")
    assert path not in door.get("/admin/invitations", cookies=kim).text
    stored = b"".join(f.read_bytes() for f in door.config.data_dir.glob("blog.sqlite3*"))
    assert path.rpartition("/")[2].encode() not in stored


def test_an_invitation_is_listed_until_it_is_accepted_and_after(door):
    path, kim = invited(door), door.let_in("kim")
    assert ">Zoë<" in re.sub(r"\s+", "", door.get("/admin/invitations", cookies=kim).text)
    assert ">Zoë<" in re.sub(
        r"\s+", "", door.get("/admin/invitations?state=open", cookies=kim).text
    )
    accept(door, path)
    page = door.get("/admin/invitations?state=accepted", cookies=kim).text
    assert ">Zoë Zhang</a>" in page
    assert ">Zoë Zhang</a>" not in door.get("/admin/invitations?state=open", cookies=kim).text


def test_with_a_mail_server_the_link_goes_to_an_address_and_is_not_shown(mailing):
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


def test_an_empty_list_says_what_invitations_are_for(open_door):
    page = open_door.get("/admin/invitations", cookies=open_door.let_in("kim")).text
    assert "opens it, chooses a password and can then write here" in page


def test_without_a_mail_server_there_is_no_field_for_an_address(open_door):
    page = open_door.get("/admin/invitations/new", cookies=open_door.let_in("kim")).text
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
def test_a_fault_in_an_invitation_is_told_beside_its_field(mailing, field, typed):
    answer = invite(mailing, **{field: typed})
    assert answer.status == 422 and f'id="f-{field}-fault"' in answer.text


def test_whoever_signs_in_cannot_be_claimed(door):
    answer = invite(door, byline=door.cast.ann.id)
    assert answer.status == 422 and "already been taken over" in answer.text


# --- accepting ---


def test_who_accepts_is_one_of_the_people_and_signed_in(door):
    path = invited(door, role="editor")
    answer = accept(door, path)
    assert (answer.status, answer.header("location")) == (303, "/control-panel")
    assert door.get("/admin", cookies=answer.cookies).status == 200
    assert door.get("/admin/people", cookies=answer.cookies).status == 403
    zoe = by_name(door, "zoe")
    assert zoe and (zoe.display_name, zoe.email, zoe.role) == (
        "Zoë Zhang",
        "zoe@ink.example",
        "editor",
    )
    given = {"login": "zoe@ink.example", "password": ZOE["password"]}
    assert door.post("/sign-in", given).status == 303


def test_looking_at_an_invitation_does_not_use_it(door):
    path = invited(door)
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert door.ask(method, path).status in (200, 204)
    assert accept(door, path).status == 303


def test_an_invitation_is_used_once(door):
    path = invited(door)
    accept(door, path)
    assert door.get(path).status == 404
    assert accept(door, path, name="zack", email="zack@ink.example").status == 404
    assert by_name(door, "zack") is None


def test_nobody_gives_themselves_another_role(door):
    path = invited(door)
    accept(door, path, role="admin", byline_id=door.cast.lee.id, id=1)
    assert by_name(door, "zoe").role == "author"


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
def test_a_fault_in_who_accepts_is_told_and_leaves_the_invitation_open(door, field, typed):
    path = invited(door)
    answer = accept(door, path, **{field: typed})
    assert answer.status == 422 and f'id="f-{field}-fault"' in answer.text
    assert ZOE["password"] not in answer.text
    assert accept(door, path).status == 303


def test_who_is_signed_in_already_does_not_accept_by_mistake(door):
    path, ann = invited(door), door.let_in("ann")
    page = door.get(path, cookies=ann).text
    assert "signed in as Ann Archer" in page and 'name="password"' not in page
    assert door.post(path, ZOE, cookies=ann).status == 422
    assert by_name(door, "zoe") is None and accept(door, path).status == 303


def test_an_invitation_ends_after_seven_days(door):
    path = invited(door)
    assert timedelta(days=6.9) < alone(door).expires_at - now() <= timedelta(days=7)

    def age(session: Session) -> None:
        session.scalars(select(Invitation)).one().expires_at = now() - timedelta(seconds=1)

    door.database.transact_now(age)
    assert door.get(path).status == accept(door, path).status == 404
    kim = door.let_in("kim")
    assert "Expired" in door.get("/admin/invitations?state=expired", cookies=kim).text


def test_an_invitation_can_be_taken_back(door):
    path, kim = invited(door), door.let_in("kim")
    answer = door.post("/admin/invitations/revoke", {"only": alone(door).id}, cookies=kim)
    assert answer.status == 303
    assert door.get(path).status == accept(door, path).status == 404


def owed(door: Door) -> list[Delivery]:
    query = select(Delivery).where(Delivery.kind == "invitation", Delivery.is_owed())
    return list(door.database.read_now(lambda session: session.scalars(query).all()))


def test_an_invitation_that_is_taken_back_is_not_mailed_any_more(mailing):
    invite(mailing, email="zoe@ink.example")
    invite(mailing, email="zack@ink.example")
    first = min(owed(mailing), key=lambda mail: mail.id)
    mailing.database.transact_now(outbox.claim, b"s" * 32)  # tried, and not yet through
    revoked = {"only": first.key.partition(":")[2]}
    mailing.post("/admin/invitations/revoke", revoked, cookies=mailing.let_in("kim"))
    assert [mail.to for mail in owed(mailing)] == ["zack@ink.example"]


def test_invitations_of_somebody_who_was_shut_out_are_not_mailed_any_more(mailing):
    world = mailing.cast
    mailing.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    invite(mailing, email="zoe@ink.example")
    mailing.database.transact_now(user_list.disable_person, world.kim.id, by=world.eve)
    assert owed(mailing) == []


def test_what_was_accepted_cannot_be_taken_back(door):
    path, kim = invited(door), door.let_in("kim")
    accept(door, path)
    door.post("/admin/invitations/revoke", {"only": alone(door).id}, cookies=kim)
    assert alone(door).revoked_at is None


@pytest.mark.parametrize("way", ["disabled", "demoted"])
def test_who_may_invite_no_more_leaves_no_open_door(door, way):
    world = door.cast
    door.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    path = door.database.transact_now(invitation.invite, role="admin", by=world.eve)
    kim = door.let_in("kim")
    if way == "disabled":
        door.post(f"/admin/people/{world.eve.id}/disable", cookies=kim)
        door.post(f"/admin/people/{world.eve.id}/enable", cookies=kim)
    else:
        given = {"display_name": "Eve", "email": "eve@ink.example", "role": "editor"}
        door.post(f"/admin/people/{world.eve.id}", given, cookies=kim)
    assert door.get(path).status == accept(door, path).status == 404


def test_the_log_tells_which_invitations_end_with_their_inviter_and_of_none_where_there_was_none(
    database, world
):
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
def test_what_is_no_invitation_opens_nothing(open_door, key):
    assert open_door.get(f"/invitation/{key}").status == 404
    assert accept(open_door, f"/invitation/{key}").status == 404


# --- a byline ---


def test_who_takes_over_a_byline_keeps_its_name_and_its_posts(door):
    lee = door.cast.lee
    door.database.transact_now(_write_as, lee.id, by=door.cast.kim)
    path = invited(door, byline=lee.id, display_name="")
    page = door.get(path).text
    assert 'value="Lee Byline"' in page and 'name="name"' not in page
    answer = accept(door, path, name="mallory", display_name="Lee B. Line")
    assert answer.status == 303
    found = by_name(door, "lee")
    assert (found.id, found.display_name) == (lee.id, "Lee B. Line")
    assert by_name(door, "mallory") is None
    assert "Of old days" in door.get("/control-panel", cookies=answer.cookies).text
    signed = door.post("/sign-in", {"login": "lee", "password": ZOE["password"]})
    assert signed.status == 303


def _write_as(session: Session, id: int, *, by: User) -> None:
    pass
    from blog.models.posts.editing import WorkingCopy

    post = editing.start(session, "post", "en", by=by)
    editing.keep(session, post, WorkingCopy(title="Of old days", authors=[id]), by=by)


def test_of_two_invitations_to_one_byline_the_second_is_over(door):
    lee = door.cast.lee.id
    first, second = (invited(door, byline=lee) for _ in range(2))
    assert accept(door, first).status == 303
    assert door.get(second).status == 404
    assert accept(door, second, email="x@ink.example").status == 404


def test_of_twenty_who_accept_at_once_one_finds_it_open(database, world, config_of):
    path = database.transact_now(invitation.invite, role="author", by=world.kim)
    assert race(database, config_of, [path] * 20) == 1


def test_of_twenty_who_claim_one_byline_by_links_of_their_own_one_has_it(
    database, world, config_of
):
    given = {"role": "author", "by": world.kim, "byline_id": world.lee.id}
    paths = [database.transact_now(invitation.invite, **given) for _ in range(20)]
    assert race(database, config_of, paths) == 1


def race(database: Database, config_of, paths: list[str]) -> int:
    """How many of those who accept at the same moment are let in."""
    workers = [database, *(Database(config_of(database)) for _ in range(3))]

    def accept_one(number: int) -> bool:
        given = {"name": f"zoe-{number}", "display_name": "Zoë", "email": ""}
        key = paths[number].rpartition("/")[2]
        try:
            workers[number % 4].transact_now(
                invitation.accept_invitation, key, **given, password_hash="x"
            )
        except (LookupError, Refusal):
            return False
        return True

    with ThreadPoolExecutor(len(paths)) as threads:
        done = list(threads.map(accept_one, range(len(paths))))
    for one in workers[1:]:
        one.close()
    return done.count(True)


def test_bylines_are_offered_until_they_are_somebody(door):
    def offered() -> list[str]:
        return [name for _, name in door.database.read_now(user_list.bylines)]

    assert offered() == ["Lee Byline"]
    accept(door, invited(door, byline=door.cast.lee.id))
    assert offered() == []
