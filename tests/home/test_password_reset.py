"""Resetting a forgotten password by link, and signing in from recognized devices during attacks."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from subprocess import run

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.base import Refusal, now
from blog.models.jobs.outbox import Delivery
from blog.models.users import login_throttle, password, password_reset, setup, user
from blog.models.users.password_reset import PasswordReset
from tests.support import cast, live_server
from tests.support.app_client import Answer, AppClient

NEW = "nine slow trains"
WRONG = "not the one"


def ask(client: AppClient, login: str, **how: object) -> Answer:
    return client.post("/forgotten", {"login": login}, **how)


def queued(client: AppClient, kind: str = "reset") -> list[Delivery]:
    """The emails of a kind that are still to be sent."""
    query = select(Delivery).where(Delivery.kind == kind, Delivery.done_at.is_(None))
    return client.database.read_now(lambda session: list(session.scalars(query)))


def mailed_path(client: AppClient) -> str:
    return str(queued(client)[-1].facts["path"])


def link(client: AppClient, name: str = "ann") -> str:
    return client.database.transact_now(password_reset.create_reset_link, name)


def reset_password(client: AppClient, path: str, new: str = NEW, **how: object) -> Answer:
    return client.post(path, {"password": new}, **how)


def sign_in(client: AppClient, word: str = cast.PASSWORD, **how: object) -> Answer:
    return client.post("/sign-in", {"login": "ann", "password": word}, **how)


# --- asking for a link ---


@pytest.mark.parametrize("login", ["ann", "ANN", "ann@ink.example"])
def test_asking_for_a_reset_queues_an_email_with_a_link(mailing, login):
    answer = ask(mailing, login)
    assert (answer.status, answer.header("location")) == (303, "/sign-in")
    (mail,) = queued(mailing)
    assert (mail.to, mail.facts["name"]) == ("ann@ink.example", "Ann Archer")
    assert mailing.get(mail.facts["path"]).status == 200


# An unknown name and address, a byline, and a disabled account by name and address.
CANNOT_SIGN_IN = ["zzz", "zzz@ink.example", "lee", "dan", "dan@ink.example"]


def test_the_answer_is_the_same_for_known_and_unknown_accounts(mailing):
    answers = [ask(mailing, login) for login in ["ann", *CANNOT_SIGN_IN]]
    distinct = {(each.status, each.body, tuple(sorted(each.pairs))) for each in answers}
    assert len(distinct) == 1
    assert {mail.to for mail in queued(mailing)} == {"ann@ink.example"}


def test_the_same_rows_are_written_for_known_and_unknown_accounts(mailing):
    counts = []
    for login in ("ann", "zzz@ink.example"):
        before = rows_of(mailing)
        ask(mailing, login)
        after = rows_of(mailing)
        counts.append({table: after[table] - before[table] for table in after})
    assert counts[0] == counts[1] and counts[0]["delivery"] == 1


def rows_of(client: AppClient) -> dict[str, int]:
    from tests.web.test_access import rows

    return {table: len(found) for table, found in rows(client).items()}


def test_the_email_for_an_unknown_account_is_never_sent(mailing):
    ask(mailing, "zzz@ink.example")
    assert queued(mailing) == []
    query = select(PasswordReset)
    resets = mailing.database.read_now(lambda session: session.scalars(query).all())
    assert [row.user_id for row in resets] == [None]


def test_the_database_does_not_store_the_key(mailing):
    path = link(mailing)
    files = mailing.config.data_dir.glob("blog.sqlite3*")
    stored = b"".join(file.read_bytes() for file in files)
    assert path.removeprefix("/reset/").encode() not in stored


def test_a_new_link_invalidates_the_previous_one(mailing):
    ask(mailing, "ann")
    first = mailed_path(mailing)
    ask(mailing, "ann@ink.example")
    assert mailing.get(first).status == 404
    assert mailing.get(mailed_path(mailing)).status == 200


def test_requests_are_limited_per_login_and_per_network(mailing):
    limit = login_throttle.LIMITS["forgotten"]
    assert [ask(mailing, "zzz").status for _ in range(limit + 1)] == [303] * limit + [429]
    left = login_throttle.LIMITS["asking"] - limit
    assert [ask(mailing, f"z{number}").status for number in range(left)] == [303] * left
    assert ask(mailing, "ann").status == 429


def test_emails_are_limited_per_account_and_day(mailing):
    for _ in range(4):
        for login in ("ann", "ann@ink.example"):
            mailing.database.transact_now(password_reset.request_reset, login, "en")
    assert len(queued(mailing)) == login_throttle.LIMITS["mailed"]


def test_the_link_uses_the_configured_address_and_not_the_request_headers(mailing):
    sent = [*cast.OURS.items(), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil")]
    ask(mailing, "ann", headers=sent, host="evil.example")
    assert "evil" not in str(queued(mailing)[0].facts)
    assert mailed_path(mailing).startswith("/reset/")


def test_without_email_the_page_names_the_command_to_run(open_client):
    page = open_client.get("/forgotten").text
    assert "blog reset-password NAME" in page and "<form" not in page
    assert ask(open_client, "ann").status == 422
    assert queued(open_client) == []


def test_the_sign_in_page_links_to_the_reset_form(open_client):
    assert 'href="/forgotten"' in open_client.get("/sign-in").text


# --- using the link ---


def test_opening_a_link_does_not_use_it_up(client):
    path = link(client)
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert client.ask(method, path).status in (200, 204)
    assert reset_password(client, path).status == 303


def test_a_link_resets_the_password_once(client):
    path = link(client)
    answer = reset_password(client, path)
    assert (answer.status, answer.header("location")) == (303, "/sign-in")
    assert "session" not in answer.cookies
    assert sign_in(client).status == 422 and sign_in(client, NEW).status == 303
    assert client.get(path).status == reset_password(client, path, "some other words").status == 404
    assert sign_in(client, NEW).status == 303


def test_a_reset_ends_every_session_and_notifies_the_owner(client):
    ann, bob = client.let_in("ann"), client.let_in("bob")
    reset_password(client, link(client))
    assert client.get("/control-panel", cookies=ann).status == 303
    assert client.get("/control-panel", cookies=bob).status == 200
    (mail,) = queued(client, "password_changed")
    assert (mail.to, mail.facts["ip"]) == ("ann@ink.example", "127.0.0.1")


def test_a_rejected_password_does_not_use_up_the_link(client):
    path = link(client)
    for bad in ("", "short", "ann archer 12", "1111111111", "x" * 2000):
        answer = reset_password(client, path, bad)
        assert answer.status == 422 and 'id="f-password-fault"' in answer.text
    assert reset_password(client, path).status == 303


def test_a_link_expires_after_an_hour(client):
    path = link(client)

    def age(session: Session, time: timedelta) -> None:
        for row in session.scalars(select(PasswordReset)):
            row.created_at -= time

    client.database.transact_now(age, password_reset.LASTS - timedelta(minutes=1))
    assert client.get(path).status == 200
    client.database.transact_now(age, timedelta(minutes=2))
    assert client.get(path).status == reset_password(client, path).status == 404


def test_an_emailed_link_is_invalid_once_the_email_address_changes(mailing):
    ask(mailing, "ann")
    path = mailed_path(mailing)
    form = {"display_name": "Ann", "email": "other@ink.example", "role": "author"}
    kim = mailing.let_in("kim")
    assert mailing.post(f"/admin/people/{mailing.cast.ann.id}", form, cookies=kim).status == 303
    assert mailing.get(path).status == reset_password(mailing, path).status == 404


@pytest.mark.parametrize("key", ["x", "%00", "%ff%fe", "é".encode().hex(), "a" * 3000, "..%2fx"])
def test_an_invalid_link_is_not_found(open_client, key):
    assert open_client.get(f"/reset/{key}").status == 404
    assert reset_password(open_client, f"/reset/{key}").status == 404


def test_a_disabled_account_cannot_use_a_link(client):
    path = link(client)
    client.post(f"/admin/people/{client.cast.ann.id}/disable", cookies=client.let_in("kim"))
    assert client.get(path).status == reset_password(client, path).status == 404


def test_of_twenty_concurrent_uses_of_a_link_one_succeeds(database, world, config_of):
    key = database.transact_now(password_reset.create_reset_link, "ann").rpartition("/")[2]
    others = [database, *(Database(config_of(database)) for _ in range(3))]

    def use(number: int) -> bool:
        try:
            others[number % 4].transact_now(
                password.reset_password, key, f"hash-{number}", ip="192.0.2.1"
            )
        except LookupError:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(use, range(20)))
    for other in others[1:]:
        other.close()
    ann = database.read_now(user.find_by_login, "ann")
    assert done.count(True) == 1 and ann.password_hash == f"hash-{done.index(True)}"


def test_the_reset_page_is_not_cached_and_links_to_no_other_host(open_client):
    """The address of the page holds the key, so no cache or other host may learn it."""
    answer = open_client.get("/reset/x")
    assert answer.header("cache-control") == "no-store"
    assert not re.search(r'(src|href)="(https?:)?//', answer.text)


# --- on the command line ---


@pytest.mark.slow
def test_the_reset_password_command_works_while_the_blog_runs(config, furnished):
    with AppClient(config, furnished) as client:
        command = [sys.executable, "-m", "blog", "reset-password", "ann@ink.example"]
        env = live_server.environment(config)
        printed = run(
            command, env=env, capture_output=True, text=True, check=True, cwd=live_server.ROOT
        )
        address, _, key = printed.stdout.strip().partition("/reset/")
        assert address == cast.ADDRESS
        assert reset_password(client, f"/reset/{key}").status == 303
        assert sign_in(client, NEW).status == 303


@pytest.mark.parametrize(("name", "why"), [("zzz", "named"), ("dan", "disab"), ("lee", "byline")])
def test_no_link_is_made_for_an_account_that_cannot_sign_in(database, world, name, why):
    with pytest.raises(Refusal, match=why):
        database.transact_now(password_reset.create_reset_link, name)


# --- notifications of a new password ---


def test_an_admin_setting_a_password_notifies_its_owner(client):
    kim, path = client.let_in("kim"), f"/admin/people/{client.cast.ann.id}/set-password"
    assert client.post(path, {"password": NEW}, cookies=kim).status == 303
    assert [mail.to for mail in queued(client, "password_changed")] == ["ann@ink.example"]


def test_changing_a_password_notifies_its_owner_and_invalidates_links(client):
    path, ann = link(client), client.let_in("ann")
    form = {"old": cast.PASSWORD, "password": NEW, "again": NEW}
    assert client.post("/control-panel/password", form, cookies=ann).status == 303
    assert [mail.to for mail in queued(client, "password_changed")] == ["ann@ink.example"]
    assert client.get(path).status == 404


def test_rehashing_a_password_sends_no_notification(client, monkeypatch):
    monkeypatch.setattr(
        type(client.app.ctx.passwords.hasher), "check_needs_rehash", lambda *_: True
    )
    assert sign_in(client).status == 303
    assert queued(client, "password_changed") == []


# --- recognized devices ---


def exhaust_attempts(client: AppClient, **how: object) -> int:
    """Try wrong passwords until the limit is exceeded; returns the last status."""
    return [
        sign_in(client, WRONG, **how).status for _ in range(login_throttle.LIMITS["login"] + 1)
    ][-1]


def test_a_recognized_device_can_sign_in_during_an_attack(client):
    cookies = sign_in(client).cookies
    assert exhaust_attempts(client) == 429
    assert sign_in(client).status == 429
    assert sign_in(client, cookies={"browser": cookies["browser"]}).status == 303


def test_a_device_is_still_recognized_after_signing_out(client):
    cookies = sign_in(client).cookies
    assert "browser" not in client.post("/sign-out", cookies=cookies).cookies
    exhaust_attempts(client)
    assert sign_in(client, cookies={"browser": cookies["browser"]}).status == 303


def test_a_recognized_device_has_its_own_limit_of_attempts(client):
    cookies = {"browser": sign_in(client).cookies["browser"]}
    assert exhaust_attempts(client, cookies=cookies) == 429
    assert sign_in(client, cookies=cookies).status == 429
    assert sign_in(client).status == 303  # other devices have their own limit
    assert exhaust_attempts(client) == 429
    other = {"browser": client.post("/sign-in", BOB).cookies["browser"]}
    assert sign_in(client, cookies=other).status == 429


BOB = {"login": "bob", "password": cast.PASSWORD}


def test_a_sign_in_from_a_recognized_device_does_not_reset_the_limit_for_others(client):
    cookies = {"browser": sign_in(client).cookies["browser"]}
    exhaust_attempts(client)
    assert sign_in(client, cookies=cookies).status == 303
    assert sign_in(client).status == 429


def test_one_browser_is_recognized_for_two_people(client):
    cookies = {"browser": sign_in(client).cookies["browser"]}
    cookies = {"browser": client.post("/sign-in", BOB, cookies=cookies).cookies["browser"]}
    exhaust_attempts(client)
    assert sign_in(client, cookies=cookies).status == 303


@pytest.mark.parametrize("forged", ["", ".", "x.y", "{key}", "{key}.", "{key}.0", "{key}.é"])
def test_a_forged_device_cookie_is_not_recognized(client, forged):
    key = sign_in(client).cookies["browser"].partition(".")[0]
    exhaust_attempts(client)
    assert sign_in(client, cookies={"browser": forged.format(key=key)}).status == 429


def test_a_new_password_forgets_every_other_device(client):
    other, current = sign_in(client).cookies, sign_in(client).cookies
    form = {"old": cast.PASSWORD, "password": NEW, "again": NEW}
    client.post("/control-panel/password", form, cookies=current)
    exhaust_attempts(client)
    assert sign_in(client, NEW, cookies={"browser": other["browser"]}).status == 429
    assert sign_in(client, NEW, cookies={"browser": current["browser"]}).status == 303


def test_using_a_link_makes_the_device_recognized(client):
    exhaust_attempts(client)
    cookies = reset_password(client, link(client)).cookies
    assert sign_in(client, NEW, cookies={"browser": cookies["browser"]}).status == 303


def test_the_password_can_be_changed_during_an_attack(client):
    cookies = sign_in(client).cookies
    exhaust_attempts(client)
    form = {"old": cast.PASSWORD, "password": NEW, "again": NEW}
    assert client.post("/control-panel/password", form, cookies=cookies).status == 303


def test_the_device_cookie_is_http_only_and_stored_as_a_hash(client):
    headers = sign_in(client).all("set-cookie")
    cookie = next(header for header in headers if header.startswith("browser="))
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    stored = b"".join(f.read_bytes() for f in client.config.data_dir.glob("blog.sqlite3*"))
    assert cookie.partition("=")[2].partition(".")[0].encode() not in stored


def test_over_https_the_device_cookie_needs_the_host_prefix(client):
    client.database.transact_now(change_address, cast.SECURE_ADDRESS)
    answer = sign_in(client)
    cookie = next(header for header in answer.all("set-cookie") if "browser=" in header)
    assert cookie.startswith("__Host-browser=") and "Secure" in cookie.split("; ")
    value = answer.cookies["__Host-browser"]
    exhaust_attempts(client)
    for name in ("browser", "__Secure-__Host-browser", "__Secure-browser"):
        assert sign_in(client, cookies={name: value}).status == 429
    assert sign_in(client, cookies={"__Host-browser": value}).status == 303


def change_address(session: Session, address: str) -> None:
    setup.get_or_create_site(session).address = address


def test_old_sign_in_attempts_expire(client):
    for login in ("ann", "zzz"):
        client.database.transact_now(login_throttle.count_attempt, login, "192.0.2.1")
        client.database.transact_now(login_throttle.count_reset_mail, login, None)

    def age(session: Session, time: timedelta) -> int:
        for row in session.scalars(select(login_throttle.Attempt)):
            row.at = now() - time
        session.flush()
        return len(
            session.scalars(select(login_throttle.Attempt).where(login_throttle.over())).all()
        )

    assert client.database.transact_now(age, login_throttle.WINDOW + timedelta(minutes=1)) == 4
    assert client.database.transact_now(age, login_throttle.DAY + timedelta(minutes=1)) == 6
