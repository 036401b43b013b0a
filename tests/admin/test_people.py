"""People in the admin area: adding, changing, disabling, and keeping the last admin."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from blog.db import Database
from blog.models.base import Refusal
from blog.models.users import setup, user, user_list
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.cast import Cast

NEW = {
    "name": "zoe",
    "display_name": "Zoë Zhang",
    "email": "zoe@ink.example",
    "role": "author",
    "password": "four green windows",
}


def person(client: AppClient, id: int) -> User:
    return client.database.read_now(lambda session: session.get_one(User, id))


def by_name(client: AppClient, name: str) -> User | None:
    return client.database.read_now(user.find_by_login, name)


# --- people: adding ---


def test_an_added_person_can_sign_in(client):
    answer = client.post("/admin/people/new", NEW, cookies=client.let_in("kim"))
    assert (answer.status, answer.header("location")) == (303, "/admin/people")
    entered = client.post("/sign-in", {"login": "zoe", "password": NEW["password"]})
    assert entered.status == 303 and entered.cookies["session"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": "ann"}, "name"),
        ({"name": "Zoë Zhang"}, "name"),
        ({"name": ""}, "name"),
        ({"email": "ann@ink.example"}, "email"),
        ({"email": "nobody"}, "email"),
        ({"display_name": " "}, "display_name"),
        ({"role": "owner"}, "role"),
        ({"password": "short"}, "password"),
        ({"password": "password12345"}, "password"),
    ],
)
def test_an_invalid_new_person_is_shown_again_with_an_error_at_its_field(client, typed, field):
    answer = client.post("/admin/people/new", NEW | typed, cookies=client.let_in("kim"))
    assert answer.status == 422
    assert f'id="f-{field}-fault"' in answer.text
    assert (NEW | typed)["password"] not in answer.text
    assert (NEW | typed)["email"] in answer.text
    assert by_name(client, "zoe") is None


def test_all_errors_are_shown_at_once(client):
    typed = {"name": "No Name", "email": "x", "password": "short", "role": "author"}
    answer = client.post("/admin/people/new", typed, cookies=client.let_in("kim")).text
    for field in ("name", "email", "password", "display_name"):
        assert f'id="f-{field}-fault"' in answer


def test_only_one_of_two_concurrent_accounts_with_a_name_is_added(database):
    data = {"display_name": "Z", "email": "", "role": "author", "password_hash": "x"}

    def add(number: int) -> bool:
        try:
            database.transact_now(user.create_user, name="zoe", **data)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(add, range(4))) == [False, False, False, True]


# --- people: changing ---


def test_a_new_role_applies_from_the_next_request(client):
    kim, eve = client.let_in("kim"), client.let_in("eve")
    id = client.cast.eve.id
    data = {"display_name": "Eve", "email": "eve@ink.example", "role": "author"}
    assert client.get("/admin", cookies=eve).status == 200
    assert client.post(f"/admin/people/{id}", data, cookies=kim).status == 303
    assert (person(client, id).role, person(client, id).display_name) == ("author", "Eve")
    assert client.get("/admin", cookies=eve).status == 303  # to the sign-in page
    assert client.get("/admin", cookies=client.let_in("eve")).status == 403


def test_renaming_a_person_keeps_their_sessions(client):
    ann = client.let_in("ann")
    data = {"display_name": "Ann B.", "email": "", "role": "author"}
    client.post(f"/admin/people/{client.cast.ann.id}", data, cookies=client.let_in("kim"))
    assert client.get("/control-panel", cookies=ann).status == 200
    assert (
        person(client, client.cast.ann.id).display_name,
        person(client, client.cast.ann.id).email,
    ) == (
        "Ann B.",
        None,
    )


def test_a_disabled_person_is_signed_out_immediately_and_permanently(client):
    kim, ann, id = client.let_in("kim"), client.let_in("ann"), client.cast.ann.id
    assert client.get("/control-panel", cookies=ann).status == 200
    assert client.post(f"/admin/people/{id}/disable", cookies=kim).status == 303
    assert client.get("/control-panel", cookies=ann).status == 303
    assert client.post("/sign-in", {"login": "ann", "password": cast.PASSWORD}).status == 422
    assert client.post(f"/admin/people/{id}/enable", cookies=kim).status == 303
    assert (
        client.get("/control-panel", cookies=ann).status == 303
    )  # enabling the account does not restore its sessions
    assert client.post("/sign-in", {"login": "ann", "password": cast.PASSWORD}).status == 303


def test_a_byline_with_a_password_can_sign_in(client):
    id, data = client.cast.lee.id, {"password": "nine slow trains"}
    assert client.post("/sign-in", {"login": "lee", **data}).status == 422
    answer = client.post(f"/admin/people/{id}/set-password", data, cookies=client.let_in("kim"))
    assert answer.status == 303
    assert client.post("/sign-in", {"login": "lee", **data}).status == 303


def test_a_new_password_ends_all_sessions(client):
    ann, id = client.let_in("ann"), client.cast.ann.id
    data = {"password": "nine slow trains"}
    client.post(f"/admin/people/{id}/set-password", data, cookies=client.let_in("kim"))
    assert client.get("/control-panel", cookies=ann).status == 303
    assert client.post("/sign-in", {"login": "ann", "password": cast.PASSWORD}).status == 422


def test_a_short_password_is_rejected_at_its_field(client):
    path = f"/admin/people/{client.cast.lee.id}/set-password"
    answer = client.post(path, {"password": "short"}, cookies=client.let_in("kim"))
    assert answer.status == 422 and 'id="f-password-fault"' in answer.text
    assert person(client, client.cast.lee.id).password_hash is None


@pytest.mark.parametrize("verb", ["", "/disable", "/enable", "/set-password"])
def test_an_unknown_person_is_404(open_client, verb):
    kim = open_client.let_in("kim")
    for id in ("999", "0", "99999999999999999999", "-1", "x", "9" * 5000):
        answer = open_client.post(f"/admin/people/{id}{verb}", NEW, cookies=kim)
        assert answer.status in (404, 405), (id, answer.status)


# --- the last admin ---


def test_the_last_admin_can_neither_be_demoted_nor_disabled(client):
    kim, id = client.let_in("kim"), client.cast.kim.id
    data = {"display_name": "Kim", "email": "", "role": "editor"}
    refused = client.post(f"/admin/people/{id}", data, cookies=kim)
    assert refused.status == 422 and "This is the last admin" in refused.text
    refused = client.post(f"/admin/people/{id}/disable", cookies=kim)
    assert refused.status == 422 and "This is the last admin" in refused.text
    assert client.get("/admin/people", cookies=kim).status == 200
    assert person(client, id).display_name == "Kim Keeper"


def test_a_disabled_admin_does_not_count_as_one(database, world):
    database.transact_now(user.set_role, world.dan.id, "admin", by=world.kim)
    with pytest.raises(Refusal, match="last admin"):
        database.transact_now(user.set_role, world.kim.id, "editor", by=world.kim)


@pytest.fixture
def two_admins(database: Database, world: Cast) -> Cast:
    database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    return world


@pytest.mark.parametrize("verb", ["demote", "disable", "both"])
def test_two_admins_who_disable_each_other_at_once_leave_one_admin(
    database, two_admins, config_of, verb
):
    kim, eve = two_admins.kim, two_admins.eve
    second = Database(config_of(database))

    def shut_out(place: int) -> bool:
        where, target, by = [(database, eve, kim), (second, kim, eve)][place]
        try:
            if verb == "demote" or (verb == "both" and place):
                where.transact_now(user.set_role, target.id, "author", by=by)
            else:
                where.transact_now(user_list.disable_person, target.id, by=by)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(shut_out, range(2)))
    second.close()
    assert sorted(done) == [False, True]
    query = select(func.count()).where(User.role == "admin", User.can_sign_in)
    assert database.read_now(lambda session: session.scalar(query)) == 1


def test_create_admin_rejects_the_name_of_an_existing_account(database, world):
    with pytest.raises(Refusal, match="already"):
        database.transact_now(setup.add_admin, name="ann", email="", password_hash="x")


def test_create_admin_turns_a_byline_into_an_admin(database, world):
    database.transact_now(setup.add_admin, name="lee", email="lee@x.example", password_hash="x")
    lee = database.read_now(lambda session: session.get_one(User, world.lee.id))
    assert (lee.role, lee.password_hash, lee.display_name) == ("admin", "x", "Lee Byline")


# --- people: the list ---


def test_people_can_be_filtered(open_client):
    kim = open_client.let_in("kim")
    for query, names in {
        "": {"ann", "bob", "eve", "dan", "kim", "lee"},
        "who=active": {"ann", "bob", "eve", "kim"},
        "who=byline": {"lee"},
        "who=disabled": {"dan"},
        "role=editor": {"eve"},
        "q=ann%40ink": {"ann"},
        "q=%E7%99%BD": {"bob"},
    }.items():
        page = open_client.get(f"/admin/people?{query}", cookies=kim)
        shown = {
            name
            for name, one in open_client.cast.people.items()
            if f'href="/admin/people/{one.id}">' in page.text
        }
        assert page.status == 200 and shown == names, query


def test_disabling_several_people_is_all_or_nothing(client):
    kim, world = client.let_in("kim"), client.cast
    ids = [world.ann.id, world.bob.id]
    assert client.post("/admin/people/disable", {"ids": ids}, cookies=kim).status == 303
    assert all(person(client, id).disabled_at for id in ids)
    assert client.post("/admin/people/enable", {"ids": ids}, cookies=kim).status == 303
    assert not any(person(client, id).disabled_at for id in ids)
    refused = client.post("/admin/people/disable", {"ids": [*ids, world.kim.id]}, cookies=kim)
    assert refused.status == 422 and "last admin" in refused.text
    assert not any(person(client, id).disabled_at for id in ids)


def test_admins_cannot_disable_themselves(database, two_admins):
    kim = two_admins.kim
    with pytest.raises(Refusal, match="your own account"):
        database.transact_now(user_list.disable_person, kim.id, by=kim)
    assert database.read_now(lambda session: session.get_one(User, kim.id)).disabled_at is None


def test_an_editor_cannot_open_people(open_client):
    eve = open_client.let_in("eve")
    for path in ("people", "people/new", "people/1", "invitations", "invitations/new"):
        assert open_client.get(f"/admin/{path}", cookies=eve).status == 403


def test_authors_see_their_posts_editors_all_posts_and_admins_everything(open_client):
    drafts = {name: open_client.cast.posts[name].title for name in ("ann_draft", "bob_draft")}
    seen = {}
    for name in ("ann", "eve", "kim"):
        mine = open_client.let_in(name)
        page = open_client.get("/control-panel", cookies=mine).text
        page += open_client.get("/admin/posts", cookies=mine).text
        keeps = open_client.get("/admin/settings", cookies=mine).status == 200
        seen[name] = ({draft for draft, title in drafts.items() if title in page}, keeps)
    assert seen == {
        "ann": ({"ann_draft"}, False),
        "eve": ({"ann_draft", "bob_draft"}, False),
        "kim": ({"ann_draft", "bob_draft"}, True),
    }


@pytest.mark.parametrize(
    ("verb", "typed", "field"),
    [
        ("", {"display_name": "Kim", "email": "new@ink.example", "role": "admin"}, "email"),
        ("/set-password", {"password": "nine slow trains"}, "password"),
    ],
)
def test_an_unattended_admin_session_cannot_take_over_the_account(client, verb, typed, field):
    kim, id = client.let_in("kim"), client.cast.kim.id
    answer = client.post(f"/admin/people/{id}{verb}", typed, cookies=kim)
    assert answer.status == 422 and "your own" in answer.text.casefold()
    before = client.cast.kim
    after = person(client, id)
    assert (after.email, after.password_hash) == (before.email, before.password_hash)
    assert 'name="password"' not in client.get(f"/admin/people/{id}", cookies=kim).text
