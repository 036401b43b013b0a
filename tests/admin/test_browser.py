"""The admin area in Chromium: keyboard use, accessibility, and small screens in light and dark."""

from typing import Any

import pytest
from playwright.sync_api import expect

from blog.models.addresses import redirects
from blog.models.listing import ListQuery
from blog.models.posts import editing
from blog.models.tags import tag_admin
from blog.models.uploads import upload
from tests.home.test_pages_browser import SMALL_TARGETS, Open, complaints, visit  # noqa: F401 -- fixtures
from tests.support.live_server import Site

pytestmark = [pytest.mark.server, pytest.mark.browser]

SECTIONS = ("posts", "pages", "comments", "tags", "pictures", "redirects", "people", "audit")
LISTS = ["/admin", *(f"/admin/{section}" for section in SECTIONS), "/admin/redirects/new"]


@pytest.fixture(scope="module", autouse=True)
def furnished(site: Site) -> None:
    """Add rows to every list."""
    given = {"original": "Ein Bild.png", "width": 3, "height": 2, "size": 1200}
    name = f"aa/aa{'0' * 30}.png"
    site.database.transact_now(upload.record_upload, name=name, type="image/png", **given)
    site.database.transact_now(
        redirects.add, path="/an old one", to="https://else.example/x", by=None
    )


def draft(site: Site, *titles: str) -> list[int]:
    def add(session: Any, *, by: Any) -> list[int]:
        ids = []
        for title in titles:
            ids.append(editing.start(session, "post", "en", by=by))
            copy = editing.WorkingCopy(title=title, version=1)
            editing.save(session, ids[-1], copy, by=by)
        return ids

    return site.database.transact_now(add, by=site.cast.eve)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("width", [320, 1280])
def test_no_list_has_accessibility_violations(
    visit: Open,  # noqa: F811 -- the fixture of the same name
    site: Site,
    axe: str,
    path: str,
    width: int,
) -> None:
    page = visit(path, width=width, by=site.cast.kim, reduced_motion="reduce")
    assert complaints(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(SMALL_TARGETS) == []


def test_a_list_can_be_used_with_the_keyboard_only(visit: Open, site: Site) -> None:  # noqa: F811 -- the fixture
    draft(site, "Keyed one", "Keyed two", "Keyed three")
    page = visit("/admin/posts?q=keyed&sort=title", by=site.cast.eve)
    page.locator("#list").focus()
    page.keyboard.press("j")  # the first row
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-row] :checked")).to_have_count(2)
    page.keyboard.press("t")
    expect(page.locator(".flash")).to_have_text("2 items were moved to trash.")
    assert page.url.endswith("/admin/posts?q=keyed&sort=title#list")
    # The list has the focus again, so the next key moves to a row of it.
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.locator(".flash.is-bad, .flash")).to_be_visible()


def test_shortcuts_are_inactive_in_text_fields(visit: Open, site: Site) -> None:  # noqa: F811 -- the fixture
    draft(site, "Untouched by keys")
    page = visit("/admin/posts?q=untouched", by=site.cast.eve)
    page.fill("#f-q", "")
    page.locator("#f-q").press_sequentially("jxt")
    assert page.input_value("#f-q") == "jxt"
    expect(page.locator("[data-row] :checked")).to_have_count(0)


def test_a_checkbox_selects_all_rows_and_enter_on_it_submits_nothing(
    visit: Open,  # noqa: F811 -- the fixture of the same name
    site: Site,
) -> None:
    draft(site, "Boxed one", "Boxed two")
    page = visit("/admin/posts?q=boxed", by=site.cast.eve)
    page.check("[data-all] input")
    expect(page.locator("[data-row] :checked")).to_have_count(2)
    page.locator("[data-row] input").first.press("Enter")
    page.wait_for_timeout(300)
    assert page.locator(".flash").all_inner_texts() == []
    page.uncheck("[data-row] input >> nth=0")
    assert page.locator("[data-all] input").evaluate("box => box.indeterminate")


def test_confirmation_works_without_javascript(visit: Open, site: Site) -> None:  # noqa: F811 -- the fixture
    draft(site, "Plainly gone")
    page = visit("/admin/posts?q=plainly", by=site.cast.eve, java_script_enabled=False)
    page.click("[data-row] .acts button")
    page.click('[data-row] .acts button:has-text("Delete permanently")')
    expect(page.locator("main")).to_contain_text("This cannot be undone.")
    page.click(".button.is-danger")
    expect(page.locator(".flash")).to_have_text("1 item was permanently deleted.")
    expect(page.locator(".empty")).to_be_visible()


def test_a_tag_can_be_renamed_on_its_page_in_chinese(visit: Open, site: Site) -> None:  # noqa: F811 -- the fixture
    rows = site.database.read_now(tag_admin.tags.page, ListQuery(words="celadonic")).rows
    page = visit("/admin/tags", by=site.cast.eve, width=320)
    page.goto(f"{site.url}/admin/tags/{rows[0].id}")
    page.fill("#f-name", "青瓷")
    page.click('button:has-text("Rename")')
    expect(page.locator("td.title", has_text="青瓷")).to_be_visible()
