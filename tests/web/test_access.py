"""Every door of the house, knocked on by everybody: the list of doors is the router's own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from sanic import Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.app import create_app
from blog.config import Config
from blog.models.base import Base
from blog.models.users import setup
from blog.models.users.signin import SignIn
from blog.models.users.user import ROLES
from tests.support import cast
from tests.support.app_client import Answer, AppClient

PEOPLE = {"visitor": "", "dan": "", "ann": "author", "eve": "editor", "kim": "admin"}
PUBLIC_ROOMS = {"home", "files", "health"}
# What a visitor may send, and why: none of it needs an account.
PUBLIC_POSTS = {
    "open_session": "signing in",
    "sign_out": "ends one's own session, if there is one",
    "claim": "the set-up page, opened by its one-time key",
    "accept_invitation": "opened by its one-time key",
    "ask_for_reset": "who has forgotten a password cannot sign in; throttled, and the same for all",
    "reset_password": "opened by its one-time key",
    "send_comment": "a comment, which waits for approval",
    "stop_mail": "sends less; opened by the signed key in a mail",
}
UNDECLARED = "a role that its section has not named"
# Who is refused leaves a line there.
LOG: dict[str, list[object]] = {"change": [], "touched": []}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Way:
    """One route of the router, with the role that its room and its section declare."""

    name: str
    room: str
    path: str
    methods: frozenset[str]
    role: str

    def filled(self, **numbers: object) -> str:
        """Its address, with what stands for numbers and names filled in."""

        def put(found: re.Match[str]) -> str:
            return str(numbers.get(found[1], 1 if found[2] == "int" else "x"))

        return "/" + re.sub(r"<(\w+):(\w+)>", put, self.path)


def ways() -> list[Way]:
    app = create_app(Config(data_dir=Path("nowhere")), "blog-of-doors")
    app.router.reset()
    app.finalize()
    return [way(app, route) for route in app.router.routes]


def way(app: object, route: object) -> Way:
    _, room, name = route.name.split(".")
    bp = app.blueprints[room]
    sections = getattr(bp.ctx, "sections", {})
    section = [*route.path.split("/"), ""][1] if sections else ""
    asked = [getattr(bp.ctx, "role", ""), sections.get(section, UNDECLARED if sections else "")]
    role = max(asked, key=[*("", *ROLES), UNDECLARED].index)
    return Way(name, room, route.path, frozenset(route.methods), role)


WAYS = ways()
PRIVATE = [way for way in WAYS if way.role in ROLES]


def may(person: str, way: Way) -> bool:
    order = ("", *ROLES)
    return order.index(PEOPLE[person]) >= order.index(way.role)


def cookies(client: AppClient, person: str) -> dict[str, str]:
    return {} if person == "visitor" else client.let_in(person)


def knock(client: AppClient, method: str, path: str, mine: dict[str, str]) -> Answer:
    form = {} if method in ("POST", "PUT", "PATCH") else None
    return client.ask(method, path, cookies=mine, headers=tuple(cast.OURS.items()), form=form)


# --- every door is declared ---


def test_every_room_is_public_by_declaration_or_locked():
    assert {way.room for way in WAYS if not way.role} == PUBLIC_ROOMS
    assert {way.room for way in PRIVATE} == {"control_panel", "admin"}


def test_every_page_of_the_office_belongs_to_a_section_that_names_its_role():
    assert [way.path for way in WAYS if way.role == UNDECLARED] == []
    assert {way.role for way in WAYS if way.room == "admin"} == {"editor", "admin"}


def test_visitors_may_send_only_what_is_listed():
    unsafe = {way.name for way in WAYS if not way.role and "POST" in way.methods}
    assert unsafe == set(PUBLIC_POSTS)


def test_only_get_and_post_are_used():
    assert {method for way in WAYS for method in way.methods} == {"GET", "POST"}


def test_what_get_shows_is_never_named_like_an_act():
    acts = re.compile(
        r"(save|add|set(?!_up)|publish|unpublish|trash|restore|delete|revoke|disable|enable|change|"
        r"upload|schedule|bring)_"
    )
    assert [way.name for way in WAYS if "GET" in way.methods and acts.match(way.name)] == []


# --- roles ---


@pytest.mark.parametrize("person", PEOPLE)
def test_nobody_gets_through_a_door_that_is_not_theirs(client, person):
    mine = cookies(client, person)
    before = rows(client)
    faults = []
    for way, method in product(PRIVATE, METHODS):
        if not may(person, way):
            answer = knock(client, method, way.filled(), mine)
            if answer.status not in expected(way, method, person):
                faults.append((method, way.path, answer.status))
            faults += [(method, way.path, fault) for fault in kept_open(answer)]
    assert faults == []
    assert {**rows(client), **LOG} == {**before, **LOG}


def expected(way: Way, method: str, person: str) -> set[int]:
    if method not in way.methods | {"HEAD", "OPTIONS"}:
        # The address may have another way for this method, which is asked in its turn.
        return {405, 303, 401, 403}
    if PEOPLE[person]:
        return {403} if method != "HEAD" or "GET" in way.methods else {403, 405}
    return {303, 405} if method in ("GET", "HEAD") else {401}


def kept_open(answer: Answer) -> list[str]:
    """Nothing of a private page may be kept by a cache, and nothing of it told."""
    faults = [] if answer.header("cache-control") or answer.status == 405 else ["may be cached"]
    if answer.status == 303 and not answer.header("location").startswith("/sign-in?next=%2F"):
        faults.append(f"leads to {answer.header('location')}")
    return faults + (["sets a cookie"] if answer.all("set-cookie") else [])


@pytest.mark.parametrize("person", ["ann", "eve", "kim"])
def test_everybody_gets_through_the_doors_that_are_theirs(client, person):
    mine, faults = cookies(client, person), []
    numbers = {"id": client.cast.ann_draft.id, "number": 1}
    for way in PRIVATE:
        if may(person, way) and "GET" in way.methods:
            answer = knock(client, "GET", way.filled(**numbers), mine)
            if answer.status not in (200, 404) or answer.header("cache-control") != "no-store":
                faults.append((way.path, answer.status, answer.header("cache-control")))
    assert faults == []
    assert client.get("/control-panel", cookies=mine).status == 200


def test_no_post_of_an_empty_form_fails(client):
    kim = client.let_in("kim")
    numbers = {"id": client.cast.ann_trashed.id, "number": 1}
    for way in PRIVATE:
        if "POST" in way.methods and "password" not in way.path:
            assert knock(client, "POST", way.filled(**numbers), kim).status < 500, way.path


# --- objects ---

OBJECTS = [way for way in PRIVATE if way.room == "control_panel" and "<id:int>" in way.path]


@pytest.mark.parametrize("way", OBJECTS, ids=lambda way: f"{way.name}")
def test_the_posts_of_others_are_not_there(client, way):
    """Neither a page nor an act: an author is told 404, and nothing has changed."""
    ann = client.let_in("ann")
    theirs = sign_in_of(client, "bob") if "sign-ins" in way.path else client.cast.bob_draft.id
    before = rows(client)
    for method in way.methods:
        answer = knock(client, method, way.filled(id=theirs), ann)
        assert answer.status == 404 or "sign-ins" in way.path, (method, answer.status)
        assert "gambogian" not in answer.text
    assert {**rows(client), **LOG} == {**before, **LOG}


def sign_in_of(client: AppClient, name: str) -> int:
    client.let_in(name)
    query = select(SignIn.id).where(SignIn.user_id == getattr(client.cast, name).id)
    return client.database.read_now(lambda session: session.scalars(query).all()[-1])


def test_an_author_may_touch_their_own_and_an_editor_every_post(open_client):
    path = f"/control-panel/posts/{open_client.cast.ann_draft.id}"
    for person, status in {"ann": 200, "bob": 404, "eve": 200, "kim": 200}.items():
        assert open_client.get(path, cookies=open_client.let_in(person)).status == status


HIDDEN = ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn", "bob_draft"]


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("person", PEOPLE)
def test_what_is_not_public_is_at_no_public_address_for_anybody(open_client, person, name):
    post = getattr(open_client.cast, name)
    answer = open_client.get(post.path, cookies=cookies(open_client, person))
    assert answer.status == 404
    assert f"Everything about the {post.word}" not in answer.text


# --- other spellings of an address ---


def spellings(path: str) -> Iterator[str]:
    yield from (f"{path}/", f"{path}//", path.upper(), path.title(), f"/{path}", f"/.{path}")
    yield from (f"{path}/.", f"{path}/..", f"{path};a", f"{path}%2f", f"{path}%00", f"{path}%20")
    yield from (f"{path}.html", f"{path}/x.css", f"{path};.js", f"{path}%3f", f"{path}?x=1")
    yield from (f"/x/..{path}", f"/static/..{path}", f"/media/..{path}", f"/%2e{path}")
    yield from (path.replace("a", "%61", 1), path.replace("/", "%2f")[3:], path.replace("/", "//"))
    yield from (path.replace("a", "%2561", 1), f"/x/%2e%2e{path}", path.replace("/", "\\")[1:])


@pytest.mark.parametrize("path", ["/admin", "/admin/people", "/admin/settings", "/control-panel"])
def test_no_other_spelling_of_a_private_address_opens_it(open_client, path):
    page = open_client.get(path, cookies=open_client.let_in("kim")).text
    heading = re.search(r"<h1>.*?</h1>", page, re.DOTALL)[0]
    for spelling in spellings(path):
        spelt = spelling if spelling.startswith("/") else f"/{spelling}"
        answer = open_client.get(spelt)
        assert answer.status in (301, 303, 400, 404), (spelt, answer.status)
        assert heading not in answer.text


@pytest.mark.parametrize("path", ["/admin/people", "/admin/settings"])
def test_no_other_spelling_opens_an_admins_page_to_an_editor(open_client, path):
    eve = open_client.let_in("eve")
    for spelling in spellings(path):
        spelt = spelling if spelling.startswith("/") else f"/{spelling}"
        assert open_client.get(spelt, cookies=eve).status in (301, 400, 403, 404), spelt


# --- what every answer carries ---

CARRIED = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "strict-origin-when-cross-origin",
}
TELLS_TOO_MUCH = ("server", "x-powered-by", "access-control-allow-origin")


def is_well_clad(answer: Answer) -> bool:
    csp = answer.header("content-security-policy")
    strict = "default-src 'none'" in csp and "unsafe" not in csp
    carried = all(answer.header(name) == value for name, value in CARRIED.items())
    return strict and carried and not any(answer.header(name) for name in TELLS_TOO_MUCH)


class Boom(Exception):
    """Something that nobody thought of."""


async def explode(request: Request) -> None:
    raise Boom("a secret in a message")


@pytest.fixture(scope="module")
def fragile(furnished, tmp_path_factory) -> Iterator[AppClient]:
    """The blog with one page more, that fails."""
    client = AppClient(Config(data_dir=tmp_path_factory.mktemp("fragile")), furnished)
    client.app.add_route(explode, "/explode", name="explode")
    with client:
        yield client


TOO_MUCH = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\nx"


def of_status(client: AppClient, status: int) -> Answer:
    """An answer of this status."""
    if status == 503:
        client.app.ctx.passwords.waiting = 99
    try:
        return {
            200: lambda: client.get("/"),
            303: lambda: client.get("/admin"),
            304: lambda: client.get("/feed.atom", headers=[("If-None-Match", etag(client))]),
            400: lambda: client.say(b"GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n"),
            401: lambda: client.post("/control-panel/posts/new"),
            403: lambda: client.post("/sign-in", headers=[("Sec-Fetch-Site", "cross-site")]),
            404: lambda: client.get("/nothing-here"),
            405: lambda: client.ask("DELETE", "/sign-in", headers=tuple(cast.OURS.items())),
            413: lambda: client.say(TOO_MUCH),
            422: lambda: client.post("/sign-in", {"login": "ann"}),
            429: lambda: [
                client.post("/sign-in", {"login": "x", "password": "y"}) for _ in range(11)
            ][-1],
            500: lambda: client.get("/explode"),
            503: lambda: client.post("/sign-in", {"login": "ann", "password": "x"}),
        }[status]()
    finally:
        client.app.ctx.passwords.waiting = 0


def etag(client: AppClient) -> str:
    return client.get("/feed.atom").header("etag")


STATUSES = (200, 303, 304, 400, 401, 403, 404, 405, 413, 422, 429, 500, 503)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_carries_the_security_headers(fragile, status):
    answer = of_status(fragile, status)
    assert answer.status == status and is_well_clad(answer)


@pytest.mark.parametrize("status", [s for s in STATUSES if s not in (200, 303, 304)])
def test_every_fault_is_told_on_a_page_of_ours(fragile, status):
    answer = of_status(fragile, status)
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert "<h1" in answer.text and "</html>" in answer.text
    for telling in ("Traceback", "secret in a message", "Boom", "sanic", "site-packages"):
        assert telling not in answer.text


@pytest.mark.parametrize("status", [500, 503])
def test_a_fault_of_ours_is_never_kept_by_a_cache(fragile, status):
    assert of_status(fragile, status).header("cache-control") == "no-store"


def test_with_https_browsers_are_told_to_stay_there(client):
    client.database.transact_now(change_address, cast.SECURE_ADDRESS)
    assert client.get("/").header("strict-transport-security") == "max-age=31536000"


def change_address(session: Session, address: str) -> None:
    setup.blank(session).address = address


# --- readers ---

READ = ("/", "/archive", "/search?q=ink", "/feed.atom", "/sitemap.xml", "/robots.txt", "/about")


def test_a_reader_gets_no_cookie_and_every_page_is_well_clad(open_client):
    public = [*READ, open_client.cast.ann_live.path, open_client.cast.bob_zh.path, "/tags/python"]
    for path in [*public, "/authors/ann", "/nothing", "/static/nothing", "/media/nothing"]:
        answer = open_client.get(path)
        assert answer.status in (200, 404) and not answer.all("set-cookie"), path
        assert is_well_clad(answer), path


def test_no_cache_keeps_what_is_shown_to_somebody_signed_in_alone(open_client):
    for path in READ:
        everybodys, mine = (
            open_client.get(path),
            open_client.get(path, cookies=open_client.let_in("ann")),
        )
        assert "no-store" in mine.header("cache-control") or mine.body == everybodys.body, path


def rows(client: AppClient) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""

    def read(session: Session) -> dict[str, list[tuple[object, ...]]]:
        tables = Base.metadata.sorted_tables
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in tables
        }

    return client.database.read_now(read)
