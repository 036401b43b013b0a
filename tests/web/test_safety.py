"""What attackers try: forged requests, cookies and links, guesses, fields nobody offered."""

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

OURS, EVIL = cast.ADDRESS, "https://evil.example"
WRONG = "not the password"


def sign_in(
    client: AppClient, login: str = "ann", password: str = cast.PASSWORD, **how: object
) -> Answer:
    return client.post("/sign-in", {"login": login, "password": password}, **how)


def is_in(client: AppClient, cookies: dict[str, str]) -> bool:
    return client.get("/control-panel", cookies=cookies).status == 200


def who_is_in(client: AppClient, cookie: str) -> str:
    """The name on the desk that this raw Cookie header opens; "" for nobody."""
    page = client.get("/control-panel", headers=[("Cookie", cookie)])
    found = re.search(r'class="who">([^<]+)<', page.text)
    return found[1] if found else ""


# --- forged requests ---

# Origin headers, Sec-Fetch-Site headers, whether a session cookie is sent, and whether it passes.
REQUESTS = [
    ([], [], False, True),  # no browser, and nobody's session
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
    ([OURS], [], True, True),
    ([OURS], ["same-origin"], True, True),
    ([OURS], ["cross-site"], True, True),
    ([OURS, OURS], [], True, False),
    ([OURS, EVIL], ["same-origin"], True, False),
    ([EVIL], [], True, False),
    ([EVIL], [], False, False),
    ([EVIL], ["cross-site"], True, False),
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
def test_only_our_own_pages_may_send_a_form(open_client, origins, sites, session, passes):
    sent = [("Origin", one) for one in origins] + [("Sec-Fetch-Site", one) for one in sites]
    cookies = open_client.let_in("ann") if session else {}
    answer = open_client.post("/sign-in", {"login": ""}, headers=sent, cookies=cookies)
    assert answer.status == (422 if passes else 403)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_host_is_never_believed(open_client, scheme):
    sent = [("Origin", f"{scheme}://evil.example")]
    assert open_client.post("/sign-in", {}, headers=sent, host="evil.example").status == 403


def test_a_form_from_elsewhere_changes_nothing(client):
    kim, path = client.let_in("kim"), f"/admin/people/{client.cast.ann.id}/disable"
    for sent in ([("Origin", EVIL)], [("Sec-Fetch-Site", "same-site")], []):
        assert client.post(path, headers=sent, cookies=kim).status == 403
        assert is_in(client, client.let_in("ann"))


def test_nobody_can_be_signed_in_from_elsewhere(open_client):
    answer = sign_in(open_client, headers=[("Sec-Fetch-Site", "cross-site"), ("Origin", EVIL)])
    assert answer.status == 403 and not answer.all("set-cookie")


def test_a_further_origin_is_trusted_only_if_it_is_configured(furnished, tmp_path):
    config = Config(data_dir=tmp_path, trusted_origins=("https://other.example",))
    with AppClient(config, furnished) as client:
        for origin, status in {"https://other.example": 422, "https://others.example": 403}.items():
            assert client.post("/sign-in", {}, headers=[("Origin", origin)]).status == status


@pytest.mark.parametrize("trick", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_get_stays_a_get(client, trick):
    path = f"/admin/people/{client.cast.ann.id}/disable"
    kim = client.let_in("kim")
    assert client.get(f"{path}?_method=POST", cookies=kim, headers=[(trick, "POST")]).status == 405
    assert is_in(client, client.let_in("ann"))


# --- cookies ---


@pytest.fixture
def secure(client: AppClient) -> AppClient:
    """The same blog, on an https address."""

    def move(session: Session) -> None:
        setup.blank(session).address = cast.SECURE_ADDRESS

    client.database.transact_now(move)
    return client


def test_a_cookie_that_another_host_can_set_is_not_taken_for_ours(secure):
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


def test_what_was_said_after_an_act_is_told_once_and_by_no_other_host(secure):
    given = {"old": cast.PASSWORD, "password": "nine slow trains", "again": "nine slow trains"}
    ann = {"__Host-session": secure.let_in("ann")["session"]}
    said = secure.post("/control-panel/password", given, cookies=ann).cookies["__Host-flash"]
    page = secure.get("/sign-in", cookies={"__Host-flash": said})
    assert "Your password was changed." in page.text
    (taken,) = [line for line in page.all("set-cookie") if line.startswith("__Host-flash=")]
    assert "Max-Age=0" in taken and "Secure" in taken
    for tossed in ("flash", "__Secure-flash", "__Secure-__Host-flash"):
        assert "Your password" not in secure.get("/sign-in", cookies={tossed: said}).text


def test_a_session_cookie_that_comes_twice_is_nobodys(secure):
    ann, bob = secure.let_in("ann")["session"], secure.let_in("bob")["session"]
    assert who_is_in(secure, f"__Host-session={bob}; __Host-session={ann}") == ""
    assert who_is_in(secure, f"__Host-session={ann}; __Host-session={ann}") == ""


def test_without_tls_only_the_plain_cookie_counts(open_client):
    ann, bob = open_client.let_in("ann")["session"], open_client.let_in("bob")["session"]
    assert who_is_in(open_client, f"session={ann}; __Host-session={bob}") == "Ann Archer"
    assert who_is_in(open_client, f"__Secure-session={bob}; session={ann}") == "Ann Archer"
    assert who_is_in(open_client, f"__Host-session={bob}") == ""


@pytest.mark.parametrize("token", ["", "x", "'", "%00", "a" * 4000, '"', "; =", "é"])
def test_a_cookie_that_is_nonsense_is_nobodys(open_client, token):
    assert open_client.get("/control-panel", headers=[("Cookie", f"session={token}")]).status == 303


@pytest.mark.parametrize("name", [b"session", b"browser", b"waiting", b"flash"])
def test_a_cookie_of_odd_bytes_breaks_no_page(open_client, name):
    head = b"GET /sign-in HTTP/1.1\r\nHost: ink.example\r\nConnection: close\r\n"
    for value in (b"\xff", b"\xff.\xff", b"a.\xed\xb3\xa9"):
        assert open_client.say(head + b"Cookie: " + name + b"=" + value + b"\r\n\r\n").status == 200


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(secure):
    line = next(one for one in sign_in(secure).all("set-cookie") if one.startswith("__Host-"))
    parts = line.split("; ")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(parts)
    assert not [part for part in parts if part.lower().startswith("domain")]


# --- sessions ---


def test_signing_in_gives_a_new_token_and_ends_the_old_one(client):
    old = client.let_in("ann")
    new = {"session": sign_in(client, cookies=old).cookies["session"]}
    assert new != old and is_in(client, new) and not is_in(client, old)


def test_a_token_that_was_planted_before_is_worth_nothing_after(client):
    planted = {"session": "a" * 43}
    given = sign_in(client, cookies=planted).cookies["session"]
    assert given != planted["session"] and not is_in(client, planted)


def test_signing_out_ends_the_session_and_not_just_the_cookie(client):
    ann = client.let_in("ann")
    answer = client.post("/sign-out", cookies=ann)
    assert answer.status == 303 and answer.cookies["session"] == ""
    assert not is_in(client, ann)


def test_a_new_password_ends_all_other_browsers(client):
    here, there = client.let_in("ann"), client.let_in("ann")
    given = {"old": cast.PASSWORD, "password": "nine slow trains", "again": "nine slow trains"}
    assert client.post("/control-panel/password", given, cookies=here).status == 303
    assert is_in(client, here) and not is_in(client, there)


def test_the_present_password_cannot_be_guessed_from_a_browser_left_open(client):
    ann = client.let_in("ann")
    given = {"old": WRONG, "password": "nine slow trains", "again": "nine slow trains"}
    for _ in range(login_throttle.LIMITS["login"]):
        assert client.post("/control-panel/password", given, cookies=ann).status == 422
    refused = client.post("/control-panel/password", given | {"old": cast.PASSWORD}, cookies=ann)
    assert "Too many attempts" in refused.text


@pytest.mark.parametrize(("column", "age"), [("seen_at", IDLE), ("created_at", ABSOLUTE)])
def test_a_session_ends_by_itself(client, column, age):
    ann = client.let_in("ann")

    def grow_old(session: Session) -> None:
        for row in session.scalars(select(SignIn)):
            setattr(row, column, now() - age - timedelta(minutes=1))

    assert is_in(client, ann)
    client.database.transact_now(grow_old)
    assert not is_in(client, ann)


def test_the_database_knows_no_token_and_no_password(client):
    token = sign_in(client).cookies["session"]
    files = client.config.data_dir.glob("blog.sqlite3*")
    stored = b"".join(file.read_bytes() for file in files)
    assert b"ann@ink.example" in stored
    assert token.encode() not in stored and cast.PASSWORD.encode() not in stored


def test_a_hash_of_the_cheap_days_is_made_anew_at_sign_in(client, monkeypatch):
    monkeypatch.setattr(client.app.ctx.passwords, "hasher", auth.Passwords().hasher)
    sign_in(client)
    hashed = client.database.read_now(user.with_login, "ann").password_hash
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert sign_in(client).status == 303


# --- guessing ---


def test_the_eleventh_try_waits_even_with_the_right_password(client):
    for _ in range(login_throttle.LIMITS["login"]):
        assert sign_in(client, password=WRONG).status == 422
    assert sign_in(client).status == 429
    assert sign_in(client, "bob").status == 303


def test_tries_are_counted_by_all_processes_as_one(client):
    with AppClient(client.config) as other:
        for one in [client, other] * 5:
            assert sign_in(one, password=WRONG).status == 422
        assert sign_in(client).status == sign_in(other).status == 429


def test_tries_at_the_same_moment_do_not_overtake_the_count(client):
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: sign_in(client, password=WRONG).status, range(16)))
    assert sorted(statuses) == [422] * 10 + [429] * 6


def test_a_name_in_other_letters_or_a_mail_address_has_no_tries_of_its_own(client):
    for login in ["ann", "ANN", " ann ", "Ann", "aNN"] * 2:
        assert sign_in(client, login, WRONG).status == 422
    assert sign_in(client, "ann").status == 429


def plant_tries(client: AppClient, number: int, login: str, network: str) -> None:
    for one in range(number):
        name = login.format(one)
        assert client.database.transact_now(login_throttle.claim, name, network)


def test_a_network_that_tries_many_names_waits(client):
    plant_tries(client, login_throttle.LIMITS["ip"], "name-{}", "127.0.0.1")
    assert sign_in(client).status == 429


def test_a_header_cannot_say_where_one_comes_from(client):
    plant_tries(client, login_throttle.LIMITS["ip"], "name-{}", "127.0.0.1")
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"):
        sent = [*cast.OURS.items(), (name, "203.0.113.9")]
        assert sign_in(client, headers=sent).status == 429


def test_tries_are_forgotten_after_a_while_and_after_a_success(client):
    for _ in range(9):
        sign_in(client, password=WRONG)
    assert sign_in(client).status == 303
    assert sign_in(client, password=WRONG).status == 422

    def age(session: Session) -> None:
        for row in session.scalars(select(login_throttle.Attempt)):
            row.at = now() - login_throttle.WINDOW - timedelta(seconds=1)

    plant_tries(client, 9, "ann", "192.0.2.1")
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
def test_a_throttle_counts_networks_that_one_person_may_own(ip, network):
    assert headers.network(ip) == network


# --- who is there? ---

# Nobody of that name, somebody with another password, a byline, somebody disabled.
STRANGERS = ["zzz", "ann", "lee", "dan"]


def test_a_failed_try_looks_the_same_whoever_was_tried(client):
    pages = {sign_in(client, login, WRONG).text.replace(login, "NAME") for login in STRANGERS}
    assert len(pages) == 1
    with_mail = sign_in(client, "ann@ink.example", WRONG).text.replace("ann@ink.example", "NAME")
    assert with_mail in pages


def test_a_failed_try_takes_the_same_work_whoever_was_tried(client, monkeypatch):
    passwords: auth.Passwords = client.app.ctx.passwords
    checked: list[str] = []
    verify = passwords._verify

    def counted(stored: str, password: str) -> bool:
        checked.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(passwords, "_verify", counted)
    for login in STRANGERS:
        sign_in(client, login, WRONG)
    assert len(checked) == len(STRANGERS)


async def test_the_hash_of_nobody_costs_as_much_as_that_of_somebody():
    passwords = auth.Passwords()
    assert not await passwords.check(None, WRONG)
    assert not passwords.hasher.check_needs_rehash(passwords.dummy_hash)
    passwords.close()


def test_a_disabled_person_with_the_right_password_learns_nothing(client):
    right, wrong = sign_in(client, "dan"), sign_in(client, "dan", WRONG)
    assert right.status == 422 and right.text == wrong.text


def test_what_is_logged_holds_no_password_and_stays_on_its_line(client, caplog):
    sign_in(client, "ann\r\n2026 fake line\x1b[31m", "a-secret-guess")
    told = [record.getMessage() for record in caplog.records]
    assert any("fake line" in line for line in told)
    assert not any("\n" in line or "\x1b" in line or "a-secret-guess" in line for line in told)


# --- the set-up link ---

CLAIM = {
    "title": "Mine",
    "address": "http://ink.example",
    "language": "en",
    "timezone": "UTC",
    "display_name": "First Keeper",
    "name": "first",
    "email": "first@ink.example",
    "password": "one calm harbour",
}


def setup_link(client: AppClient) -> str:
    return f"/set-up?key={auth.setup_key(startup.secret(client.config.data_dir))}"


def test_without_its_link_nobody_can_claim_the_blog(empty_client):
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


def test_of_two_claims_at_once_one_wins(empty_client):
    link = setup_link(empty_client)

    def claim(number: int) -> int:
        given = {"name": f"keeper-{number}", "email": f"{number}@ink.example"}
        return empty_client.post(link, CLAIM | given).status

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(claim, range(4)))
    assert statuses[0] == 303 and set(statuses[1:]) <= {404, 422}
    count = select(func.count()).select_from(User)
    assert empty_client.database.read_now(lambda session: session.scalar(count)) == 1


def test_of_two_first_keepers_at_once_one_wins(database):
    def claim(number: int) -> bool:
        given = {name: CLAIM[name] for name in ("title", "address", "language", "timezone")}
        try:
            database.transact_now(
                setup.set_up, **given, name=f"k{number}", email="", password_hash="x"
            )
        except user.Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(claim, range(4))) == [False, False, False, True]


# --- open redirects ---

ELSEWHERE = [
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


def lands_here(location: str) -> bool:
    """As browsers read it: tabs and line ends vanish, a backslash is a slash."""
    read = re.sub(r"[\t\r\n]", "", location.strip()).replace("\\", "/")
    return urlsplit(urljoin("http://ink.example/sign-in", read)).netloc == "ink.example"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_never_leads_elsewhere(open_client, target):
    given = {"login": "ann", "password": cast.PASSWORD, "next": target}
    ann = open_client.let_in("ann")
    posted = open_client.post("/sign-in", given)
    looked = open_client.get(f"/sign-in?next={quote(target)}", cookies=ann)
    for answer in (posted, looked):
        assert answer.status == 303 and lands_here(answer.header("location"))
        assert answer.header("location").startswith("/")
        assert set(answer.cookies) <= {"browser", "session"}
        assert answer.cookies.get("session") != "x"


def test_signing_in_leads_on_to_where_one_was_going(client):
    refused = client.get("/admin/people")
    page = client.get(refused.header("location")).text
    going = re.search(r'name="next" value="([^"]+)"', page)[1]
    given = {"login": "kim", "password": cast.PASSWORD, "next": going}
    assert client.post("/sign-in", given).header("location") == "/admin/people"


# --- paths ---

CLIMBING = [
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


@pytest.mark.parametrize("payload", CLIMBING)
@pytest.mark.parametrize("folder", ["/static/", "/media/", "/static/x/"])
def test_no_path_leads_out_of_its_folder(open_client, folder, payload):
    secret = (open_client.config.data_dir / "secret").read_bytes()
    answer = open_client.get(folder + payload)
    assert answer.status in (400, 404)
    assert (
        secret not in answer.body and b"root:" not in answer.body and b"SQLite" not in answer.body
    )


# --- links ---

POISON = [
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
def test_links_are_made_from_the_configured_address_alone(open_client, path):
    clean = open_client.get(path)
    poisoned = open_client.get(path, host="evil.example:444", headers=POISON)
    assert "evil" not in poisoned.text and poisoned.body == clean.body
    absolute = open_client.say(
        f"GET http://evil.example{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert "evil" not in absolute.text


# --- fields nobody offered ---

JUNK = {column.name: "9" for table in Base.metadata.sorted_tables for column in table.columns} | {
    "role": "admin",
    "is_admin": "1",
    "user_id": "1",
    "author_id": "1",
    "by": "1",
    "version": "1",
}
SACRED = ("id", "name", "role", "password_hash", "disabled_at", "created_at")
PROFILE = {"display_name": "Ann A.", "email": "ann@ink.example", "bio": "x", "language": "en"}


def sacred(client: AppClient) -> list[tuple[object, ...]]:
    def read(session: Session) -> list[tuple[object, ...]]:
        people = session.scalars(select(User).order_by(User.id))
        return [tuple(getattr(one, name) for name in SACRED) for one in people]

    return client.database.read_now(read)


def test_a_profile_takes_no_field_but_its_own(client):
    before = sacred(client)
    answer = client.post("/control-panel/profile", JUNK | PROFILE, cookies=client.let_in("ann"))
    assert answer.status == 303 and sacred(client) == before


def test_a_post_takes_no_field_but_its_own(client):
    post, kept = (
        client.cast.ann_draft,
        ("id", "uid", "kind", "created_at", "publish_at", "trashed_at"),
    )
    kept += ("live_revision_id", "address_id", "source_path", "extra", "links", "announced_at")

    def read(session: Session) -> list[object]:
        row = session.get_one(Post, post.id)
        return [getattr(row, name) for name in kept]

    before, people = client.database.read_now(read), sacred(client)
    typed = {"title": "A title", "slug": "", "body": "x", "language": "en", "tags": "", "cover": ""}
    version = client.database.read_now(lambda session: session.get_one(Post, post.id).version)
    given = JUNK | typed | {"version": version, "publish_at": ""}
    path = f"/control-panel/posts/{post.id}/save"
    assert client.post(path, given, cookies=client.let_in("ann")).status in (200, 204, 303)
    assert client.database.read_now(read) == before and sacred(client) == people
    assert client.database.read_now(lambda s: s.get_one(Post, post.id).title) == "A title"


def test_a_person_in_the_office_takes_no_field_but_its_own(client):
    id, before = client.cast.ann.id, sacred(client)
    given = JUNK | PROFILE | {"role": "author"}
    assert client.post(f"/admin/people/{id}", given, cookies=client.let_in("kim")).status == 303
    assert sacred(client) == before


def test_settings_take_no_field_but_their_own(client):
    facts = client.database.read_now(site.facts)
    given = JUNK | {"title": "T", "tagline": "", "address": "http://ink.example", "language": "en"}
    given |= {"timezone": "UTC", "navigation": "", "posts_per_page": "5"}
    assert client.post("/admin/settings", given, cookies=client.let_in("kim")).status == 303
    after = client.database.read_now(site.facts)
    assert (after.uid, after.set_up) == (facts.uid, True)


def test_of_a_field_that_comes_twice_the_first_counts(client):
    given = PROFILE | {"role": ["author", "admin"]}
    client.post(f"/admin/people/{client.cast.ann.id}", given, cookies=client.let_in("kim"))
    assert client.database.read_now(user.with_login, "ann").role == "author"


# --- characters nobody types ---

ODD = [
    "A\r\nSet-Cookie: odd=1",
    "A\x00B",
    "A\x1b[31mB",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfe",
]


@pytest.mark.parametrize("typed", ODD, ids=repr)
def test_odd_characters_reach_neither_a_header_nor_the_database(client, typed):
    kim, path = client.let_in("kim"), f"/admin/people/{client.cast.ann.id}"
    answer = client.post(path, PROFILE | {"display_name": typed, "role": "author"}, cookies=kim)
    assert answer.status in (303, 422) and "odd" not in answer.cookies
    shown = client.database.read_now(user.with_login, "ann").display_name
    assert shown.isprintable()
    assert "odd" not in client.get("/admin/people", cookies=kim).cookies


NOWHERE = [
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


@pytest.mark.parametrize("path", NOWHERE, ids=lambda path: path[:40])
def test_nonsense_in_an_address_is_not_found(open_client, path):
    answer = open_client.get(quote(path, safe="/%'=-"))
    assert answer.status == 404 and "<h1" in answer.text
    assert "odd" not in answer.cookies and not answer.all("odd")


ASKED = [
    "q=%00",
    "q=a%00b",
    "q=%ff",
    "q=%ed%a0%80",
    "q=" + "a" * 3000,
    "q=%22%22%22",
    "q=*",
    "q=a*",
]
ASKED += ["q=(", "q=)", "q=NEAR(a b", "q=a AND", "q=-", "q=:*", "q=%5c", "q='", "q=%25", "q=&q=b"]
ASKED += [
    "q=a&page=0",
    "q=a&page=-1",
    "q=a&page=x",
    "q=a&page=99999",
    "page=1",
    "",
    "q=a:b",
    "q=^a",
]


# Both databases answer whatever is asked of them.
@pytest.fixture
def anywhere(migrated: Config, world: Cast) -> Iterator[AppClient]:
    """The blog on either database."""
    with AppClient(migrated) as client:
        client.cast = world
        yield client


def test_no_nonsense_is_a_fault_of_ours_on_either_database(anywhere):
    faults = []
    for path in [*NOWHERE, *(f"/search?{asked.replace(' ', '%20')}" for asked in ASKED)]:
        answer = anywhere.get(quote(path, safe="/%'=-?&"))
        if answer.status not in (200, 404):
            faults.append((path[:50], answer.status))
    kim = anywhere.let_in("kim")
    for query in ("title=%00", "author=%00", "title=%ff", "title=" + "x" * 3000, "author='"):
        if anywhere.get(f"/admin/posts?{query}", cookies=kim).status != 200:
            faults.append((query[:50], 0))
    assert faults == []


def test_no_typed_nonsense_is_a_fault_of_ours_on_either_database(anywhere):
    faults = []
    ann, kim = anywhere.let_in("ann"), anywhere.let_in("kim")
    for typed in [
        *ODD,
        "x" * 5000,
        "\U0010ffff",
        "\u202e",
        "%s%n",
        "{{7*7}}",
        "'; DROP TABLE post",
    ]:
        for path, cookies, given in (
            ("/sign-in", {}, {"login": typed, "password": typed, "next": typed}),
            ("/control-panel/profile", ann, PROFILE | {"display_name": typed, "bio": typed}),
            ("/admin/people/new", kim, CLAIM | {"name": typed, "email": typed, "role": typed}),
            ("/admin/settings", kim, CLAIM | {"navigation": typed, "posts_per_page": typed}),
        ):
            answer = anywhere.post(path, given, cookies=cookies)
            if answer.status not in (303, 422, 429):
                faults.append((path, typed, answer.status))
    assert faults == []


# --- too much, and methods that are none ---


@pytest.fixture(scope="module")
def narrow(furnished, tmp_path_factory) -> Iterator[AppClient]:
    """A blog that takes a megabyte at most."""
    config = Config(data_dir=tmp_path_factory.mktemp("narrow"), max_upload_mb=1)
    with AppClient(config, furnished) as client:
        yield client


@pytest.mark.parametrize("path", ["/sign-in", "/control-panel/posts/1/save"])
def test_a_body_that_is_too_large_is_refused_on_a_page_of_ours(narrow, path):
    ours, ann = tuple(cast.OURS.items()), narrow.let_in("ann")
    answer = narrow.ask("POST", path, body=b"x" * 3_000_000, headers=ours, cookies=ann)
    assert answer.status == 413 and "<h1" in answer.text


def test_a_body_that_does_not_say_how_large_it_is_may_not_be_larger(narrow):
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += b"Sec-Fetch-Site: same-origin\r\nConnection: close\r\n\r\n"
    assert narrow.say(head + piece * 40 + b"0\r\n\r\n").status == 413


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO", "get", "G"]
)
def test_a_method_that_an_address_does_not_have_is_refused(open_client, method):
    answer = open_client.ask(method, "/about", headers=tuple(cast.OURS.items()))
    assert answer.status in (400, 405) and "<h1" in answer.text


BROKEN = {
    "no version": b"GET /\r\n\r\n",
    "nothing": b"\r\n\r\n",
    "no header": b"GET / HTTP/1.1\r\nno header\r\n\r\n",
    "a raw zero": b"GET /\x00 HTTP/1.1\r\n\r\n",
    "raw letters": "GET /é HTTP/1.1\r\n\r\n".encode(),
    "no length": b"POST /sign-in HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    "a wrong chunk": b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "long headers": b"GET / HTTP/1.1\r\nx: " + b"y" * 50_000 + b"\r\n\r\n",
    "a hope": b"POST /sign-in HTTP/1.1\r\nExpect: gold\r\nContent-Length: 1\r\n\r\nx",
}


@pytest.mark.parametrize("words", BROKEN.values(), ids=BROKEN)
def test_what_is_no_request_is_answered_with_a_page_of_ours(open_client, words):
    answer = open_client.say(words)
    assert 400 <= answer.status < 500 and "<h1" in answer.text
    assert open_client.get("/").status == 200


def test_a_form_that_is_none_is_told_so_and_not_taken(open_client):
    for kind, body in {
        "application/json": json.dumps({"login": "ann", "password": cast.PASSWORD}).encode(),
        "text/plain": b"login=ann&password=" + quote(cast.PASSWORD).encode(),
        "multipart/form-data; boundary=x": b"--y\r\nnonsense",
        "multipart/form-data": b"",
    }.items():
        sent = [*cast.OURS.items(), ("Content-Type", kind)]
        answer = open_client.ask("POST", "/sign-in", headers=sent, body=body)
        assert answer.status == 422 and not answer.all("set-cookie"), kind


def test_a_form_of_a_hundred_thousand_fields_is_no_fault_of_ours(open_client):
    body = b"&".join(b"a%d=1" % number for number in range(100_000))
    sent = [*cast.OURS.items(), ("Content-Type", "application/x-www-form-urlencoded")]
    assert open_client.ask("POST", "/sign-in", headers=sent, body=body).status in (413, 422)


def test_a_sign_in_in_use_is_marked_so_and_no_page_waits_for_it(client: AppClient) -> None:
    cookies = cast.sign_in(client.database, client.cast.ann)
    old = now() - timedelta(hours=1)
    client.database.transact_now(_age_sign_ins, old)
    assert client.get("/control-panel", cookies=cookies).status == 200
    wait_for(lambda: client.database.read_now(_last_seen) > old)


def _age_sign_ins(session: Session, moment: datetime) -> None:
    session.execute(update(SignIn).values(seen_at=moment), execution_options={"tags": ()})


def _last_seen(session: Session) -> datetime:
    return session.scalars(select(func.max(SignIn.seen_at))).one()


def test_a_full_disk_is_told_apart_from_a_busy_database(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/full.sqlite3")
    with engine.connect() as connection, pytest.raises(OperationalError) as full:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    assert errors.status_of(full.value) == 507
    assert errors.status_of(OSError(errno.ENOSPC, "No space left on device")) == 507
    busy = OperationalError("", None, Exception("database is locked"))
    assert (errors.status_of(busy), errors.status_of(OSError(errno.EACCES, ""))) == (503, 500)
