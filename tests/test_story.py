"""The main workflow in a browser: set-up, a post with a pasted picture, publishing, search."""

import base64
import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import expect

from blog.config import Config
from tests.support.live_server import Site, free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASTE = """
(data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "tea.png", { type: "image/png" }));
  const target = document.querySelector("textarea[name=body]");
  target.focus();
  target.dispatchEvent(new ClipboardEvent("paste", {
    clipboardData: transfer, bubbles: true, cancelable: true }));
}
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog that is not set up yet."""
    with Site(Config(data_dir=tmp_path_factory.mktemp("story"), port=free_port())) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser, empty):
    context = browser.new_context(base_url=empty.url)
    page = context.new_page()
    page.faults = []

    def note_error(message) -> None:
        if message.type == "error":
            page.faults.append(message.text)

    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", note_error)
    yield page
    context.close()


def picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (1200, 800), "teal").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_the_blog_cannot_be_set_up_without_the_link(empty):
    assert empty.get("/set-up?key=guessed").status == 403


def test_the_site_owner_sets_the_blog_up_with_the_printed_link(page, empty):
    link = re.search(r"http://\S+/set-up\?key=\w+", empty.said)
    page.goto(link[0])
    page.fill("[name=title]", "茶与代码")
    page.fill("[name=address]", empty.url)
    page.select_option("[name=language]", "zh")
    page.fill("[name=timezone]", "Asia/Shanghai")
    page.fill("[name=name]", "Ann")
    page.fill("[name=email]", "ann@example.org")
    page.fill("[name=password]", "four words in a row")
    page.check("[name=samples]")
    page.click("button.is-main")
    page.wait_for_url("**/control-panel**")
    page.goto("/")
    assert page.locator("html").get_attribute("lang") == "zh"
    assert page.locator("main article").count() >= 8


def test_the_author_writes_a_post_with_a_pasted_picture(page):
    page.goto("/control-panel")
    page.locator("form[action$='/posts/new'] button").first.click()
    page.wait_for_url("**/control-panel/posts/*")
    page.fill("[name=title]", "异步的茶")
    page.fill("[name=body]", "**重点。**后文讲阻塞。\n\n")
    page.evaluate(PASTE, picture())
    expect(page.locator("[name=body]")).to_have_value(re.compile(r"\]\(/media/"))


def test_nothing_is_public_before_it_is_published(page, empty):
    assert empty.get("/posts/yi-bu-de-cha").status == 404
    page.click("button.is-main[formaction$='/publish']")
    expect(page.locator("button.is-main[formaction$='/publish']")).to_have_text(
        re.compile("Update|更新"), timeout=20_000
    )
    assert empty.get("/posts/yi-bu-de-cha").status == 200


def test_the_post_needs_no_script_no_cookie_and_no_other_host(browser, empty):
    context = browser.new_context(java_script_enabled=False)
    visitor, asked = context.new_page(), []
    visitor.on("request", lambda request: asked.append(request.url))
    visitor.goto(f"{empty.url}/posts/yi-bu-de-cha")
    assert visitor.locator("h1").inner_text() == "异步的茶"
    assert visitor.locator("article .prose strong").first.inner_text() == "重点。"
    assert visitor.locator("article[lang=zh]").count() == 1
    assert all(url.startswith(empty.url) for url in asked)
    assert any("/media/" in url for url in asked)
    assert context.cookies() == []
    context.close()


def test_the_search_finds_the_post_by_a_word_of_its_body(browser, empty):
    visitor = browser.new_page()
    visitor.goto(f"{empty.url}/search")
    visitor.fill("main [name=q]", "阻塞")
    visitor.press("main [name=q]", "Enter")
    visitor.wait_for_url("**/search?q=*")
    assert "异步的茶" in visitor.locator("main").inner_text()
    assert visitor.locator("mark").first.inner_text() == "阻塞"
    visitor.close()


def test_unpublished_changes_are_not_public(page, empty):
    page.goto("/control-panel")
    page.get_by_role("link", name="异步的茶").first.click()
    page.fill("[name=body]", "半句还没写完")
    page.click("button[data-act=save]")
    expect(page.locator("[name=version]")).not_to_have_value("1")
    for path in ("/posts/yi-bu-de-cha", "/", "/feed.atom", "/search?q=%E5%8D%8A%E5%8F%A5"):
        assert "半句还没写完" not in empty.get(path).text


def test_the_set_up_link_works_only_once(page, empty):
    link = re.search(r"/set-up\?key=\w+", empty.said)
    assert empty.get(link[0]).status in (303, 403, 404)


def test_no_page_had_a_script_error(page):
    assert page.faults == []


def test_the_picture_is_stored_under_its_hash(empty):
    files = [path for path in empty.config.media_dir.rglob("*") if path.is_file()]
    names = {str(path.relative_to(empty.config.media_dir)) for path in files}
    assert names
    assert all(re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{32}(-960)?\.\w+", name) for name in names)
