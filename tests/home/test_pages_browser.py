"""All pages in Chromium: accessibility, typography, screen sizes, dark mode, print."""

import gzip
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import cast
from tests.support.live_server import Site

pytestmark = [pytest.mark.browser, pytest.mark.server]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
READERS = (
    "/",
    "/archive",
    "/tags",
    "/authors",
    "/tags/python",
    "/authors/ann",
    "/search?q=marmalade",
    "/search?q=nowhere",
    "/about",
    "/posts/a-marmalade-morning",
    "{zh}",
    "/posts/no-such-post",
    "/sign-in",
    "/set-up",
)
EXPECTED_STATUS = {"/posts/no-such-post": 404, "/set-up": 404}
WRITERS = (
    "/control-panel",
    "/control-panel/posts/{draft}",
    "/control-panel/posts/{draft}/revisions",
    "/control-panel/posts/{trashed}/delete",
    "/control-panel/pictures",
    "/control-panel/profile",
    "/control-panel/password",
    "/control-panel/sign-ins",
)
ADMINS = ("/admin", "/admin/posts", "/admin/people", "/admin/settings", "/admin/look")
ADMINS += (
    "/admin/settings/history",
    "/admin/settings/addresses",
    "/admin/audit",
    "/admin/audit/2",
)
EN_TEXT = (
    "Memory safety bugs and concurrency bugs often come down to code accessing data when it "
    "shouldn't, and a discipline for access control that systems programmers try to follow is "
    "what a compiler can check statically for you. For memory safety, this means you can program "
    "without a garbage collector and without fear of segfaults. "
) * 3
ZH_TEXT = (
    "在开发的过程中，我们最大的敌人不是用户，而是阻塞。异步可以有效地解决网络阻塞与文件阻塞，"
    "性能上也能与别的语言比肩，除非是计算密集的任务，否则没有理由不使用异步的框架。"
) * 6
# Returns the number of characters on each line of a paragraph except the last.
CHARACTERS_A_LINE = """(text) => {
  const paragraph = document.querySelector('.prose p');
  paragraph.textContent = text;
  const node = paragraph.firstChild, range = document.createRange(), lines = new Map();
  for (let at = 0; at < text.length; at++) {
    range.setStart(node, at); range.setEnd(node, at + 1);
    const box = range.getBoundingClientRect();
    if (box.height) lines.set(Math.round(box.bottom), (lines.get(Math.round(box.bottom)) || 0) + 1);
  }
  return [...lines.values()].slice(0, -1);
}"""
STYLE = """([selector, name]) => {
  const element = document.querySelector(selector);
  return getComputedStyle(element)[name];
}"""
# Controls smaller than 24 px, except links in running text, which WCAG exempts.
SMALL_TARGETS = """() => [...document.querySelectorAll('a,button,input,select,textarea,summary')]
  .filter(each => each.checkVisibility() && !each.closest('.prose, p:not(.tags, .spine, .meta)'))
  .filter(each => !each.matches('.skip, [type=hidden]'))
  .map(each => [each, (each.matches('[type=checkbox]') && each.closest('label, .check')) || each])
  .filter(([, area]) => {
    const box = area.getBoundingClientRect();
    return box.width < 24 || box.height < 24;
  })
  .map(([each]) => each.outerHTML.slice(0, 120))"""

# Puts an unbreakable word into every text that a site owner, an author or a tag can give a page.
LONG_WORDS = """() => {
  const names = 'h1, h2, h3, h1 > a, h2 > a, h3 > a, .meta a, .tags a, .spine span, .running-head a';
  for (const each of document.querySelectorAll(names + ', .entry-summary, footer strong, footer a')) {
    if (!each.querySelector('a')) each.textContent = 'Donaudampfschifffahrt'.repeat(5);
  }
}"""

Open = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Open]:
    """`visit(path, …)` opens a page in a new browser; the options are Playwright's."""
    contexts: list[Any] = []

    def visit(path: str, width: int = 1280, by: Any = None, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        if by:
            tokens = cast.sign_in(site.database, by)
            context.add_cookies(
                [{"name": name, "value": value, "url": site.url} for name, value in tokens.items()]
            )
        page = context.new_page()
        cast_of = site.cast
        ids = {"draft": cast_of.ann_draft.id, "trashed": cast_of.ann_trashed.id}
        answer = page.goto(site.url + path.format(zh=cast_of.bob_zh.path, **ids))
        assert answer.status == EXPECTED_STATUS.get(path, 200), path
        return page

    yield visit
    for context in contexts:
        context.close()


def complaints(page: Any, axe: str) -> list[str]:
    """The violations that axe finds in light mode, and those of contrast in dark mode."""
    page.evaluate(axe)
    results = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    page.emulate_media(color_scheme="dark")
    results += page.evaluate("rules => axe.run({runOnly: rules})", COLOURS)["violations"]
    return [f"{each['id']}: {node['html']}" for each in results for node in each["nodes"]]


# --- for everybody -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", READERS)
def test_axe_finds_no_violation_on_public_pages(visit: Open, axe: str, path: str) -> None:
    assert complaints(visit(path, reduced_motion="reduce"), axe) == []


@pytest.mark.parametrize("path", [*WRITERS, *ADMINS])
def test_axe_finds_no_violation_on_the_dashboard_and_admin_pages(
    visit: Open, site: Site, axe: str, path: str
) -> None:
    page = visit(path, by=site.cast.kim, reduced_motion="reduce")
    assert complaints(page, axe) == []


@pytest.mark.parametrize("path", [*READERS, *WRITERS, *ADMINS])
def test_every_page_fits_at_400_percent_zoom(visit: Open, site: Site, path: str) -> None:
    is_private = path.startswith(("/control-panel", "/admin"))
    page = visit(path, width=320, by=site.cast.kim if is_private else None)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("path", ["/", "/archive", "/tags", "/authors", "/tags/python", "{zh}"])
def test_long_words_in_titles_and_names_do_not_widen_the_page(visit: Open, path: str) -> None:
    page = visit(path, width=320)
    page.evaluate(LONG_WORDS)
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_first_tab_stop_is_the_skip_link(visit: Open) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("each => each === document.activeElement")
    assert skip.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_focus_is_visible(visit: Open) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    focused = "() => getComputedStyle(document.activeElement)"
    assert page.evaluate(f"({focused})().outlineStyle") == "solid"
    assert page.evaluate(f"parseFloat(({focused})().outlineWidth)") >= 2


def test_reduced_motion_disables_transitions(visit: Open) -> None:
    still, moving = visit("/", reduced_motion="reduce"), visit("/", reduced_motion="no-preference")
    assert still.evaluate(STYLE, ["html", "scrollBehavior"]) == "auto"
    assert still.evaluate(STYLE, ["a", "transitionDuration"]) == "0s"
    assert moving.evaluate(STYLE, ["a", "transitionDuration"]) != "0s"


def test_reading_and_searching_need_no_script_and_no_other_host(browser: Any, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    requested: list[str] = []
    try:
        page = context.new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{site.url}/search")
        page.fill("input[name=q]", "marmalade")
        page.press("input[name=q]", "Enter")
        page.click("text=A marmalade morning")
        assert page.locator("h1").inner_text() == "A marmalade morning"
        assert context.cookies() == []
    finally:
        context.close()
    assert [address for address in requested if not address.startswith(site.url)] == []


def test_print_shows_the_text_without_navigation(visit: Open) -> None:
    page = visit("/posts/a-marmalade-morning", color_scheme="dark")
    page.emulate_media(media="print")
    for hidden in (".masthead nav", ".colophon", ".neighbours"):
        assert not page.locator(hidden).first.is_visible()
    assert page.locator(".post-text .prose").is_visible()
    assert page.evaluate(STYLE, ["html", "backgroundColor"]) == "rgb(255, 255, 255)"


def test_the_page_follows_the_colour_scheme_of_the_device(visit: Open) -> None:
    def brightness(scheme: str) -> int:
        colour = visit("/", color_scheme=scheme).evaluate(STYLE, ["html", "backgroundColor"])
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    assert brightness("light") > 700
    assert brightness("dark") < 120


# --- two scripts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "size", "height"),
    [("{zh}", (17, 18), (1.75, 1.85)), ("/posts/a-marmalade-morning", (17, 20), (1.55, 1.65))],
)
def test_font_size_and_line_height_suit_the_script(
    visit: Open, path: str, size: tuple[float, float], height: tuple[float, float]
) -> None:
    page = visit(path)
    font = float(page.evaluate(STYLE, [".prose p", "fontSize"]).removesuffix("px"))
    line = float(page.evaluate(STYLE, [".prose p", "lineHeight"]).removesuffix("px"))
    assert size[0] <= font <= size[1]
    assert height[0] <= line / font <= height[1]


@pytest.mark.parametrize(
    ("path", "text", "least", "most"),
    [("{zh}", ZH_TEXT, 34, 40), ("/posts/a-marmalade-morning", EN_TEXT, 62, 72)],
)
@pytest.mark.parametrize("width", [900, 1440])
def test_line_length_suits_the_script(
    visit: Open, path: str, text: str, least: int, most: int, width: int
) -> None:
    lines = visit(path, width=width).evaluate(CHARACTERS_A_LINE, text)
    assert least <= sum(lines) / len(lines) <= most


def test_emphasis_is_dots_in_chinese_and_italic_in_english(
    visit: Open,
) -> None:
    page = visit("/posts/a-marmalade-morning")
    page.evaluate(
        """() => document.querySelector('.prose p').innerHTML =
        '<em id="en">slanted</em> <span lang="zh"><em id="zh">着重</em></span>'"""
    )
    assert page.evaluate(STYLE, ["#en", "fontStyle"]) == "italic"
    assert page.evaluate(STYLE, ["#en", "textEmphasisStyle"]) == "none"
    assert page.evaluate(STYLE, ["#zh", "fontStyle"]) == "normal"
    assert "dot" in page.evaluate(STYLE, ["#zh", "textEmphasisStyle"])


def test_a_chinese_post_on_an_english_site_uses_chinese_typography(visit: Open) -> None:
    page = visit("{zh}")
    assert page.evaluate(STYLE, [".prose p", "lineBreak"]) == "strict"
    faces = page.evaluate(STYLE, [".prose p", "fontFamily"])
    latin, han = faces.index("Arial"), faces.index("PingFang SC")
    assert latin < han
    assert "Songti SC" in page.evaluate(STYLE, [".post h1", "fontFamily"])


# --- weight --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/posts/a-marmalade-morning", "{zh}"])
def test_a_post_with_its_stylesheets_stays_small(site: Site, path: str) -> None:
    page = site.get(path.format(zh=site.cast.bob_zh.path))
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert sheets
    bodies = [page.body, *(site.get(sheet).body for sheet in sheets)]
    assert sum(len(gzip.compress(body, 6)) for body in bodies) < 14_000
