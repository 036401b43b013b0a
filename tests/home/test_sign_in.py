"""The door: who signs in and out, and how an empty blog becomes somebody's."""

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
from tests.support.app_client import Answer, Door
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
def world(door: Door) -> Cast:
    return door.cast


# --- sign in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ann", "ANN ", "ann@ink.example"])
def test_who_knows_the_password_is_let_in(door: Door, world: Cast, login: str) -> None:
    answer = door.post("/sign-in", {"login": login, "password": cast.PASSWORD, "next": "/about"})
    assert (answer.status, answer.header("location")) == (303, "/about")
    assert door.get("/control-panel", cookies=answer.cookies).status == 200


def test_every_wrong_way_in_looks_the_same(door: Door, world: Cast) -> None:
    tries = [("ann", "wrong words"), ("nobody", cast.PASSWORD), ("dan", cast.PASSWORD), ("lee", "")]
    answers = [door.post("/sign-in", {"login": a, "password": b or "x"}) for a, b in tries]
    said = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]
    assert {answer.status for answer in answers} == {422}
    assert len(set(said)) == 1
    assert all("set-cookie" not in dict(answer.pairs) for answer in answers)


def test_a_form_shows_itself_again_with_what_was_typed_but_the_password(
    door: Door, world: Cast
) -> None:
    answer = door.post("/sign-in", {"login": "<ann>", "password": "hush hush hush"})
    assert 'value="&lt;ann&gt;"' in answer.text
    assert "hush" not in answer.text
    assert answer.header("cache-control") == "no-store"


def test_a_fault_is_tied_to_its_field(door: Door, world: Cast) -> None:
    text = door.post("/sign-in", {"login": "", "password": "x"}).text
    field = re.search(r"<input[^>]*name=\"login\"[^>]*>", text)
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert 'aria-describedby="f-login-fault"' in field[0]
    assert 'id="f-login-fault"' in text
    assert 'href="#f-login"' in text


@pytest.mark.parametrize(
    "going",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\t//evil.example", "evil", ""],
)
def test_nobody_is_led_to_another_site(door: Door, world: Cast, going: str) -> None:
    form = {"login": "eve", "password": cast.PASSWORD, "next": going}
    assert door.post("/sign-in", form).header("location") == "/control-panel"


def test_who_is_in_already_goes_on(door: Door, world: Cast) -> None:
    cookies = cast.sign_in(door.database, world.ann)
    answer = door.get("/sign-in?next=/about", cookies=cookies)
    assert (answer.status, answer.header("location")) == (303, "/about")


def test_signing_out_ends_the_session_and_not_only_the_cookie(door: Door, world: Cast) -> None:
    cookies = cast.sign_in(door.database, world.ann)
    answer = door.post("/sign-out", cookies=cookies)
    assert answer.status == 303
    assert answer.cookies == {"session": ""}
    assert door.get("/control-panel", cookies=cookies).status == 303


def post_while(door: Door, path: str, typed: dict[str, str], **how: Any) -> Answer:
    """A form arrived, its password is being dealt with, and meanwhile something happens."""
    passwords, dealing = door.app.ctx.passwords, threading.Event()
    meanwhile = how.pop("meanwhile")
    with ThreadPoolExecutor(1) as browser:
        try:
            for _ in range(2):  # both of its threads have something else to do
                passwords.threads.submit(dealing.wait)
            answer = browser.submit(door.post, path, typed, **how)
            wait_for(lambda: passwords.waiting)
            door.database.transact_now(meanwhile, by=door.cast.kim)
        finally:
            dealing.set()
        return answer.result()


@pytest.mark.parametrize(
    "work",
    [
        user_list.disable_person,
        partial(password.hand_over, password_hash=cast.CHEAP.hash("another")),
    ],
)
def test_a_sign_in_that_is_under_way_is_ended_too(door: Door, world: Cast, work: Any) -> None:
    typed = {"login": "ann", "password": cast.PASSWORD}
    answer = post_while(door, "/sign-in", typed, meanwhile=partial(work, id=world.ann.id))
    assert answer.status == 422 and "session" not in answer.cookies
    door.database.transact_now(user.enable, world.ann.id, by=world.kim)
    assert door.get("/control-panel", cookies=answer.cookies).status == 303


@pytest.mark.parametrize(
    "work", [user_list.disable_person, partial(user_list.save_person, **EVE, role="editor")]
)
def test_an_act_that_is_under_way_is_not_done_for_whoever_was_shut_out(
    door: Door, world: Cast, work: Any
) -> None:
    door.database.transact_now(user.set_role, world.eve.id, "admin", by=world.kim)
    cookies, meanwhile = door.let_in("eve"), partial(work, id=world.eve.id)
    answer = post_while(door, "/admin/people/new", NEW, cookies=cookies, meanwhile=meanwhile)
    assert answer.status == 401 and "Zoë Zhang" in answer.text
    assert NEW["password"] not in answer.text
    assert door.database.read_now(user.with_login, "zoe") is None


def test_a_stronger_hash_of_the_old_password_replaces_no_new_one(door: Door, world: Cast) -> None:
    given = {"by": world.ann, "instead_of": world.ann.password_hash}
    new = cast.CHEAP.hash("nine slow trains")
    door.database.transact_now(password.hand_over, world.ann.id, new, by=world.kim)
    door.database.transact_now(user.set_password, world.ann.id, cast.HASHED, **given)
    typed = {"login": "ann", "password": "nine slow trains"}
    assert door.post("/sign-in", typed).status == 303


# --- set up ------------------------------------------------------------------------------------


def link(door: Door) -> str:
    return f"/set-up?key={auth.setup_key(door.app.ctx.secret)}"


def test_an_empty_blog_says_how_to_go_on(empty_door: Door) -> None:
    answer = empty_door.get("/")
    assert answer.status == 200
    assert "console" in answer.text
    assert auth.setup_key(empty_door.app.ctx.secret) not in answer.text


@pytest.mark.parametrize("path", ["/set-up", "/set-up?key=", "/set-up?key=" + "0" * 32])
def test_nobody_without_the_link_can_claim_the_blog(empty_door: Door, path: str) -> None:
    assert empty_door.get(path).status == 403
    assert empty_door.post(path, SET_UP).status == 403
    assert not empty_door.database.read_now(site.facts).set_up


def test_the_link_makes_the_blog_the_first_keepers(empty_door: Door) -> None:
    assert empty_door.get(link(empty_door)).status == 200
    answer = empty_door.post(link(empty_door), SET_UP)
    assert (answer.status, answer.header("location")) == (303, "/control-panel")
    assert empty_door.get("/admin", cookies=answer.cookies).status == 200
    facts = empty_door.database.read_now(site.facts)
    assert (facts.title, facts.language, facts.timezone) == ("墨舍", "zh", "Asia/Shanghai")
    keeper = empty_door.database.read_now(
        lambda s: s.scalar(user.User.by_login("wang@ink.example"))
    )
    assert (keeper.display_name, keeper.role) == ("王小明", "admin")


def test_the_link_works_once(empty_door: Door) -> None:
    empty_door.post(link(empty_door), SET_UP)
    assert empty_door.get(link(empty_door)).status == 404
    again = empty_door.post(link(empty_door), {**SET_UP, "email": "mallory@ink.example"})
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
def test_a_fault_in_the_set_up_form_is_told_beside_its_field(
    empty_door: Door, field: str, typed: str
) -> None:
    answer = empty_door.post(link(empty_door), {**SET_UP, field: typed})
    assert answer.status == 422
    assert f'id="f-{field}-fault"' in answer.text
    assert cast.PASSWORD not in answer.text
    assert not empty_door.database.read_now(site.facts).set_up


def test_the_set_up_page_offers_what_the_browser_speaks(empty_door: Door) -> None:
    text = empty_door.get(link(empty_door), headers=[("Accept-Language", "zh-CN,zh;q=0.9")]).text
    assert '<html lang="zh">' in text
    assert 'value="Asia/Shanghai"' in text


@pytest.mark.parametrize("path", ["/", "/set-up", "/nowhere"])
def test_an_empty_blog_speaks_what_the_browser_speaks(empty_door: Door, path: str) -> None:
    text = empty_door.get(path, headers=[("Accept-Language", "zh-CN,zh;q=0.9")]).text
    assert '<html lang="zh">' in text


@pytest.mark.slow
def test_sample_posts_come_in_with_the_set_up(tmp_path: Path) -> None:
    with Door(Config(data_dir=tmp_path)) as empty:
        answer = empty.post(link(empty), {**SET_UP, "samples": "on"})
        assert answer.status == 303
        front = empty.get("/").text
    assert 'lang="zh"' in front
    assert 'lang="en"' in front
    assert front.count("<article") >= 4
    assert front.count('rel="author"') >= 4  # theirs is the name of the first keeper
