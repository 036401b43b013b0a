"""Signing in and out, and setting up a new blog."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blog.config import Config
from blog.models.settings import site
from blog.models.users import password, user, user_list
from blog.web import auth
from tests.admin.test_people import NEW
from tests.support import cast
from tests.support.app_client import Answer, AppClient
from tests.support.cast import Cast
from tests.support.live_server import wait_for

SET_UP = {
    "title": "墨舍",
    "address": cast.ADDRESS,
    "language": "zh",
    "timezone": "Asia/Shanghai",
    "name": "王小明",
    "email": "wang@ink.example",
    "password": cast.PASSWORD,
}
EVE = {"display_name": "Eve Edgar", "email": "eve@ink.example"}


@pytest.fixture
def world(client: AppClient) -> Cast:
    return client.cast


# --- sign in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ann", "ANN ", "ann@ink.example"])
def test_name_or_email_and_password_sign_in(client: AppClient, world: Cast, login: str) -> None:
    answer = client.post("/sign-in", {"login": login, "password": cast.PASSWORD, "next": "/about"})
    assert (answer.status, answer.header("location")) == (303, "/about")
    assert client.get("/control-panel", cookies=answer.cookies).status == 200


def test_every_failed_sign_in_gets_the_same_answer(client: AppClient, world: Cast) -> None:
    attempts = [
        ("ann", "wrong words"),
        ("nobody", cast.PASSWORD),
        ("dan", cast.PASSWORD),
        ("lee", ""),
    ]
    answers = [
        client.post("/sign-in", {"login": login, "password": word or "x"})
        for login, word in attempts
    ]
    pages = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]
    assert {answer.status for answer in answers} == {422}
    assert len(set(pages)) == 1
    assert all("set-cookie" not in dict(answer.pairs) for answer in answers)


def test_a_failed_sign_in_keeps_the_login_but_not_the_password(
    client: AppClient, world: Cast
) -> None:
    answer = client.post("/sign-in", {"login": "<ann>", "password": "hush hush hush"})
    assert 'value="&lt;ann&gt;"' in answer.text
    assert "hush" not in answer.text
    assert answer.header("cache-control") == "no-store"


def test_an_error_is_linked_to_its_field(client: AppClient, world: Cast) -> None:
    text = client.post("/sign-in", {"login": "", "password": "x"}).text
    field = re.search(r"<input[^>]*name=\"login\"[^>]*>", text)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert 'aria-describedby="f-login-fault"' in field[0]
    assert 'id="f-login-fault"' in text
    assert 'href="#f-login"' in text


@pytest.mark.parametrize(
    "next_path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\t//evil.example", "evil", ""],
)
def test_sign_in_never_redirects_to_another_site(
    client: AppClient, world: Cast, next_path: str
) -> None:
    form = {"login": "eve", "password": cast.PASSWORD, "next": next_path}
    assert client.post("/sign-in", form).header("location") == "/control-panel"


def test_a_signed_in_person_is_redirected_from_the_sign_in_page(
    client: AppClient, world: Cast
) -> None:
    cookies = cast.sign_in(client.database, world.ann)
    answer = client.get("/sign-in?next=/about", cookies=cookies)
    assert (answer.status, answer.header("location")) == (303, "/about")


def test_signing_out_ends_the_session_on_the_server(client: AppClient, world: Cast) -> None:
    cookies = cast.sign_in(client.database, world.ann)
    answer = client.post("/sign-out", cookies=cookies)
    assert answer.status == 303
    assert answer.cookies == {"session": ""}
    assert client.get("/control-panel", cookies=cookies).status == 303


def post_while(client: AppClient, path: str, typed: dict[str, str], **how: Any) -> Answer:
    """Post a form, and run `meanwhile` while its password waits to be hashed."""
    passwords, release = client.app.ctx.passwords, threading.Event()
    meanwhile = how.pop("meanwhile")
    with ThreadPoolExecutor(1) as browser:
        try:
            for _ in range(2):  # block both hashing threads
                passwords.threads.submit(release.wait)
            answer = browser.submit(client.post, path, typed, **how)
            wait_for(lambda: passwords.waiting)
            client.database.transact_now(meanwhile, by=client.cast.kim)
        finally:
            release.set()
        return answer.result()


@pytest.mark.parametrize(
    "work",
    [
        user_list.disable_person,
        partial(password.assign_password, password_hash=cast.CHEAP.hash("another"), ip="192.0.2.1"),
    ],
)
def test_a_sign_in_fails_if_access_is_revoked_while_the_password_is_hashed(
    client: AppClient, world: Cast, work: Any
) -> None:
    typed = {"login": "ann", "password": cast.PASSWORD}
    answer = post_while(client, "/sign-in", typed, meanwhile=partial(work, id=world.ann.id))
    assert answer.status == 422 and "session" not in answer.cookies
    client.database.transact_now(user.enable, world.ann.id, by=world.kim)
    assert client.get("/control-panel", cookies=answer.cookies).status == 303


@pytest.mark.parametrize(
    "work", [user_list.disable_person, partial(user_list.save_person, **EVE, role="editor")]
)
def test_an_action_fails_if_access_is_revoked_while_it_runs(
    client: AppClient, world: Cast, work: Any
) -> None:
    client.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    cookies, meanwhile = client.let_in("eve"), partial(work, id=world.eve.id)
    answer = post_while(client, "/admin/people/new", NEW, cookies=cookies, meanwhile=meanwhile)
    assert answer.status == 401 and "Zoë Zhang" in answer.text
    assert NEW["password"] not in answer.text
    assert client.database.read_now(user.find_by_login, "zoe") is None


def test_rehashing_the_old_password_does_not_overwrite_a_new_one(
    client: AppClient, world: Cast
) -> None:
    new = cast.CHEAP.hash("nine slow trains")
    client.database.transact_now(
        password.assign_password, world.ann.id, new, by=world.kim, ip="192.0.2.1"
    )
    old = world.ann.password_hash
    client.database.transact_now(user.set_password, world.ann.id, cast.HASHED, instead_of=old)
    typed = {"login": "ann", "password": "nine slow trains"}
    assert client.post("/sign-in", typed).status == 303


# --- set up ------------------------------------------------------------------------------------


def link(client: AppClient) -> str:
    return f"/set-up?key={auth.setup_key(client.app.ctx.secret)}"


def test_a_new_blog_says_how_to_set_it_up(empty_client: AppClient) -> None:
    answer = empty_client.get("/")
    assert answer.status == 200
    assert "console" in answer.text
    assert auth.setup_key(empty_client.app.ctx.secret) not in answer.text


@pytest.mark.parametrize("path", ["/set-up", "/set-up?key=", "/set-up?key=" + "0" * 32])
def test_the_setup_page_needs_the_setup_key(empty_client: AppClient, path: str) -> None:
    assert empty_client.get(path).status == 403
    assert empty_client.post(path, SET_UP).status == 403
    assert not empty_client.database.read_now(site.facts).set_up


def test_setup_creates_the_site_and_its_owner(empty_client: AppClient) -> None:
    assert empty_client.get(link(empty_client)).status == 200
    answer = empty_client.post(link(empty_client), SET_UP)
    assert (answer.status, answer.header("location")) == (303, "/control-panel")
    assert empty_client.get("/admin", cookies=answer.cookies).status == 200
    facts = empty_client.database.read_now(site.facts)
    assert (facts.title, facts.language, facts.timezone) == ("墨舍", "zh", "Asia/Shanghai")
    owner = empty_client.database.read_now(
        lambda s: s.scalar(user.User.by_login("wang@ink.example"))
    )
    assert (owner.display_name, owner.role) == ("王小明", "admin")


def test_the_setup_link_works_once(empty_client: AppClient) -> None:
    empty_client.post(link(empty_client), SET_UP)
    assert empty_client.get(link(empty_client)).status == 404
    again = empty_client.post(link(empty_client), {**SET_UP, "email": "mallory@ink.example"})
    assert again.status == 404
    assert "set-cookie" not in dict(again.pairs)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("title", " "),
        ("address", "ftp://ink.example"),
        ("address", "https://ink.example/blog"),
        ("language", "xx"),
        ("timezone", "Mars/Olympus"),
        ("email", "no mail"),
        ("password", "short"),
        ("password", "1111111111"),
        ("password", "moshe20261111"),
    ],
)
def test_an_error_in_the_setup_form_is_shown_beside_its_field(
    empty_client: AppClient, field: str, typed: str
) -> None:
    answer = empty_client.post(link(empty_client), {**SET_UP, field: typed})
    assert answer.status == 422
    assert f'id="f-{field}-fault"' in answer.text
    assert cast.PASSWORD not in answer.text
    assert not empty_client.database.read_now(site.facts).set_up


def test_the_setup_page_uses_the_language_of_the_browser(empty_client: AppClient) -> None:
    text = empty_client.get(
        link(empty_client), headers=[("Accept-Language", "zh-CN,zh;q=0.9")]
    ).text
    assert '<html lang="zh">' in text
    assert 'value="Asia/Shanghai"' in text


@pytest.mark.parametrize("path", ["/", "/set-up", "/nowhere"])
def test_a_new_blog_uses_the_language_of_the_browser(empty_client: AppClient, path: str) -> None:
    text = empty_client.get(path, headers=[("Accept-Language", "zh-CN,zh;q=0.9")]).text
    assert '<html lang="zh">' in text


@pytest.mark.slow
def test_setup_can_import_sample_posts(tmp_path: Path) -> None:
    with AppClient(Config(data_dir=tmp_path)) as empty:
        answer = empty.post(link(empty), {**SET_UP, "samples": "on"})
        assert answer.status == 303
        front = empty.get("/").text
    assert 'lang="zh"' in front
    assert 'lang="en"' in front
    assert front.count("<article") >= 4
    assert front.count('rel="author"') >= 4  # their author is the owner
