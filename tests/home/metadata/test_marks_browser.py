"""Links to headings, JSON-LD and the manifest in Chromium."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from blog.models.posts.editing import WorkingCopy
from tests.home.test_pages_browser import complaints
from tests.home.test_views import create_live_post
from tests.support.live_server import Site

pytestmark = [pytest.mark.browser, pytest.mark.server]

BODY = """Words.

## Plain heading

## With [a link](https://example.org)

### `code` & more

More words.
"""
SCREEN = {"width": 1280, "height": 900}
SIGN = "link => getComputedStyle(link, '::before').content"
OPACITY = "link => getComputedStyle(link, '::before').opacity"
REPORT = """window.violations = [];
document.addEventListener('securitypolicyviolation', event => {
  violations.push(event.violatedDirective);
})"""


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    """The address of an unlisted post with headings and a hostile title."""

    def write(session: Session) -> str:
        copy = WorkingCopy(title="</script><script>window.ran = 1</script>", body=BODY)
        copy.is_listed = False
        return create_live_post(session, copy, "", by=site.cast.ann)

    return str(site.database.transact_now(write))


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Callable[[str], Any]]:
    contexts: list[Any] = []

    def visit(path: str) -> Any:
        contexts.append(browser.new_context(viewport=SCREEN, reduced_motion="reduce"))
        page = contexts[-1].new_page()
        page.add_init_script(REPORT)
        assert page.goto(site.url + path).status == 200
        return page

    yield visit
    for context in contexts:
        context.close()


def test_a_heading_is_announced_once_and_can_be_followed_by_keyboard(
    visit: Callable[[str], Any], address: str
) -> None:
    page = visit(address)
    heading = page.get_by_role("heading", name="Plain heading", exact=True)
    link = heading.get_by_role("link", name="Plain heading", exact=True)
    assert link.evaluate(SIGN) == "none"
    link.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert "#" in link.evaluate(SIGN)
    page.keyboard.press("Enter")
    assert page.url.endswith("#u-plain-heading")
    assert page.locator(":target").inner_text() == "Plain heading"


def test_the_sign_of_a_heading_is_shown_while_the_pointer_is_anywhere_on_its_line(
    visit: Callable[[str], Any], address: str
) -> None:
    page = visit(address)
    heading = page.get_by_role("heading", name="Plain heading", exact=True)
    heading.hover(position={"x": heading.bounding_box()["width"] - 2, "y": 5})
    assert "#" in heading.locator(".heading-link").evaluate(SIGN)


def test_a_link_inside_a_heading_looks_like_a_link(
    visit: Callable[[str], Any], address: str
) -> None:
    page = visit(address)
    heading = page.get_by_role("heading", name="With a link", exact=False).first
    colour = "element => getComputedStyle(element).color"
    link = heading.get_by_role("link", name="a link", exact=True)
    assert link.evaluate(colour) != heading.evaluate(colour)


def test_the_signs_of_headings_are_not_printed(visit: Callable[[str], Any], address: str) -> None:
    page = visit(address)
    links = page.locator(".heading-link")
    links.nth(0).focus()
    links.nth(0).hover()
    page.emulate_media(media="print")
    signs = {links.nth(at).evaluate(SIGN) for at in range(links.count())}
    assert signs == {"none"}
    assert page.locator(".prose h2").nth(0).is_visible()
    assert not page.locator(".heading-link[aria-label]").is_visible()


def test_a_heading_with_a_link_has_a_second_one_for_itself(
    visit: Callable[[str], Any], address: str
) -> None:
    page = visit(address)
    heading = page.locator("#u-with-a-link")
    own = heading.get_by_role("link", name="Link to this section", exact=True)
    assert own.evaluate(OPACITY) == "0"
    heading.hover()
    assert own.evaluate(OPACITY) == "1"
    own.click()
    assert page.url.endswith("#u-with-a-link")


def test_the_links_are_accessible(visit: Callable[[str], Any], address: str, axe: str) -> None:
    assert complaints(visit(address), axe) == []


def test_json_ld_is_neither_run_nor_reported_by_the_content_security_policy(
    visit: Callable[[str], Any], address: str
) -> None:
    page = visit(address)
    assert page.locator('script[type="application/ld+json"]').count() == 1
    assert page.evaluate("window.violations") == []
    assert page.evaluate("window.ran") is None


def test_chromium_accepts_the_manifest(visit: Callable[[str], Any], site: Site) -> None:
    page = visit("/")
    manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert manifest["url"] == f"{site.url}/site.webmanifest"
    assert manifest["errors"] == []
