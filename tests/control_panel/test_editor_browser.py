"""The edit page in Chromium: with scripts, by keyboard alone, and with scripts off."""

import base64
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support import cast
from tests.support.live_server import Site

pytestmark = [pytest.mark.server, pytest.mark.browser]

DISPATCH_FILE = """([data, name, how]) => {
  const raw = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([raw], name, { type: "image/png" }));
  const text = document.getElementById("f-body");
  const more = { bubbles: true, cancelable: true };
  text.dispatchEvent(how === "paste"
    ? new ClipboardEvent("paste", { clipboardData: files, ...more })
    : new DragEvent("drop", { dataTransfer: files, ...more }));
}"""


@pytest.fixture
def context(browser: Any, site: Site, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser in which Ann is signed in; the parameter says whether scripts are on."""
    opened = browser.new_context(
        base_url=site.url, java_script_enabled=getattr(request, "param", True)
    )
    cookies = cast.sign_in(site.database, site.cast.ann)
    opened.add_cookies(
        [{"name": name, "value": value, "url": site.url} for name, value in cookies.items()]
    )
    yield opened
    opened.close()


@pytest.fixture
def page(context: Any) -> Page:
    """The edit page of a new, empty post."""
    page = context.new_page()
    page.goto("/control-panel")
    page.get_by_role("button", name="New post").click()
    page.wait_for_url("**/control-panel/posts/*")
    return page


def status(page: Page) -> Any:
    return page.locator("[data-status]")


def paste_or_drop(page: Page, raw: bytes, name: str, how: str) -> None:
    page.evaluate(DISPATCH_FILE, [base64.b64encode(raw).decode(), name, how])


def png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "PNG")
    return file.getvalue()


def test_a_post_can_be_written_saved_and_published_with_the_keyboard_only(page):
    expect(page.locator("#f-title")).to_be_focused()
    page.keyboard.type("Without a mouse")
    page.keyboard.press("Tab")
    page.keyboard.type("On writing")
    page.keyboard.press("Tab")  # the toolbar is one tab stop
    page.keyboard.press("Tab")
    page.keyboard.type("It was ")
    page.keyboard.press("Control+b")
    page.keyboard.type("quiet")
    page.keyboard.press("Control+s")
    expect(status(page)).to_contain_text("Saved at")
    expect(page.locator("#f-body")).to_have_value("It was **quiet**")
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".flashes")).to_contain_text("Published")
    page.goto("/posts/without-a-mouse")
    assert page.locator("article .prose strong").inner_text() == "quiet"
    assert page.locator(".post-head .subtitle").inner_text() == "On writing"


@pytest.mark.parametrize("field", ["title", "subtitle"])
def test_the_enter_key_in_a_line_of_the_heading_saves_and_publishes_nothing(page, field):
    page.fill("#f-title", "Half a")
    page.press(f"#f-{field}", "Enter")
    expect(status(page)).to_contain_text("Saved at")
    expect(page.locator(".bar .badge")).to_have_text("Draft")


@pytest.mark.parametrize("field", ["title", "subtitle", "summary", "tags"])
def test_a_change_of_one_line_alone_is_unsaved_and_kept_in_the_browser(context, page, field):
    address = page.url
    context.set_offline(True)
    page.fill(f"#f-{field}", "Written in a tunnel")
    expect(status(page)).to_have_text("Not saved yet")
    page.keyboard.press("Control+s")
    expect(status(page)).to_contain_text("No connection")
    page.close(run_before_unload=False)
    context.set_offline(False)
    reopened = context.new_page()
    reopened.goto(address)
    reopened.get_by_role("button", name="Restore it").click()
    expect(reopened.locator(f"#f-{field}")).to_have_value("Written in a tunnel")
    expect(status(reopened)).to_contain_text("Saved at")


def test_text_kept_before_the_form_got_a_field_is_restored_without_it(context, page):
    page.fill("#f-subtitle", "In the form")
    page.keyboard.press("Control+s")
    expect(status(page)).to_contain_text("Saved at")
    page.fill("#f-body", "Kept by an earlier version.")
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    page.evaluate("""() => {
      const [key] = Object.keys(localStorage);
      const copy = JSON.parse(localStorage.getItem(key));
      delete copy.values.subtitle;
      localStorage.setItem(key, JSON.stringify(copy));
    }""")
    page.close(run_before_unload=False)
    reopened = context.new_page()
    reopened.goto(page.url)
    reopened.get_by_role("button", name="Restore it").click()
    expect(reopened.locator("#f-body")).to_have_value("Kept by an earlier version.")
    expect(reopened.locator("#f-subtitle")).to_have_value("In the form")


def test_typed_text_is_saved_automatically_and_leaves_no_notice(page):
    page.fill("#f-title", "By itself")
    expect(status(page)).to_have_text("Not saved yet")
    expect(status(page)).to_contain_text("Saved at", timeout=20_000)
    page.reload()
    expect(page.locator("#f-title")).to_have_value("By itself")
    expect(page.locator("[data-notices]")).to_be_empty()


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_pasted_or_dropped_picture_is_inserted_at_the_caret_while_typing_goes_on(page, how):
    page.click("#f-body")
    page.keyboard.type("Look:")
    paste_or_drop(page, png(), "red-kite.png", how)
    page.keyboard.type("And on.")
    expected = re.compile(r"^Look:\n\n!\[red kite\]\(/media/[0-9a-f/]+\.png\)\n\nAnd on\.$")
    expect(page.locator("#f-body")).to_have_value(expected)
    expect(page.locator("[data-progress]")).to_contain_text("was added")


def test_a_picture_chosen_with_the_button_is_uploaded_at_once(page):
    kite = {"name": "red-kite.png", "mimeType": "image/png", "buffer": png()}
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Picture", exact=True).click()
    chooser.value.set_files(kite)
    expect(page.locator("#f-body")).to_have_value(
        re.compile(r"^!\[red kite\]\(/media/\S+\.png\)\s*$")
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Use as cover").click()
    chooser.value.set_files(kite)
    expect(page.locator("#f-cover")).to_have_value(re.compile(r"^/media/\S+\.png$"))


def test_a_file_that_is_not_a_picture_is_refused_and_the_text_is_unchanged(page):
    page.fill("#f-body", "Look:")
    paste_or_drop(page, b"nonsense", "x.png", "drop")
    expect(page.locator("[data-progress]")).to_contain_text("is not a picture")
    assert page.input_value("#f-body").strip() == "Look:"


def test_text_typed_offline_is_offered_when_the_page_is_opened_again(context, page):
    address = page.url
    context.set_offline(True)
    page.click("#f-body")
    page.keyboard.type("Written in a tunnel.")
    page.keyboard.press("Control+s")
    expect(status(page)).to_contain_text("No connection")
    page.close(run_before_unload=False)
    context.set_offline(False)
    reopened = context.new_page()
    reopened.goto(address)
    assert reopened.input_value("#f-body") == ""
    reopened.get_by_role("button", name="Restore it").click()
    expect(reopened.locator("#f-body")).to_have_value("Written in a tunnel.")
    expect(status(reopened)).to_contain_text("Saved at")


def test_leaving_with_unsaved_text_asks_for_confirmation(page):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.accept()))
    page.click("#f-body")
    page.keyboard.type("Half a")
    page.goto("/control-panel")
    assert dialogs == ["beforeunload"]


def test_a_conflict_shows_both_texts_and_keeps_them(context, page):
    other = context.new_page()
    other.goto(page.url)
    other.fill("#f-body", "Theirs")
    other.keyboard.press("Control+s")
    expect(status(other)).to_contain_text("Saved at")
    page.fill("#f-body", "Mine")
    page.keyboard.press("Control+s")
    page.get_by_role("button", name="Show both texts").click()
    expect(page.locator("#f-theirs")).to_be_visible()
    expect(page.locator("#f-theirs")).to_have_value("Theirs")
    expect(page.locator("#f-body")).to_have_value("Mine")
    page.get_by_role("button", name="Save mine").click()
    expect(page.locator(".flashes")).to_contain_text("Saved")
    expect(page.locator("#f-body")).to_have_value("Mine")


def test_an_error_is_shown_beside_its_field_without_leaving_the_page(page, site):
    page.fill("#f-title", "Taken")
    page.fill("#f-slug", site.cast.ann_live.path.rpartition("/")[2])
    page.keyboard.press("Control+s")
    expect(page.locator("#f-slug-fault")).to_contain_text("is already in use")
    page.fill("#f-slug", "")
    page.keyboard.press("Control+s")
    expect(page.locator("#f-slug-fault")).to_have_count(0)
    expect(status(page)).to_contain_text("Saved at")


def test_the_preview_pane_is_updated_after_each_save(page):
    page.fill("#f-title", "Beside")
    page.fill("#f-body", "First.")
    page.get_by_role("button", name="Preview").click()
    preview = page.frame_locator("[data-beside-frame]").locator(".prose")
    expect(preview).to_have_text("First.")
    page.fill("#f-body", "Second.")
    page.keyboard.press("Control+s")
    expect(preview).to_have_text("Second.")


def test_on_a_narrow_screen_the_page_scrolls_to_the_preview(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.fill("#f-title", "Below")
    page.fill("#f-body", "A line.\n\n" * 60)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("[data-beside-frame]")).to_be_in_viewport(ratio=0.9)


def test_text_saved_before_a_validation_error_is_not_offered_again(page):
    page.fill("#f-title", "Tomorrow, then")
    page.fill("#f-body", "x")
    page.wait_for_timeout(700)  # the copy in the browser is written after a pause in typing
    page.get_by_text("Schedule…").click()
    for year, answer in (("2020", ".faults"), ("2099", ".flash")):
        page.fill("#f-publish_at", f"{year}-01-01T10:00")
        page.get_by_role("button", name="Schedule", exact=True).click()
        expect(page.locator(answer)).to_be_visible()
    expect(page.locator(".flashes")).to_contain_text("Scheduled")
    expect(page.locator("[data-notices]")).to_be_empty()


def test_text_saved_by_publishing_is_not_offered_again(page):
    page.fill("#f-title", "  Spaces around  ")
    page.fill("#f-body", "x")
    page.fill("#f-tags", "one,,two")
    page.wait_for_timeout(700)  # the copy in the browser is written after a pause in typing
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".flashes")).to_contain_text("Published")
    expect(page.locator("[data-notices]")).to_be_empty()


def test_a_signed_out_author_is_told_so_and_loses_no_text(page, context, site):
    page.fill("#f-body", "Still here")
    cookies = context.cookies()
    context.clear_cookies()
    page.keyboard.press("Control+s")
    expect(page.locator("[data-notices]")).to_contain_text("signed out")
    expect(page.locator("#f-body")).to_have_value("Still here")
    context.add_cookies(cookies)
    page.keyboard.press("Control+s")
    expect(status(page)).to_contain_text("Saved at")
    expect(page.locator("[data-notices]")).to_be_empty()


@pytest.mark.parametrize("context", [False], indirect=True)
def test_a_post_with_a_picture_can_be_published_without_scripts(page, tmp_path):
    (tmp_path / "kite.png").write_bytes(png())
    page.fill("#f-title", "No scripts")
    page.fill("#f-body", "Plain.")
    page.set_input_files("#f-picture", tmp_path / "kite.png")
    page.get_by_role("button", name="Add picture").click()
    expect(page.locator("#f-body")).to_have_value(re.compile(r"Plain\.\n\n!\[kite\]\(/media/"))
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator(".flashes")).to_contain_text("Published")
    page.goto("/posts/no-scripts")
    assert page.locator("article img").count() == 1
