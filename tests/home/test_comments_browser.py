"""Commenting in Chromium without scripts: on narrow screens, in dark mode, with the keyboard."""

import time
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from tests.support.live_server import Site

pytestmark = [pytest.mark.server, pytest.mark.browser]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        java_script_enabled=False,
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def violations(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The violations that axe finds on a page, and how far it is wider than its window.

    axe is itself a script, so it checks a copy of the page in a second browser with scripts on.
    """
    axe = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    contexts = []

    def find(page: Any) -> list[str]:
        scheme = "dark" if page.viewport_size["width"] == 320 else "light"
        context = browser.new_context(
            viewport=page.viewport_size, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        other = context.new_page()
        # the address of the blog, so that relative stylesheet addresses work
        other.goto(page.url.partition("/comments/")[0])
        other.set_content(page.content())
        other.evaluate(axe)
        results = other.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
        wide = other.evaluate("document.documentElement.scrollWidth - innerWidth")
        return [f"{each['id']}: {node['html']}" for each in results for node in each["nodes"]] + (
            [f"{wide} px too wide"] if wide > 0 else []
        )

    yield find
    for context in contexts:
        context.close()


@pytest.mark.parametrize("page", [(320, "dark"), (1280, "light")], indirect=True)
def test_a_guest_replies_to_a_comment_without_scripts(
    site: Site, page: Any, violations: Any
) -> None:
    text = f"Written on a page of {page.viewport_size['width']} pixels."
    page.goto(site.url + site.cast.ann_live.path)
    assert violations(page) == []
    page.click(".comment-acts a >> nth=0")
    page.fill("#f-body", text)
    page.fill("#f-name", "Greta Guest")
    assert violations(page) == []
    page.click("#comment-form button")
    assert page.locator(".comment-look .prose").inner_text() == text
    assert violations(page) == []
    time.sleep(3.1)
    page.click(".comment-look button")
    own = page.locator(".comment:target")
    assert text in own.inner_text()
    assert "Pending" in own.inner_text()
    assert violations(page) == []
    page.context.clear_cookies()
    page.reload()
    assert text not in page.content()


def test_an_error_is_shown_and_the_form_keeps_its_text(
    site: Site, page: Any, violations: Any
) -> None:
    page.goto(site.url + site.cast.ann_live.path)
    page.fill("#f-body", "Words that must not be lost.")
    page.fill("#f-name", "Ann Archer")
    page.click("#comment-form button")
    time.sleep(3.1)
    page.click(".comment-look button")
    assert "has this name" in page.locator(".faults").inner_text()
    assert page.input_value("#f-body") == "Words that must not be lost."
    assert violations(page) == []


def test_the_honeypot_field_is_invisible_and_skipped_by_the_tab_key(site: Site, page: Any) -> None:
    page.goto(site.url + site.cast.ann_live.path)
    box = page.locator("#f-homepage").bounding_box()
    assert box["x"] + box["width"] < 0
    page.focus("#f-email")
    page.keyboard.press("Tab")
    assert page.locator("#comment-form button:focus").count() == 1
