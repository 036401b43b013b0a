"""Attacks: CSRF, cookie tossing, password guessing, open redirects, path traversal, odd input."""

import errno
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from sqlalchemy import create_engine, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from blog.config import Config
from blog.models.base import Base, now
from blog.models.posts.post import Post
from blog.models.settings import site
from blog.models.users import login_throttle, setup, user
from blog.models.users.signin import ABSOLUTE, IDLE, SignIn
from blog.models.users.user import User
from blog.server import startup
from blog.web import auth, errors, headers
from tests.support import cast
from tests.support.app_client import Answer, AppClient
from tests.support.cast import Cast
from tests.support.live_server import wait_for

OWN_ORIGIN, FOREIGN_ORIGIN = cast.ADDRESS, "https://evil.example"
WRONG_PASSWORD = "not the password"


def sign_in(
    client: AppClient, login: str = "ann", password: str = cast.PASSWORD, **options: object
) -> Answer:
    return client.post("/sign-in", {"login": login, "password": password}, **options)


def is_in(client: AppClient, cookies: dict[str, str]) -> bool:
    return client.get("/control-panel", cookies=cookies).status == 200


def who_is_in(client: AppClient, cookie: str) -> str:
    """Return the name of the user whom this raw Cookie header signs in; "" for nobody."""
    page = client.get("/control-panel", headers=[("Cookie", cookie)])
    match = re.search(r'class="who">([^<]+)<', page.text)
    return match[1] if match else ""


# --- forged requests ---

# Origin headers, Sec-Fetch-Site headers, whether a session cookie is sent, whether it is accepted.
REQUESTS = [
    ([], [], False, True),  # not a browser, and no session
    ([], [], True, False),
    ([], ["same-origin"], True, True),
    ([], ["none"], True, True),
    ([], ["same-site"], True, False),
    ([], ["same-site"], False, False),
    ([], ["cross-site"], True, False),
    ([], ["cross-site"], False, False),
    ([], ["Same-Origin"], True, False),
    ([], ["anything"], True, False),
    ([], [""], True, False),
    ([], ["same-origin", "same-origin"], True, False),
    ([], ["same-origin", "cross-site"], True, False),
    ([OWN_ORIGIN], [], True, True),
    ([OWN_ORIGIN], ["same-origin"], True, True),
    ([OWN_ORIGIN], ["cross-site"], True, True),
    ([OWN_ORIGIN, OWN_ORIGIN], [], True, False),
    ([OWN_ORIGIN, FOREIGN_ORIGIN], ["same-origin"], True, False),
    ([FOREIGN_ORIGIN], [], True, False),
    ([FOREIGN_ORIGIN], [], False, False),
    ([FOREIGN_ORIGIN], ["cross-site"], True, False),
    (["null"], [], True, False),
    (["null"], [], False, False),
    (["null"], ["cross-site"], True, False),
    ([""], [], True, False),
    (["https://ink.example"], [], True, False),
    (["http://ink.example:8080"], [], True, False),
    (["http://INK.example"], [], True, False),
    (["http://ink.example/"], [], True, False),
    (["http://ink.example.evil.example"], [], True, False),
    (["http://ink.example@evil.example"], [], True, False),
    (["http://evil.example#http://ink.example"], [], True, False),
    (["http://sub.ink.example"], ["same-site"], True, False),
]


@pytest.mark.parametrize(("origins", "sites", "session", "passes"), REQUESTS)
def test_only_our_own_pages_may_submit_a_form(open_client, origins, sites, session, passes):
    sent = [("Origin", origin) for origin in origins]
    sent += [("Sec-Fetch-Site", site) for site in sites]
    cookies = open_client.let_in("ann") if session else {}
    answer = open_client.post("/sign-in", {"login": ""}, headers=sent, cookies=cookies)
    assert answer.status == (422 if passes else 403)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_host_header_is_never_trusted(open_client, scheme):
    sent = [("Origin", f"{scheme}://evil.example")]
    assert open_client.post("/sign-in", {}, headers=sent, host="evil.example").status == 403


def test_a_form_from_another_site_changes_nothing(client):
    kim, path = client.let_in("kim"), f"/admin/people/{client.cast.ann.id}/disable"
    for sent in ([("Origin", FOREIGN_ORIGIN)], [("Sec-Fetch-Site", "same-site")], []):
        assert client.post(path, headers=sent, cookies=kim).status == 403
        assert is_in(client, client.let_in("ann"))


def test_another_site_cannot_sign_a_visitor_in(open_client):
    answer = sign_in(
        open_client, headers=[("Sec-Fetch-Site", "cross-site"), ("Origin", FOREIGN_ORIGIN)]
    )
    assert answer.status == 403 and not answer.all("set-cookie")


def test_another_origin_is_trusted_only_if_configured(furnished, tmp_path):
    config = Config(data_dir=tmp_path, trusted_origins=("https://other.example",))
    with AppClient(config, furnished) as client:
        for origin, status in {"https://other.example": 422, "https://others.example": 403}.items():
            assert client.post("/sign-in", {}, headers=[("Origin", origin)]).status == status


@pytest.mark.parametrize("trick", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_no_header_overrides_the_method(client, trick):
    path = f"/admin/people/{client.cast.ann.id}/disable"
    kim = client.let_in("kim")
    assert client.get(f"{path}?_method=POST", cookies=kim, headers=[(trick, "POST")]).status == 405
    assert is_in(client, client.let_in("ann"))


# --- cookies ---


@pytest.fixture
def secure(client: AppClient) -> AppClient:
    """The same blog, on an https address."""

    def change_address(session: Session) -> None:
        setup.get_or_create_site(session).address = cast.SECURE_ADDRESS

    client.database.transact_now(change_address)
    return client


def test_a_cookie_that_another_host_can_set_is_ignored(secure):
    ann, bob = secure.let_in("ann")["session"], secure.let_in("bob")["session"]
    assert who_is_in(secure, f"__Host-session={ann}") == "Ann Archer"
    for tossed in (
        "__Secure-__Host-session",
        "__Host-__Host-session",
        "__Secure-session",
        "session",
    ):
        assert who_is_in(secure, f"{tossed}={bob}; __Host-session={ann}") == "Ann Archer"
        assert who_is_in(secure, f"__Host-session={ann}; {tossed}={bob}") == "Ann Archer"
        assert who_is_in(secure, f"{tossed}={bob}") == ""


def test_a_flash_message_is_shown_once_and_cannot_be_set_by_another_host(secure):
    form = {"old": cast.PASSWORD, "password": "nine slow trains", "again": "nine slow trains"}
    ann = {"__Host-session": secure.let_in("ann")["session"]}
    flash = secure.post("/control-panel/password", form, cookies=ann).cookies["__Host-flash"]
    page = secure.get("/sign-in", cookies={"__Host-flash": flash})
    assert "Your password was changed." in page.text
    (deleted,) = [line for line in page.all("set-cookie") if line.startswith("__Host-flash=")]
    assert "Max-Age=0" in deleted and "Secure" in deleted
    for tossed in ("flash", "__Secure-flash", "__Secure-__Host-flash"):
        assert "Your password" not in secure.get("/sign-in", cookies={tossed: flash}).text


def test_a_session_cookie_that_is_sent_twice_is_ignored(secure):
    ann, bob = secure.let_in("ann")["session"], secure.let_in("bob")["session"]
    assert who_is_in(secure, f"__Host-session={bob}; __Host-session={ann}") == ""
    assert who_is_in(secure, f"__Host-session={ann}; __Host-session={ann}") == ""


def test_without_tls_only_the_cookie_without_prefix_counts(open_client):
    ann, bob = open_client.let_in("ann")["session"], open_client.let_in("bob")["session"]
    assert who_is_in(open_client, f"session={ann}; __Host-session={bob}") == "Ann Archer"
    assert who_is_in(open_client, f"__Secure-session={bob}; session={ann}") == "Ann Archer"
    assert who_is_in(open_client, f"__Host-session={bob}") == ""


@pytest.mark.parametrize("token", ["", "x", "'", "%00", "a" * 4000, '"', "; =", "é"])
def test_an_invalid_session_cookie_is_ignored(open_client, token):
    assert open_client.get("/control-panel", headers=[("Cookie", f"session={token}")]).status == 303


@pytest.mark.parametrize("name", [b"session", b"browser", b"waiting", b"flash"])
def test_a_cookie_of_invalid_bytes_causes_no_error(open_client, name):
    head = b"GET /sign-in HTTP/1.1\r\nHost: ink.example\r\nConnection: close\r\n"
    for value in (b"\xff", b"\xff.\xff", b"a.\xed\xb3\xa9"):
        assert open_client.say(head + b"Cookie: " + name + b"=" + value + b"\r\n\r\n").status == 200


def test_cookies_are_inaccessible_to_scripts_and_other_sites(secure):
    line = next(
        header for header in sign_in(secure).all("set-cookie") if header.startswith("__Host-")
    )
    parts = line.split("; ")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(parts)
    assert not [part for part in parts if part.lower().startswith("domain")]


# --- sessions ---


def test_signing_in_gives_a_new_token_and_ends_the_old_one(client):
    old = client.let_in("ann")
    new = {"session": sign_in(client, cookies=old).cookies["session"]}
    assert new != old and is_in(client, new) and not is_in(client, old)


def test_a_session_token_planted_before_sign_in_is_not_used(client):
    planted = {"session": "a" * 43}
    token = sign_in(client, cookies=planted).cookies["session"]
    assert token != planted["session"] and not is_in(client, planted)


def test_signing_out_ends_the_session_and_not_just_the_cookie(client):
    ann = client.let_in("ann")
    answer = client.post("/sign-out", cookies=ann)
    assert answer.status == 303 and answer.cookies["session"] == ""
    assert not is_in(client, ann)


def test_a_new_password_ends_all_other_sessions(client):
    this_browser, other_browser = client.let_in("ann"), client.let_in("ann")
    form = {"old": cast.PASSWORD, "password": "nine slow trains", "again": "nine slow trains"}
    assert client.post("/control-panel/password", form, cookies=this_browser).status == 303
    assert is_in(client, this_browser) and not is_in(client, other_browser)


def test_guessing_the_current_password_in_an_open_session_is_throttled(client):
    ann = client.let_in("ann")
    form = {"old": WRONG_PASSWORD, "password": "nine slow trains", "again": "nine slow trains"}
    for _ in range(login_throttle.LIMITS["login"]):
        assert client.post("/control-panel/password", form, cookies=ann).status == 422
    refused = client.post("/control-panel/password", form | {"old": cast.PASSWORD}, cookies=ann)
    assert "Too many attempts" in refused.text


@pytest.mark.parametrize(("column", "age"), [("seen_at", IDLE), ("created_at", ABSOLUTE)])
def test_a_session_expires(client, column, age):
    ann = client.let_in("ann")

    def grow_old(session: Session) -> None:
        for row in session.scalars(select(SignIn)):
            setattr(row, column, now() - age - timedelta(minutes=1))

    assert is_in(client, ann)
    client.database.transact_now(grow_old)
    assert not is_in(client, ann)


def test_the_database_contains_no_token_and_no_password(client):
    token = sign_in(client).cookies["session"]
    files = client.config.data_dir.glob("blog.sqlite3*")
    stored = b"".join(file.read_bytes() for file in files)
    assert b"ann@ink.example" in stored
    assert token.encode() not in stored and cast.PASSWORD.encode() not in stored


def test_a_hash_with_weak_parameters_is_replaced_at_sign_in(client, monkeypatch):
    monkeypatch.setattr(client.app.ctx.passwords, "hasher", auth.Passwords().hasher)
    sign_in(client)
    hashed = client.database.read_now(user.find_by_login, "ann").password_hash
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert sign_in(client).status == 303


# --- guessing ---


def test_the_eleventh_attempt_is_throttled_even_with_the_right_password(client):
    for _ in range(login_throttle.LIMITS["login"]):
        assert sign_in(client, password=WRONG_PASSWORD).status == 422
    assert sign_in(client).status == 429
    assert sign_in(client, "bob").status == 303


def test_attempts_are_counted_across_processes(client):
    with AppClient(client.config) as other:
        for process in [client, other] * 5:
            assert sign_in(process, password=WRONG_PASSWORD).status == 422
        assert sign_in(client).status == sign_in(other).status == 429


def test_simultaneous_attempts_are_all_counted(client):
    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(lambda _: sign_in(client, password=WRONG_PASSWORD).status, range(16))
        )
    assert sorted(statuses) == [422] * 10 + [429] * 6


def test_other_spellings_of_a_name_share_one_throttle(client):
    for login in ["ann", "ANN", " ann ", "Ann", "aNN"] * 2:
        assert sign_in(client, login, WRONG_PASSWORD).status == 422
    assert sign_in(client, "ann").status == 429


def record_attempts(client: AppClient, number: int, login: str, network: str) -> None:
    for index in range(number):
        name = login.format(index)
        assert client.database.transact_now(login_throttle.count_attempt, name, network)


def test_a_network_that_tries_many_names_is_throttled(client):
    record_attempts(client, login_throttle.LIMITS["ip"], "name-{}", "127.0.0.1")
    assert sign_in(client).status == 429


def test_no_header_can_forge_the_client_address(client):
    record_attempts(client, login_throttle.LIMITS["ip"], "name-{}", "127.0.0.1")
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"):
        sent = [*cast.OURS.items(), (name, "203.0.113.9")]
        assert sign_in(client, headers=sent).status == 429


def test_attempts_are_forgotten_after_a_while_and_after_success(client):
    for _ in range(9):
        sign_in(client, password=WRONG_PASSWORD)
    assert sign_in(client).status == 303
    assert sign_in(client, password=WRONG_PASSWORD).status == 422

    def age(session: Session) -> None:
        for row in session.scalars(select(login_throttle.Attempt)):
            row.at = now() - login_throttle.WINDOW - timedelta(seconds=1)

    record_attempts(client, 9, "ann", "192.0.2.1")
    client.database.transact_now(age)
    assert sign_in(client).status == 303


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "local"),
        ("nonsense", "local"),
    ],
)
def test_an_ipv6_throttle_counts_the_64_bit_network(ip, network):
    assert headers.network(ip) == network


# --- account enumeration ---

# An unknown name, a wrong password, a byline (no account), a disabled account.
FAILING_LOGINS = ["zzz", "ann", "lee", "dan"]


def test_a_failed_sign_in_looks_the_same_for_every_login(client):
    pages = {
        sign_in(client, login, WRONG_PASSWORD).text.replace(login, "NAME")
        for login in FAILING_LOGINS
    }
    assert len(pages) == 1
    with_mail = sign_in(client, "ann@ink.example", WRONG_PASSWORD).text.replace(
        "ann@ink.example", "NAME"
    )
    assert with_mail in pages


def test_a_failed_sign_in_checks_one_hash_for_every_login(client, monkeypatch):
    passwords: auth.Passwords = client.app.ctx.passwords
    checked: list[str] = []
    verify = passwords._verify

    def counted(stored: str, password: str) -> bool:
        checked.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(passwords, "_verify", counted)
    for login in FAILING_LOGINS:
        sign_in(client, login, WRONG_PASSWORD)
    assert len(checked) == len(FAILING_LOGINS)


async def test_the_dummy_hash_costs_as_much_as_a_real_one():
    passwords = auth.Passwords()
    assert not await passwords.check(None, WRONG_PASSWORD)
    assert not passwords.hasher.check_needs_rehash(passwords.dummy_hash)
    passwords.close()


def test_a_disabled_account_looks_like_a_wrong_password(client):
    right, wrong = sign_in(client, "dan"), sign_in(client, "dan", WRONG_PASSWORD)
    assert right.status == 422 and right.text == wrong.text


def test_a_log_entry_contains_no_password_and_no_line_break(client, caplog):
    sign_in(client, "ann\r\n2026 fake line\x1b[31m", "a-secret-guess")
    messages = [record.getMessage() for record in caplog.records]
    assert any("fake line" in message for message in messages)
    for message in messages:
        assert not any(text in message for text in ("\n", "\x1b", "a-secret-guess"))


# --- the set-up link ---

CLAIM = {
    "title": "Mine",
    "address": "http://ink.example",
    "language": "en",
    "timezone": "UTC",
    "display_name": "First Owner",
    "name": "first",
    "email": "first@ink.example",
    "password": "one calm harbour",
}


def setup_link(client: AppClient) -> str:
    return f"/set-up?key={auth.setup_key(startup.secret(client.config))}"


def test_the_blog_cannot_be_set_up_without_the_link(empty_client):
    for key in ("", "?key=", "?key=x", f"?key={'0' * 32}", "?key=%00", "?key=%C3%A9"):
        assert empty_client.get(f"/set-up{key}").status == 403
        assert empty_client.post(f"/set-up{key}", CLAIM).status == 403
    assert not empty_client.database.read_now(site.facts).set_up


def test_the_set_up_link_works_once(empty_client):
    link = setup_link(empty_client)
    assert empty_client.get(link).status == 200
    claimed = empty_client.post(link, CLAIM)
    assert claimed.status == 303 and is_in(empty_client, {"session": claimed.cookies["session"]})
    assert empty_client.get(link).status == empty_client.post(link, CLAIM).status == 404


def test_of_simultaneous_set_ups_one_succeeds(empty_client):
    link = setup_link(empty_client)

    def claim(number: int) -> int:
        form = {"name": f"owner-{number}", "email": f"{number}@ink.example"}
        return empty_client.post(link, CLAIM | form).status

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(claim, range(4)))
    assert statuses[0] == 303 and set(statuses[1:]) <= {404, 422}
    count = select(func.count()).select_from(User)
    assert empty_client.database.read_now(lambda session: session.scalar(count)) == 1


def test_of_simultaneous_set_up_transactions_one_succeeds(database):
    def claim(number: int) -> bool:
        form = {name: CLAIM[name] for name in ("title", "address", "language", "timezone")}
        try:
            database.transact_now(
                setup.set_up, **form, name=f"k{number}", email="", password_hash="x"
            )
        except user.Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(claim, range(4))) == [False, False, False, True]


# --- open redirects ---

FOREIGN_TARGETS = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2e%2e",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\r\n/evil.example",
    "/ok\r\nSet-Cookie: session=x",
    "/%0d%0aLocation: //evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "http://ink.example@evil.example",
    "http://ink.example.evil.example",
    "//ink.example@evil.example",
    "/\x00/evil.example",
    "/\u2028/evil.example",
    "／／evil.example",
    "/.\\evil.example",
    "?next=//evil.example",
    "#//evil.example",
    "",
]


def is_on_this_site(location: str) -> bool:
    """Whether the URL is on this site, parsed as browsers do.

    They ignore tabs and line ends, and take a backslash for a slash.
    """
    normalized = re.sub(r"[\t\r\n]", "", location.strip()).replace("\\", "/")
    return urlsplit(urljoin("http://ink.example/sign-in", normalized)).netloc == "ink.example"


@pytest.mark.parametrize("target", FOREIGN_TARGETS)
def test_signing_in_never_redirects_to_another_site(open_client, target):
    form = {"login": "ann", "password": cast.PASSWORD, "next": target}
    ann = open_client.let_in("ann")
    posted = open_client.post("/sign-in", form)
    shown = open_client.get(f"/sign-in?next={quote(target)}", cookies=ann)
    for answer in (posted, shown):
        assert answer.status == 303 and is_on_this_site(answer.header("location"))
        assert answer.header("location").startswith("/")
        assert set(answer.cookies) <= {"browser", "session"}
        assert answer.cookies.get("session") != "x"


def test_signing_in_redirects_to_the_requested_page(client):
    denied = client.get("/admin/people")
    page = client.get(denied.header("location")).text
    going = re.search(r'name="next" value="([^"]+)"', page)[1]
    form = {"login": "kim", "password": cast.PASSWORD, "next": going}
    assert client.post("/sign-in", form).header("location") == "/admin/people"


# --- paths ---

TRAVERSALS = [
    "..",
    "../secret",
    "../../secret",
    "..%2fsecret",
    "..%2f..%2fsecret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "..%5csecret",
    "..\\secret",
    "....//secret",
    "..;/secret",
    ".%00./secret",
    "%00",
    "secret%00.png",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "C:%5cwindows",
    "./../secret",
    "x/../../secret",
    "%c0%ae%c0%ae/secret",
    "%e2%80%ae/secret",
    "ab/../../secret",
    ".",
    "",
    "a" * 3000,
    "blog.sqlite3",
    "../blog.sqlite3",
    "../blog.sqlite3-wal",
]


@pytest.mark.parametrize("payload", TRAVERSALS)
@pytest.mark.parametrize("folder", ["/static/", "/media/", "/static/x/"])
def test_no_path_leaves_its_folder(open_client, folder, payload):
    secret = (open_client.config.data_dir / "secret").read_bytes()
    answer = open_client.get(folder + payload)
    assert answer.status in (400, 404)
    assert (
        secret not in answer.body and b"root:" not in answer.body and b"SQLite" not in answer.body
    )


# --- links ---

POISONED_HEADERS = [
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Port", "444"),
    ("X-Forwarded-Path", "/evil"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Original-URL", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("Forwarded", "host=evil.example;proto=https"),
    ("Referer", "https://evil.example/"),
]


@pytest.mark.parametrize("path", ["/", "/feed.atom", "/sitemap.xml", "/robots.txt", "/about"])
def test_links_use_only_the_configured_address(open_client, path):
    clean = open_client.get(path)
    poisoned = open_client.get(path, host="evil.example:444", headers=POISONED_HEADERS)
    assert "evil" not in poisoned.text and poisoned.body == clean.body
    absolute = open_client.say(
        f"GET http://evil.example{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert "evil" not in absolute.text


# --- fields that a form does not have ---

JUNK = {column.name: "9" for table in Base.metadata.sorted_tables for column in table.columns} | {
    "role": "admin",
    "is_admin": "1",
    "user_id": "1",
    "author_id": "1",
    "by": "1",
    "version": "1",
}
PROTECTED_COLUMNS = ("id", "name", "role", "password_hash", "disabled_at", "created_at")
PROFILE = {"display_name": "Ann A.", "email": "ann@ink.example", "bio": "x", "language": "en"}


def protected_values(client: AppClient) -> list[tuple[object, ...]]:
    def read(session: Session) -> list[tuple[object, ...]]:
        people = session.scalars(select(User).order_by(User.id))
        return [tuple(getattr(person, name) for name in PROTECTED_COLUMNS) for person in people]

    return client.database.read_now(read)


def test_the_profile_form_ignores_unknown_fields(client):
    before = protected_values(client)
    answer = client.post("/control-panel/profile", JUNK | PROFILE, cookies=client.let_in("ann"))
    assert answer.status == 303 and protected_values(client) == before


def test_the_post_form_ignores_unknown_fields(client):
    post, columns = (
        client.cast.ann_draft,
        ("id", "uid", "kind", "created_at", "publish_at", "trashed_at"),
    )
    columns += ("live_revision_id", "address_id", "source_path", "extra", "links", "announced_at")

    def read(session: Session) -> list[object]:
        row = session.get_one(Post, post.id)
        return [getattr(row, name) for name in columns]

    before, people = client.database.read_now(read), protected_values(client)
    typed = {"title": "A title", "slug": "", "body": "x", "language": "en", "tags": "", "cover": ""}
    version = client.database.read_now(lambda session: session.get_one(Post, post.id).version)
    form = JUNK | typed | {"version": version, "publish_at": ""}
    path = f"/control-panel/posts/{post.id}/save"
    assert client.post(path, form, cookies=client.let_in("ann")).status in (200, 204, 303)
    assert client.database.read_now(read) == before and protected_values(client) == people
    assert client.database.read_now(lambda s: s.get_one(Post, post.id).title) == "A title"


def test_the_admin_form_of_a_user_ignores_unknown_fields(client):
    id, before = client.cast.ann.id, protected_values(client)
    form = JUNK | PROFILE | {"role": "author"}
    assert client.post(f"/admin/people/{id}", form, cookies=client.let_in("kim")).status == 303
    assert protected_values(client) == before


def test_the_settings_form_ignores_unknown_fields(client):
    facts = client.database.read_now(site.facts)
    form = JUNK | {"title": "T", "tagline": "", "address": "http://ink.example", "language": "en"}
    form |= {"timezone": "UTC", "navigation": "", "posts_per_page": "5"}
    assert client.post("/admin/settings", form, cookies=client.let_in("kim")).status == 303
    after = client.database.read_now(site.facts)
    assert (after.uid, after.set_up) == (facts.uid, True)


def test_of_a_repeated_field_the_first_value_counts(client):
    form = PROFILE | {"role": ["author", "admin"]}
    client.post(f"/admin/people/{client.cast.ann.id}", form, cookies=client.let_in("kim"))
    assert client.database.read_now(user.find_by_login, "ann").role == "author"


# --- unusual characters ---

ODD_TEXTS = [
    "A\r\nSet-Cookie: odd=1",
    "A\x00B",
    "A\x1b[31mB",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfe",
]


@pytest.mark.parametrize("typed", ODD_TEXTS, ids=repr)
def test_control_characters_reach_neither_headers_nor_the_database(client, typed):
    kim, path = client.let_in("kim"), f"/admin/people/{client.cast.ann.id}"
    answer = client.post(path, PROFILE | {"display_name": typed, "role": "author"}, cookies=kim)
    assert answer.status in (303, 422) and "odd" not in answer.cookies
    shown = client.database.read_now(user.find_by_login, "ann").display_name
    assert shown.isprintable()
    assert "odd" not in client.get("/admin/people", cookies=kim).cookies


MISSING_PATHS = [
    "/%00",
    "/posts/%00",
    "/posts/a%00b",
    "/posts/%0d%0aSet-Cookie:%20odd=1",
    "/posts/%ff%fe",
    "/posts/%ed%a0%80",
    "/%c0%ae",
    "/%",
    "/%zz",
    "/tags/%00",
    "/tags/x%00",
    "/authors/%00",
    "/authors/%F0%9F%92%A9",
    "/tags/%00/feed.atom",
    "/authors/%00/feed.atom",
    "/archive/0/0",
    "/archive/2026/13",
    "/archive/99999999999999999999",
    "/archive/-1",
    "/page/0",
    "/page/-1",
    "/page/99999",
    "/page/%00",
    "/page/１",
    "/preview/%00",
    "/preview/x",
    "/preview/" + "x" * 3000,
    "/" + "a" * 3000,
    "/" + "a/" * 1500,
    "/posts/" + "%E4" * 900,
    "/.git/config",
    "/.env",
    "/docs",
    "/docs/openapi.json",
    "/wp-login.php",
    "/data/blog.sqlite3",
    "/admin.php",
    "/'%20OR%201=1--",
]


@pytest.mark.parametrize("path", MISSING_PATHS, ids=lambda path: path[:40])
def test_an_invalid_path_is_answered_with_404(open_client, path):
    answer = open_client.get(quote(path, safe="/%'=-"))
    assert answer.status == 404 and "<h1" in answer.text
    assert "odd" not in answer.cookies and not answer.all("odd")


QUERIES = [
    "q=%00",
    "q=a%00b",
    "q=%ff",
    "q=%ed%a0%80",
    "q=" + "a" * 3000,
    "q=%22%22%22",
    "q=*",
    "q=a*",
]
QUERIES += ["q=(", "q=)", "q=NEAR(a b", "q=a AND", "q=-", "q=:*", "q=%5c", "q='", "q=%25", "q=&q=b"]
QUERIES += [
    "q=a&page=0",
    "q=a&page=-1",
    "q=a&page=x",
    "q=a&page=99999",
    "page=1",
    "",
    "q=a:b",
    "q=^a",
]


@pytest.fixture
def either_database(migrated: Config, world: Cast) -> Iterator[AppClient]:
    """The blog on either database."""
    with AppClient(migrated) as client:
        client.cast = world
        yield client


def test_no_invalid_path_or_query_causes_a_server_error(either_database):
    faults = []
    searches = [f"/search?{query.replace(' ', '%20')}" for query in QUERIES]
    for path in [*MISSING_PATHS, *searches]:
        answer = either_database.get(quote(path, safe="/%'=-?&"))
        if answer.status not in (200, 404):
            faults.append((path[:50], answer.status))
    kim = either_database.let_in("kim")
    for query in ("title=%00", "author=%00", "title=%ff", "title=" + "x" * 3000, "author='"):
        if either_database.get(f"/admin/posts?{query}", cookies=kim).status != 200:
            faults.append((query[:50], 0))
    assert faults == []


def test_no_odd_text_in_a_form_causes_a_server_error(either_database):
    faults = []
    ann, kim = either_database.let_in("ann"), either_database.let_in("kim")
    for typed in [
        *ODD_TEXTS,
        "x" * 5000,
        "\U0010ffff",
        "\u202e",
        "%s%n",
        "{{7*7}}",
        "'; DROP TABLE post",
    ]:
        for path, cookies, form in (
            ("/sign-in", {}, {"login": typed, "password": typed, "next": typed}),
            ("/control-panel/profile", ann, PROFILE | {"display_name": typed, "bio": typed}),
            ("/admin/people/new", kim, CLAIM | {"name": typed, "email": typed, "role": typed}),
            ("/admin/settings", kim, CLAIM | {"navigation": typed, "posts_per_page": typed}),
        ):
            answer = either_database.post(path, form, cookies=cookies)
            if answer.status not in (303, 422, 429):
                faults.append((path, typed, answer.status))
    assert faults == []


# --- large bodies, invalid methods and malformed requests ---


@pytest.fixture(scope="module")
def small_limit(furnished, tmp_path_factory) -> Iterator[AppClient]:
    """A blog that accepts uploads of at most one megabyte."""
    config = Config(data_dir=tmp_path_factory.mktemp("small_limit"), max_upload_mb=1)
    with AppClient(config, furnished) as client:
        yield client


@pytest.mark.parametrize("path", ["/sign-in", "/control-panel/posts/1/save"])
def test_a_body_that_is_too_large_gets_an_error_page(small_limit, path):
    ours, ann = tuple(cast.OURS.items()), small_limit.let_in("ann")
    answer = small_limit.ask("POST", path, body=b"x" * 3_000_000, headers=ours, cookies=ann)
    assert answer.status == 413 and "<h1" in answer.text


def test_a_chunked_body_that_is_too_large_is_rejected(small_limit):
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += b"Sec-Fetch-Site: same-origin\r\nConnection: close\r\n\r\n"
    assert small_limit.say(head + piece * 40 + b"0\r\n\r\n").status == 413


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO", "get", "G"]
)
def test_a_method_without_a_route_is_rejected(open_client, method):
    answer = open_client.ask(method, "/about", headers=tuple(cast.OURS.items()))
    assert answer.status in (400, 405) and "<h1" in answer.text


MALFORMED = {
    "no version": b"GET /\r\n\r\n",
    "empty lines": b"\r\n\r\n",
    "no header": b"GET / HTTP/1.1\r\nno header\r\n\r\n",
    "a null byte": b"GET /\x00 HTTP/1.1\r\n\r\n",
    "raw non-ASCII characters": "GET /é HTTP/1.1\r\n\r\n".encode(),
    "an invalid length": b"POST /sign-in HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    "an invalid chunk": b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "long headers": b"GET / HTTP/1.1\r\nx: " + b"y" * 50_000 + b"\r\n\r\n",
    "an unknown Expect": b"POST /sign-in HTTP/1.1\r\nExpect: gold\r\nContent-Length: 1\r\n\r\nx",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_gets_an_error_page(open_client, request_bytes):
    answer = open_client.say(request_bytes)
    assert 400 <= answer.status < 500 and "<h1" in answer.text
    assert open_client.get("/").status == 200


def test_a_form_in_another_content_type_is_rejected(open_client):
    for kind, body in {
        "application/json": json.dumps({"login": "ann", "password": cast.PASSWORD}).encode(),
        "text/plain": b"login=ann&password=" + quote(cast.PASSWORD).encode(),
        "multipart/form-data; boundary=x": b"--y\r\nnonsense",
        "multipart/form-data": b"",
    }.items():
        sent = [*cast.OURS.items(), ("Content-Type", kind)]
        answer = open_client.ask("POST", "/sign-in", headers=sent, body=body)
        assert answer.status == 422 and not answer.all("set-cookie"), kind


def test_a_form_of_a_hundred_thousand_fields_is_rejected(open_client):
    body = b"&".join(b"a%d=1" % number for number in range(100_000))
    sent = [*cast.OURS.items(), ("Content-Type", "application/x-www-form-urlencoded")]
    assert open_client.ask("POST", "/sign-in", headers=sent, body=body).status in (413, 422)


def test_an_active_session_is_marked_as_seen_in_the_background(client: AppClient) -> None:
    cookies = cast.sign_in(client.database, client.cast.ann)
    old = now() - timedelta(hours=1)
    client.database.transact_now(_age_sign_ins, old)
    assert client.get("/control-panel", cookies=cookies).status == 200
    wait_for(lambda: client.database.read_now(_last_seen) > old)


def _age_sign_ins(session: Session, moment: datetime) -> None:
    session.execute(update(SignIn).values(seen_at=moment), execution_options={"tags": ()})


def _last_seen(session: Session) -> datetime:
    return session.scalars(select(func.max(SignIn.seen_at))).one()


def test_a_full_disk_and_a_busy_database_have_different_statuses(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/full.sqlite3")
    with engine.connect() as connection, pytest.raises(OperationalError) as full:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    assert errors.status_of(full.value) == 507
    assert errors.status_of(OSError(errno.ENOSPC, "No space left on device")) == 507
    busy = OperationalError("", None, Exception("database is locked"))
    assert (errors.status_of(busy), errors.status_of(OSError(errno.EACCES, ""))) == (503, 500)
