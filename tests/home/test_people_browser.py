"""Invitations and password resets in Chromium, with a real server and real emails."""

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from blog.models.settings import site as sites
from blog.models.settings.site import Site as Row
from tests.support import cast, live_server
from tests.support.live_server import Site, free_port, wait_for
from tests.support.mail_server import PostOffice

pytestmark = [pytest.mark.browser, pytest.mark.server]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PASSWORD, NEW = "four green windows", "nine slow trains"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def mail_server() -> Iterator[PostOffice]:
    with PostOffice() as running:
        yield running


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory, mail_server: PostOffice) -> Iterator[Site]:
    """A blog of two workers that sends mail."""
    config = Config(data_dir=tmp_path_factory.mktemp("people") / "data", port=free_port())
    migrate(config)
    database = Database(config)
    world = cast.fill(database, f"http://127.0.0.1:{config.port}")
    mail = {"BLOG_SMTP_URL": mail_server.url(), "BLOG_MAIL_FROM": "blog@ink.example"}
    with Site(config, "-w", "2", env=live_server.environment(config, **mail)) as running:
        running.cast, running.database = world, database
        yield running
    database.close()


@pytest.fixture
def visit(browser: Any, blog: Site) -> Iterator[Open]:
    """`visit(path, by)` opens a page in a new browser where `by` is signed in."""
    contexts = []

    def open_(path: str, by: str = "", width: int = 1280) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, base_url=blog.url, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        if by:
            tokens = cast.sign_in(blog.database, blog.cast.people[by])
            cookies = [{"name": name, "value": it, "url": blog.url} for name, it in tokens.items()]
            context.add_cookies(cookies)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()


def faults(page: Any) -> list[str]:
    """What axe finds in light mode, its contrast errors in dark mode, and overflow on a phone."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    results = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    page.emulate_media(color_scheme="dark")
    results += page.evaluate("rules => axe.run({runOnly: rules})", COLOURS)["violations"]
    page.emulate_media(color_scheme="light")
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.set_viewport_size(size)
    messages = [f"{each['id']}: {node['html']}" for each in results for node in each["nodes"]]
    return messages + ([f"{wide} px too wide"] if wide > 0 else [])


def link_to(mail_server: PostOffice, address: str, number: int) -> str:
    """The link in the newest email to this address, once there are `number` of them."""
    wait_for(lambda: len(mail_server.to(address)) >= number, why=f"no email to {address}")
    text = mail_server.to(address)[-1].part("plain")
    return re.findall(r"http://127\.0\.0\.1:\d+(/(?:reset|invitation)/\S+)", text)[0]


def test_an_invitation_link_creates_an_account(visit: Open, blog: Site) -> None:
    kim = visit("/admin/people", by="kim")
    assert faults(kim) == []
    kim.click("a:text-is('Invite somebody')")
    assert faults(kim) == []
    kim.fill("#f-display_name", "Zoë Zhang")
    kim.click("button:text-is('Invite')")
    kim.context.grant_permissions(["clipboard-read", "clipboard-write"])
    kim.click("text=Copy the link")
    kim.wait_for_selector("[data-copied]:text-is('Copied')")
    copied = kim.evaluate("navigator.clipboard.readText()")
    assert copied == kim.input_value("#f-link") and faults(kim) == []
    zoe = visit(copied)
    assert faults(zoe) == []
    zoe.fill("#f-name", "zoe")
    zoe.fill("#f-password", PASSWORD)
    zoe.click("text=Accept the invitation")
    zoe.wait_for_url("**/control-panel")
    assert "Welcome, Zoë Zhang" in zoe.inner_text("main")
    kim.click("text=Back to the list")
    assert "Accepted" in kim.inner_text("tbody") and faults(kim) == []
    gone = visit(copied)
    assert "This link no longer works" in gone.inner_text("h1") and faults(gone) == []


def test_a_byline_is_taken_over_by_an_emailed_invitation(
    visit: Open, blog: Site, mail_server: PostOffice
) -> None:
    kim = visit(f"/admin/people/{blog.cast.lee.id}", by="kim")
    assert faults(kim) == []
    kim.click("a:text-is('Invite somebody')")
    assert kim.eval_on_selector("#f-byline", "it => it.selectedOptions[0].text") == "Lee Byline"
    kim.fill("#f-email", "lee@ink.example")
    kim.select_option("#f-role", "editor")
    kim.click("button:text-is('Invite')")
    assert "is being sent" in kim.inner_text("h1") and faults(kim) == []
    lee = visit(link_to(mail_server, "lee@ink.example", 1))
    assert lee.locator("input[name=name]").count() == 0 and faults(lee) == []
    lee.fill("#f-password", PASSWORD)
    lee.click("text=Accept the invitation")
    lee.wait_for_url("**/control-panel")
    lee.goto("/admin/posts")
    assert "A marmalade morning" in lee.inner_text("main")


def test_a_forgotten_password_is_reset_by_email(
    visit: Open, blog: Site, mail_server: PostOffice
) -> None:
    elsewhere = visit("/control-panel", by="ann")
    ann = visit("/sign-in")
    ann.click("text=Forgotten your password?")
    assert faults(ann) == []
    ann.fill("#f-login", "ann@ink.example")
    ann.click("text=Send the link")
    assert "an email has been sent" in ann.inner_text("main") and faults(ann) == []
    ann.goto(link_to(mail_server, "ann@ink.example", 1))
    assert faults(ann) == []
    ann.fill("#f-password", NEW)
    ann.click("text=Save the password")
    assert "Your password was changed" in ann.inner_text("main")
    ann.fill("#f-login", "ann")
    ann.fill("#f-password", NEW)
    ann.click("button:text-is('Sign in')")
    ann.wait_for_url("**/control-panel")
    elsewhere.goto("/control-panel")
    assert "/sign-in" in elsewhere.url
    wait_for(lambda: len(mail_server.to("ann@ink.example")) == 2)
    assert "was changed" in mail_server.to("ann@ink.example")[-1].part("plain")


CHINESE = {
    "/forgotten": "忘记密码",
    "/reset/x": "链接已失效",
    "/admin/people": "人员",
    "/admin/invitations": "邀请",
    "/admin/invitations/new": "邀请他人",
}


@pytest.mark.parametrize("path", CHINESE)
def test_every_account_page_is_translated_to_chinese(visit: Open, blog: Site, path: str) -> None:
    set_language(blog, "zh")
    try:
        page = visit(path, by="kim" if path.startswith("/admin") else "")
        assert CHINESE[path] in page.inner_text("h1") and faults(page) == []
    finally:
        set_language(blog, "en")


def set_language(blog: Site, language: str) -> None:
    def change(session: Any) -> None:
        session.get_one(Row, sites.SITE_ID).language = language

    blog.database.transact_now(change)
