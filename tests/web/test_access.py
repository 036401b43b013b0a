"""Access control: every route of the router, requested by a visitor and by users of every role."""

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
PUBLIC_AREAS = {"home", "files", "health"}
# The POST routes that need no account, and why.
PUBLIC_POSTS = {
    "open_session": "signing in",
    "sign_out": "ends one's own session, if there is one",
    "claim": "the set-up page, opened by its one-time key",
    "accept_invitation": "opened by its one-time key",
    "ask_for_reset": "for a user who cannot sign in; throttled, and the same answer for everybody",
    "reset_password": "opened by its one-time key",
    "send_comment": "a comment, which has to be approved",
    "stop_mail": "ends notifications; opened by the signed key in an email",
}
UNDECLARED = "(the section declares no role)"
# The tables of the audit log, where a denied request is recorded.
LOG: dict[str, list[object]] = {"change": [], "touched": []}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class RouteUnderTest:
    """One route of the router, and the role that its blueprint and its section require."""

    name: str
    area: str
    path: str
    methods: frozenset[str]
    role: str

    def filled(self, **numbers: object) -> str:
        """Return its path with the parameters filled in: 1 for a number and "x" for text."""

        def fill_in(parameter: re.Match[str]) -> str:
            return str(numbers.get(parameter[1], 1 if parameter[2] == "int" else "x"))

        return "/" + re.sub(r"<(\w+):(\w+)>", fill_in, self.path)


def all_routes() -> list[RouteUnderTest]:
    app = create_app(Config(data_dir=Path("nowhere")), "blog-of-routes")
    app.router.reset()
    app.finalize()
    return [describe(app, route) for route in app.router.routes]


def describe(app: object, route: object) -> RouteUnderTest:
    _, area, name = route.name.split(".")
    bp = app.blueprints[area]
    sections = getattr(bp.ctx, "sections", {})
    section = [*route.path.split("/"), ""][1] if sections else ""
    roles = [getattr(bp.ctx, "role", ""), sections.get(section, UNDECLARED if sections else "")]
    role = max(roles, key=[*("", *ROLES), UNDECLARED].index)
    return RouteUnderTest(name, area, route.path, frozenset(route.methods), role)


WAYS = all_routes()
PRIVATE = [route for route in WAYS if route.role in ROLES]


def may(person: str, route: RouteUnderTest) -> bool:
    order = ("", *ROLES)
    return order.index(PEOPLE[person]) >= order.index(route.role)


def cookies(client: AppClient, person: str) -> dict[str, str]:
    return {} if person == "visitor" else client.let_in(person)


def send(client: AppClient, method: str, path: str, cookies_sent: dict[str, str]) -> Answer:
    form = {} if method in ("POST", "PUT", "PATCH") else None
    return client.ask(
        method, path, cookies=cookies_sent, headers=tuple(cast.OURS.items()), form=form
    )


# --- every route declares its access ---


def test_every_area_is_declared_public_or_requires_a_role():
    assert {route.area for route in WAYS if not route.role} == PUBLIC_AREAS
    assert {route.area for route in PRIVATE} == {"control_panel", "admin"}


def test_every_admin_page_belongs_to_a_section_with_a_role():
    assert [route.path for route in WAYS if route.role == UNDECLARED] == []
    assert {route.role for route in WAYS if route.area == "admin"} == {"editor", "admin"}


def test_visitors_may_post_only_to_the_listed_routes():
    unsafe = {route.name for route in WAYS if not route.role and "POST" in route.methods}
    assert unsafe == set(PUBLIC_POSTS)


def test_only_get_and_post_are_used():
    assert {method for route in WAYS for method in route.methods} == {"GET", "POST"}


def test_no_get_route_is_named_like_an_action():
    actions = re.compile(
        r"(save|add|set(?!_up)|publish|unpublish|trash|restore|delete|revoke|disable|enable|change|"
        r"upload|schedule|bring)_"
    )
    assert [
        route.name for route in WAYS if "GET" in route.methods and actions.match(route.name)
    ] == []


# --- roles ---


@pytest.mark.parametrize(
    "person",  # dan is disabled and treated as a visitor
    [pytest.param(name, marks=pytest.mark.slow) if name == "dan" else name for name in PEOPLE],
)
def test_a_route_is_denied_without_the_required_role(client, person):
    cookies_sent = cookies(client, person)
    before = rows(client)
    faults = []
    for route, method in product(PRIVATE, METHODS):
        if not may(person, route):
            answer = send(client, method, route.filled(), cookies_sent)
            if answer.status not in expected(route, method, person):
                faults.append((method, route.path, answer.status))
            faults += [(method, route.path, fault) for fault in leaks(answer)]
    assert faults == []
    assert {**rows(client), **LOG} == {**before, **LOG}


def expected(route: RouteUnderTest, method: str, person: str) -> set[int]:
    if method not in route.methods | {"HEAD", "OPTIONS"}:
        # Another route at this address may have this method; it is tested in its turn.
        return {405, 303, 401, 403}
    if PEOPLE[person]:
        return {403} if method != "HEAD" or "GET" in route.methods else {403, 405}
    return {303, 405} if method in ("GET", "HEAD") else {401}


def leaks(answer: Answer) -> list[str]:
    """Check that a denied request reveals nothing, and that no cache may store the answer."""
    faults = [] if answer.header("cache-control") or answer.status == 405 else ["may be cached"]
    if answer.status == 303 and not answer.header("location").startswith("/sign-in?next=%2F"):
        faults.append(f"leads to {answer.header('location')}")
    return faults + (["sets a cookie"] if answer.all("set-cookie") else [])


@pytest.mark.parametrize("person", ["ann", "eve", "kim"])
def test_a_route_is_open_with_the_required_role(client, person):
    cookies_sent, faults = cookies(client, person), []
    numbers = {"id": client.cast.ann_draft.id, "number": 1}
    for route in PRIVATE:
        if may(person, route) and "GET" in route.methods:
            answer = send(client, "GET", route.filled(**numbers), cookies_sent)
            if answer.status not in (200, 404) or answer.header("cache-control") != "no-store":
                faults.append((route.path, answer.status, answer.header("cache-control")))
    assert faults == []
    assert client.get("/control-panel", cookies=cookies_sent).status == 200


def test_no_empty_form_causes_a_server_error(client):
    kim = client.let_in("kim")
    numbers = {"id": client.cast.ann_trashed.id, "number": 1}
    for route in PRIVATE:
        if "POST" in route.methods and "password" not in route.path:
            assert send(client, "POST", route.filled(**numbers), kim).status < 500, route.path


# --- objects ---

OBJECTS = [route for route in PRIVATE if route.area == "control_panel" and "<id:int>" in route.path]


@pytest.mark.parametrize("route", OBJECTS, ids=lambda route: f"{route.name}")
def test_an_author_gets_404_for_the_objects_of_others(client, route):
    """An author gets 404 for every page and action, and nothing changes."""
    ann = client.let_in("ann")
    theirs = session_id_of(client, "bob") if "sign-ins" in route.path else client.cast.bob_draft.id
    before = rows(client)
    for method in route.methods:
        answer = send(client, method, route.filled(id=theirs), ann)
        assert answer.status == 404 or "sign-ins" in route.path, (method, answer.status)
        assert "gambogian" not in answer.text
    assert {**rows(client), **LOG} == {**before, **LOG}


def session_id_of(client: AppClient, name: str) -> int:
    client.let_in(name)
    query = select(SignIn.id).where(SignIn.user_id == getattr(client.cast, name).id)
    return client.database.read_now(lambda session: session.scalars(query).all()[-1])


def test_authors_may_edit_their_own_posts_and_editors_all(open_client):
    path = f"/control-panel/posts/{open_client.cast.ann_draft.id}"
    for person, status in {"ann": 200, "bob": 404, "eve": 200, "kim": 200}.items():
        assert open_client.get(path, cookies=open_client.let_in(person)).status == status


HIDDEN = ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn", "bob_draft"]


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("person", PEOPLE)
def test_an_unpublished_post_has_no_public_page_for_anybody(open_client, person, name):
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
def test_no_other_spelling_of_a_private_address_is_accessible(open_client, path):
    page = open_client.get(path, cookies=open_client.let_in("kim")).text
    heading = re.search(r"<h1>.*?</h1>", page, re.DOTALL)[0]
    for spelling in spellings(path):
        path_sent = spelling if spelling.startswith("/") else f"/{spelling}"
        answer = open_client.get(path_sent)
        assert answer.status in (301, 303, 400, 404), (path_sent, answer.status)
        assert heading not in answer.text


@pytest.mark.parametrize("path", ["/admin/people", "/admin/settings"])
def test_no_other_spelling_gives_an_editor_access_to_an_admin_page(open_client, path):
    eve = open_client.let_in("eve")
    for spelling in spellings(path):
        path_sent = spelling if spelling.startswith("/") else f"/{spelling}"
        assert open_client.get(path_sent, cookies=eve).status in (301, 400, 403, 404), path_sent


# --- headers of every response ---

REQUIRED_HEADERS = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "strict-origin-when-cross-origin",
}
REVEALING_HEADERS = ("server", "x-powered-by", "access-control-allow-origin")


def has_security_headers(answer: Answer) -> bool:
    csp = answer.header("content-security-policy")
    strict = "default-src 'none'" in csp and "unsafe" not in csp
    has_required = all(answer.header(name) == value for name, value in REQUIRED_HEADERS.items())
    return strict and has_required and not any(answer.header(name) for name in REVEALING_HEADERS)


class Boom(Exception):
    """An unexpected error."""


async def explode(request: Request) -> None:
    raise Boom("a secret in a message")


@pytest.fixture(scope="module")
def failing_client(furnished, tmp_path_factory) -> Iterator[AppClient]:
    """The blog with an additional page that raises an error."""
    client = AppClient(Config(data_dir=tmp_path_factory.mktemp("failing_client")), furnished)
    client.app.add_route(explode, "/explode", name="explode")
    with client:
        yield client


TOO_MUCH = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\nx"


def answer_with_status(client: AppClient, status: int) -> Answer:
    """Send a request that is answered with this status."""
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
def test_responses_of_every_status_have_the_security_headers(failing_client, status):
    answer = answer_with_status(failing_client, status)
    assert answer.status == status and has_security_headers(answer)


@pytest.mark.parametrize("status", [s for s in STATUSES if s not in (200, 303, 304)])
def test_every_error_has_an_error_page_without_details(failing_client, status):
    answer = answer_with_status(failing_client, status)
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert "<h1" in answer.text and "</html>" in answer.text
    for detail in ("Traceback", "secret in a message", "Boom", "sanic", "site-packages"):
        assert detail not in answer.text


@pytest.mark.parametrize("status", [500, 503])
def test_no_cache_stores_a_server_error(failing_client, status):
    assert answer_with_status(failing_client, status).header("cache-control") == "no-store"


def test_https_sites_send_strict_transport_security(client):
    client.database.transact_now(change_address, cast.SECURE_ADDRESS)
    assert client.get("/").header("strict-transport-security") == "max-age=31536000"


def change_address(session: Session, address: str) -> None:
    setup.get_or_create_site(session).address = address


# --- readers ---

READ = ("/", "/archive", "/search?q=ink", "/feed.atom", "/sitemap.xml", "/robots.txt", "/about")


def test_public_pages_set_no_cookie_and_have_the_security_headers(open_client):
    public = [*READ, open_client.cast.ann_live.path, open_client.cast.bob_zh.path, "/tags/python"]
    for path in [*public, "/authors/ann", "/nothing", "/static/nothing", "/media/nothing"]:
        answer = open_client.get(path)
        assert answer.status in (200, 404) and not answer.all("set-cookie"), path
        assert has_security_headers(answer), path


def test_no_cache_stores_a_page_for_a_signed_in_user(open_client):
    for path in READ:
        public = open_client.get(path)
        own = open_client.get(path, cookies=open_client.let_in("ann"))
        assert "no-store" in own.header("cache-control") or own.body == public.body, path


def rows(client: AppClient) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, by table name."""

    def read(session: Session) -> dict[str, list[tuple[object, ...]]]:
        tables = Base.metadata.sorted_tables
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in tables
        }

    return client.database.read_now(read)
