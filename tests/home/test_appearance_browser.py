"""Appearance settings in Chromium: cards, typefaces, schemes, blogroll, footer, in two scripts."""

import gzip
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blog.models.settings.theme_css import TYPEFACES
from tests.home.test_pages_browser import (
    CHARACTERS_A_LINE,
    EN_TEXT,
    SMALL_TARGETS,
    STYLE,
    ZH_TEXT,
    complaints,
)
from tests.support import cast
from tests.support.app_client import AppClient

pytestmark = [pytest.mark.browser]

EVERYTHING = {
    "accent": "#ffd400",
    "front": "cards",
    "icp": "京ICP备12345678号-1",
    "police": "京公网安备11010102001234号",
    "footer_html": '<p>Words under <a href="/about">CC BY</a>.</p>',
    "blogroll": "老王的代码与诗 https://wang.example/ 写代码，也写诗\nLow-tech https://low.example/",
}
PAGES = ("/", "/links", "/posts/a-marmalade-morning")
Open = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, client: AppClient) -> Iterator[Open]:
    """`visit(path, chosen, …)` opens a page with these settings in a new browser."""
    contexts: list[Any] = []

    def visit(path: str, chosen: dict[str, Any], width: int = 1280, **options: Any) -> Any:
        cast.choose(client.database, **chosen)
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        answer = page.goto(f"http://127.0.0.1:{client.port}{path}")
        assert answer.status == 200
        return page

    yield visit
    for context in contexts:
        context.close()


def brightness(page: Any) -> int:
    colour = page.evaluate(STYLE, ["html", "backgroundColor"])
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("typeface", TYPEFACES)
def test_axe_finds_no_violation_with_any_typeface(
    visit: Open, axe: str, path: str, typeface: str
) -> None:
    page = visit(path, {**EVERYTHING, "typeface": typeface}, reduced_motion="reduce")
    assert complaints(page, axe) == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("typeface", TYPEFACES)
def test_every_typeface_fits_at_400_percent_zoom(visit: Open, path: str, typeface: str) -> None:
    page = visit(path, {**EVERYTHING, "typeface": typeface}, width=320)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_fixed_colour_scheme_overrides_the_device_without_scripts(
    visit: Open, scheme: str
) -> None:
    other = "dark" if scheme == "light" else "light"
    page = visit("/", {"scheme": scheme}, color_scheme=other, java_script_enabled=False)
    assert (brightness(page) > 380) == (scheme == "light")


def test_print_is_dark_on_white_with_a_dark_theme(visit: Open) -> None:
    page = visit("/posts/a-marmalade-morning", {"scheme": "dark"})
    page.emulate_media(media="print")
    assert brightness(page) == 3 * 255
    assert page.evaluate(STYLE, [".prose p", "color"]) == page.evaluate(STYLE, ["html", "color"])
    assert page.evaluate(STYLE, ["html", "color"]) == "rgb(27, 30, 35)"


@pytest.mark.parametrize(
    ("typeface", "english", "chinese"),
    [
        ("book", "Georgia", "Songti SC"),
        ("plain", "Segoe UI", "PingFang SC"),
        ("typewriter", "Consolas", "STFangsong"),
    ],
)
def test_each_typeface_has_fonts_for_latin_and_chinese(
    visit: Open, client: AppClient, typeface: str, english: str, chinese: str
) -> None:
    page = visit("/posts/a-marmalade-morning", {"typeface": typeface})
    assert english in page.evaluate(STYLE, [".post h1", "fontFamily"])
    page = visit(client.cast.bob_zh.path, {"typeface": typeface})
    assert chinese in page.evaluate(STYLE, [".post h1", "fontFamily"])
    text = page.evaluate(STYLE, [".prose p", "fontFamily"])
    assert text.index("Arial") < text.index("PingFang SC")


@pytest.mark.parametrize("typeface", TYPEFACES)
def test_lines_have_a_readable_length_with_every_typeface(
    visit: Open, client: AppClient, typeface: str
) -> None:
    def mean(path: str, text: str) -> float:
        lines = visit(path, {"typeface": typeface}, width=1440).evaluate(CHARACTERS_A_LINE, text)
        return float(sum(lines) / len(lines))

    assert 60 <= mean("/posts/a-marmalade-morning", EN_TEXT) <= 75
    assert 34 <= mean(client.cast.bob_zh.path, ZH_TEXT) <= 40


def test_a_card_is_one_large_link_with_separate_tag_links(visit: Open) -> None:
    page = visit("/", EVERYTHING)
    card = page.locator(".plate").nth(1)
    title = card.locator("h2 a").inner_text()
    card.locator(".plate-cover").click(position={"x": 200, "y": 60}, force=True)
    assert page.locator("h1").inner_text() == title
    page.go_back()
    tag = page.locator(".plate .tag").first
    name = tag.inner_text()
    tag.click()
    assert page.locator("h1").inner_text() == name


def test_the_site_title_at_the_side_stays_in_view(visit: Open) -> None:
    page = visit("/", EVERYTHING)
    page.evaluate("scrollTo(0, 700)")
    page.wait_for_function("scrollY > 100")
    assert 0 <= page.locator(".spine a span").bounding_box()["y"] < 300


def test_blogroll_names_link_to_the_blogs(visit: Open) -> None:
    page = visit("/links", EVERYTHING)
    names = page.locator(".friend h2 a")
    assert names.evaluate_all("links => links.map(link => link.href)") == [
        "https://wang.example/",
        "https://low.example/",
    ]
    assert page.locator(".friend-seal").all_inner_texts() == ["老", "L"]


@pytest.mark.parametrize("path", ["/posts/a-marmalade-morning", "{zh}"])
def test_a_post_with_every_appearance_setting_stays_small(client: AppClient, path: str) -> None:
    cast.choose(client.database, **{**EVERYTHING, "typeface": "typewriter"})
    page = client.get(path.format(zh=client.cast.bob_zh.path))
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    assert any(sheet.startswith("/look/") for sheet in sheets)
    bodies = [client.get(sheet).body for sheet in sheets]
    weight = sum(len(gzip.compress(body, 6)) for body in bodies)
    assert b"/*" not in b"".join(bodies)
    assert weight < 10_500  # leaves room for 3,000 words below 20 kB
    assert weight + len(gzip.compress(page.body, 6)) < 20_000


ANALYTICS_SCRIPT = """
fetch('https://stats.example.org/collect', {method: 'POST', mode: 'no-cors'});
fetch('https://elsewhere.example/collect', {mode: 'no-cors'}).catch(() => {});
new Image().src = 'https://stats.example.org/pixel.gif';
const other = document.createElement('script');
other.src = 'https://elsewhere.example/more.js';
document.head.append(other);
"""


def test_the_analytics_script_can_reach_only_its_own_host(browser: Any, client: AppClient) -> None:
    """The requests are intercepted in the browser, so no other host is contacted."""
    cast.choose(client.database, analytics="https://stats.example.org/script.js site=1")
    requested: list[str] = []

    def answer(route: Any) -> None:
        requested.append(route.request.url)
        route.fulfill(body=ANALYTICS_SCRIPT, content_type="text/javascript")

    context = browser.new_context()
    try:
        page = context.new_page()
        context.route(re.compile("^https:"), answer)
        page.goto(f"http://127.0.0.1:{client.port}/", wait_until="networkidle")
        assert page.locator("script[data-site='1']").count() == 1
    finally:
        context.close()
    assert set(requested) == {
        f"https://stats.example.org/{name}" for name in ("script.js", "collect", "pixel.gif")
    }
