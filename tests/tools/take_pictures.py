"""Takes the pictures of the READMEs and of docs/ in Chromium: `make pictures`.

It sets up two blogs with the sample posts, an English and a Chinese one, and opens their pages.
"""

import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.models.posts.post import Post
from tests.support.live_server import Site, free_port, program
from tests.support.paths import ROOT
from tests.support.planted_comments import remark

PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1280, "height": 860}
COLOURS = 128  # of each picture's palette, which keeps the files small
ENGLISH = {
    "title": "Inkhouse",
    "language": "en",
    "timezone": "Europe/London",
    "name": "Mira Lund",
    "email": "mira@example.org",
    "password": "four words in a row",
}
CHINESE = ENGLISH | {"title": "文火", "language": "zh", "timezone": "Asia/Shanghai"}
COMMENTS = (
    ("What this blog is", "Wren", "Can it import a folder of Markdown files?"),
    ("What this blog is", "周明", "写得真清楚，谢谢！请问配合nginx还要注意什么？"),
    ("How to write here", "Paul", "Does it work behind Apache, too?"),
)


@contextmanager
def blog(browser: Browser, answers: dict[str, str], folder: Path) -> Iterator[tuple[Page, Config]]:
    """A new blog with the sample posts, and a page on which its admin is signed in."""
    config = Config(data_dir=folder, port=free_port())
    with Site(config) as site:
        context = browser.new_context(base_url=site.url, viewport=SIZE, locale=answers["language"])
        page = context.new_page()
        page.set_default_timeout(120_000)  # milliseconds; importing the sample posts takes a while
        page.goto(re.search(r"http://\S+/set-up\?key=\w+", site.said)[0])
        for name, value in answers.items():
            field = page.locator(f"[name={name}]")
            if field.count() and field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(value)
            elif field.count():
                field.fill(value)
        page.check("[name=samples]")
        page.click("button.is-main")
        page.wait_for_url("**/control-panel**")
        yield page, config
        context.close()


def take(page: Page, path: str, name: str, *, scroll: int = 0) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.evaluate(f"scrollTo(0, {scroll})")
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)


def address(page: Page, title: str) -> str:
    """The address of a post on the front page."""
    page.goto("/")
    return str(page.get_by_role("link", name=title, exact=True).first.get_attribute("href"))


def plant_comments(session: Session) -> None:
    for title, name, body in COMMENTS:
        post_id = session.scalars(select(Post.id).where(Post.title == title)).one()
        remark(session, post_id, body, name=name)


def choose(page: Page, **choices: str) -> None:
    """Changes the appearance."""
    page.goto("/admin/look")
    for name, value in choices.items():
        field = page.locator(f"[name={name}]").first
        field.select_option(value) if name != "accent" else field.fill(value)
    page.locator("button.is-main").first.click()


def english(browser: Browser, folder: Path) -> None:
    with blog(browser, ENGLISH, folder) as (page, config):
        database = Database(config)
        database.transact_now(plant_comments)
        database.close()
        take(page, "/", "front-page-en")
        take(page, "/admin", "admin")
        take(page, "/admin/comments", "moderation")
        page.goto("/control-panel")
        page.locator("a[href*='/control-panel/posts/']").first.click()
        take(page, page.url, "dashboard")
        take(page, address(page, "怎样在这里写作"), "post-zh")
        page.emulate_media(color_scheme="dark")
        take(page, address(page, "How to write here"), "dark", scroll=700)
        page.emulate_media(color_scheme="light")
        choose(page, front="cards")
        take(page, "/", "cards", scroll=420)
        choose(page, front="list", accent="#1d7a5f")
        take(page, "/admin/look", "appearance")


def main() -> None:
    chromium = program("chromium") or program("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        english(browser, Path(folder) / "english")
        with blog(browser, CHINESE, Path(folder) / "chinese") as (page, _):
            choose(page, front="cards", scheme="dark", accent="#7a3b8f")
            take(page, "/admin/look", "appearance-zh")
        browser.close()


if __name__ == "__main__":
    main()
