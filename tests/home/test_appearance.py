"""Appearance settings: colours, theme stylesheets, front page, footer, blogroll, analytics."""

import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.settings.blogroll import Friend, initial, read_blogroll
from blog.models.settings.colour import Colour, contrast, lowest_contrast, readable
from blog.models.settings.legal import (
    check_icp,
    check_police,
    police_link,
    read_analytics,
    read_verification,
)
from blog.models.settings.theme_css import (
    ACCENT,
    DAY,
    FACES,
    MARK,
    NIGHT,
    SCHEMES,
    TEXT,
    TYPEFACES,
    Theme,
    is_adjusted,
    shades,
)
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.dashboard_client import Writer
from tests.support.live_server import Site, wait_for
from tests.support.source_tree import ROOT

FOREVER = "public, max-age=31536000, immutable"
# The corners and edges of the RGB cube, greys, and colours that people choose.
ACCENTS = [
    *(f"#{r}{g}{b}" for r in ("00", "80", "ff") for g in ("00", "80", "ff") for b in ("00", "ff")),
    *(
        ACCENT,
        "#ffd400",
        "#e85d04",
        "#00b894",
        "#1e90ff",
        "#7c3aed",
        "#888888",
        "#15181d",
        "#fafaf7",
    ),
]


def choose(client: AppClient, **chosen: Any) -> None:
    cast.choose(client.database, **chosen)


def sheets(page: str) -> list[str]:
    return re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)


# --- colours -----------------------------------------------------------------------------------


def test_contrast_follows_the_wcag_formula() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("text", ACCENTS)
def test_a_colour_survives_a_round_trip(text: str) -> None:
    assert Colour.of(text).hex == text


@pytest.mark.parametrize("text", ["", "#12", "blue", "#12345g", "#1234567", "red;}"])
def test_an_invalid_colour_raises_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Colour.of(text)


@pytest.mark.parametrize("accent", ACCENTS)
def test_every_accent_has_enough_contrast_in_both_schemes(accent: str) -> None:
    tone = shades(accent)
    assert lowest_contrast(tone.day, (*DAY, tone.day_wash)) >= TEXT
    assert lowest_contrast(tone.night, (*NIGHT, tone.night_wash)) >= TEXT
    assert lowest_contrast(tone.day_seal, DAY) >= MARK
    assert lowest_contrast(tone.night_seal, NIGHT) >= MARK


def test_a_readable_accent_is_not_adjusted() -> None:
    assert shades("#7c3aed").day == "#7c3aed"
    assert not is_adjusted("#7c3aed")
    assert is_adjusted("#ffd400")


def test_a_colour_is_adjusted_no_further_than_necessary() -> None:
    moved = readable(Colour.of("#ffd400"), ("#ffffff",), 4.5, darker=True)
    assert 4.5 <= contrast(moved, "#ffffff") < 4.6


def test_the_background_colours_match_the_stylesheet() -> None:
    values = (ROOT / "static/css/values.css").read_text("utf-8")
    papers = re.findall(r"--paper[\w-]*: light-dark\((#\w+), (#\w+)\)", values)
    assert papers == list(zip(DAY, NIGHT, strict=True))
    tone = shades(ACCENT)
    assert f"--blue: light-dark({ACCENT}, {tone.night});" in values
    assert f"--blue-wash: light-dark({tone.day_wash}, {tone.night_wash});" in values
    assert f"--seal: light-dark({tone.day_seal}, {tone.night_seal});" in values


# --- the stylesheet ----------------------------------------------------------------------------


def test_the_default_theme_needs_no_stylesheet() -> None:
    assert Theme().path == ""


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_theme_can_be_restored_from_its_name(typeface: str, scheme: str) -> None:
    look = Theme("#c2185b", typeface, scheme)
    assert Theme.named(look.name) == look


@pytest.mark.parametrize(
    "name",
    ["", "book", "book-auto-12345", "book-auto-12345G", "comic-auto-123456", "book-dim-123456"],
)
def test_an_invalid_theme_name_is_not_found(open_client: AppClient, name: str) -> None:
    with pytest.raises(LookupError):
        Theme.named(name)
    assert open_client.get(f"/look/{name}.0123456789ab.css").status == 404


def test_typefaces_load_no_web_fonts() -> None:
    for sheet in FACES.values():
        assert "url(" not in sheet
        assert "@import" not in sheet


def test_a_changed_theme_applies_to_the_next_page(client: AppClient) -> None:
    before = sheets(client.get("/").text)
    choose(client, accent="#c2185b", typeface="plain", scheme="dark")
    (added,) = set(sheets(client.get("/").text)) - set(before)
    sheet = client.get(added)
    assert sheet.status == 200
    assert sheet.header("content-type").startswith("text/css")
    assert sheet.header("cache-control") == FOREVER
    assert "#c2185b" in sheet.text
    assert "color-scheme: dark" in sheet.text


def test_the_stylesheet_of_an_earlier_theme_is_still_served(client: AppClient) -> None:
    choose(client, accent="#c2185b")
    earlier = Theme("#c2185b").path
    choose(client, accent="#00687a")
    assert "#c2185b" in client.get(earlier).text


def test_a_stylesheet_with_another_hash_is_not_cached_for_ever(open_client: AppClient) -> None:
    answer = open_client.get("/look/plain-auto-c2185b.000000000000.css")
    assert answer.status == 200
    assert answer.header("cache-control") == "no-cache"


def test_a_fixed_colour_scheme_is_in_a_meta_element(client: AppClient) -> None:
    assert '<meta name="color-scheme" content="light dark">' in client.get("/").text
    choose(client, scheme="dark")
    assert '<meta name="color-scheme" content="dark">' in client.get("/").text


@pytest.mark.server
def test_every_worker_applies_a_changed_theme(site: Site) -> None:
    cast.choose(site.database, accent="#5b2a3c")
    try:
        for _ in range(24):
            assert Theme("#5b2a3c").path in site.get("/").text
    finally:
        cast.choose(site.database, accent=ACCENT)
    wait_for(lambda: "/look/" not in site.get("/").text)


@pytest.mark.parametrize(
    "chosen",
    [
        {"accent": "blue"},
        {"accent": "#FFF"},
        {"typeface": "comic"},
        {"scheme": "dim"},
        {"front": "carousel"},
        {"icp": "no number"},
        {"police": "12"},
        {"blogroll": "a name alone"},
        {"verification": "viewport width=1"},
        {"analytics": "http://stats.example/x.js"},
        {"front": 7},
    ],
)
def test_an_invalid_setting_is_refused_at_its_field(
    client: AppClient, chosen: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        choose(client, **chosen)
    assert refused.value.field == next(iter(chosen))


def test_stored_settings_that_are_no_longer_valid_break_no_page(client: AppClient) -> None:
    def store_invalid(session: Session) -> None:
        invalid = {
            "accent": "rosy",
            "typeface": "comic",
            "blogroll": "x",
            "analytics": 7,
            "icp": "",
        }
        session.get_one(site.Site, site.SITE_ID).choices = {**invalid, "scheme": "dark"}

    client.database.transact_now(store_invalid)
    assert "/look/book-dark-1b4a8a." in client.get("/").text
    assert client.get("/admin/settings", cookies=client.let_in("kim")).status == 200


# --- the front page ----------------------------------------------------------------------------


def test_the_front_page_is_a_list_or_cards(client: AppClient) -> None:
    assert 'class="plates"' not in client.get("/").text
    choose(client, front="cards")
    page = client.get("/").text
    assert 'class="plates"' in page
    assert page.count('<li class="plate') == page.count("<h2>")


def test_a_card_without_a_cover_shows_the_first_letter_of_its_title(client: AppClient) -> None:
    choose(client, front="cards")
    assert re.search(r'is-bound" aria-hidden="true"><span>阻</span>', client.get("/").text)


@pytest.mark.parametrize(("words", "letter"), [("“真”的", "真"), ("a b", "A"), ("…", "…")])
def test_the_initial_skips_quotation_marks(words: str, letter: str) -> None:
    assert initial(words) == letter


# --- the footer --------------------------------------------------------------------------------


def test_filing_numbers_link_to_their_registers(client: AppClient) -> None:
    choose(client, icp="京ICP备12345678号-1", police="京公网安备 11010102001234号")
    for path in ("/", "/archive", "/posts/a-marmalade-morning"):
        page = client.get(path).text
        assert '<a href="https://beian.miit.gov.cn/" rel="nofollow noopener">京ICP备' in page
        assert "https://beian.mps.gov.cn/#/query/webSearch?code=11010102001234" in page


@pytest.mark.parametrize(
    "number",
    ["", "京ICP备12345678号", "粤ICP备2021012345号-12", "京ICP证030173号", "沪icp备1234567号"],
)
def test_a_valid_icp_number_is_accepted(number: str) -> None:
    check_icp(number)


@pytest.mark.parametrize(
    "number", ["12345678", "ICP备12345678", "京ICP备号", "<b>京ICP备12345678号"]
)
def test_an_invalid_icp_number_is_refused(number: str) -> None:
    with pytest.raises(Refusal):
        check_icp(number)


def test_a_police_number_is_accepted_with_or_without_spaces() -> None:
    for number in ("京公网安备11010102001234号", "京公网安备 11010102001234 号"):
        check_police(number)
        assert police_link(number).endswith("code=11010102001234")
    with pytest.raises(Refusal):
        check_police("京公网备11010102001234号")


# --- friends -----------------------------------------------------------------------------------


def test_the_blogroll_is_parsed_as_lines_of_name_address_and_remark() -> None:
    lines = (
        "老王 https://wang.example/ 写诗 也写代码\n\n  Low-tech　https://www.low.example:8080/a?b  "
    )
    assert read_blogroll(lines) == (
        Friend("老王", "https://wang.example/", "写诗 也写代码"),
        Friend("Low-tech", "https://www.low.example:8080/a?b"),
    )
    assert read_blogroll(lines)[1].host == "low.example"


@pytest.mark.parametrize(
    "line", ["Wang", "Wang wang.example", "W javascript:alert(1)", "W https://["]
)
def test_a_blogroll_line_without_a_valid_address_is_refused(line: str) -> None:
    with pytest.raises(Refusal):
        read_blogroll(line)


def test_the_blogroll_is_a_page_unless_it_is_empty(client: AppClient) -> None:
    assert client.get("/links").status == 404
    assert 'href="/links"' not in client.get("/").text
    assert "/links</loc>" not in client.get("/sitemap.xml").text
    choose(client, blogroll='Wang & "Söhne" https://wang.example/?a=1&b=2 <b>bold</b>')
    page = client.get("/links")
    assert page.status == 200
    assert '<a href="https://wang.example/?a=1&amp;b=2" rel="noopener">Wang &amp; ' in page.text
    assert "<b>bold" not in page.text
    assert 'href="/links"' in client.get("/").text
    assert client.get("/sitemap.xml").text.count("/links</loc>") == 1


def test_a_page_at_the_same_address_takes_precedence_over_the_blogroll(client: AppClient) -> None:
    choose(client, blogroll="Wang https://wang.example/")
    kim = Writer(client, "kim")
    id = kim.new("page")
    kim.post(
        f"/control-panel/posts/{id}/publish",
        kim.sheet(id) | {"title": "Friends", "slug": "links", "body": "My own words."},
    )
    page = client.get("/links").text
    assert "My own words." in page
    assert "wang.example" not in page
    assert client.get("/sitemap.xml").text.count("/links</loc>") == 1


# --- other services ----------------------------------------------------------------------------


def test_verification_tags_are_only_on_the_front_page(client: AppClient) -> None:
    lines = 'google-site-verification a-b_c=\n<meta name="baidu-site-verification" content="x1" />'
    choose(client, verification=lines)
    page = client.get("/").text
    assert '<meta name="google-site-verification" content="a-b_c=">' in page
    assert '<meta name="baidu-site-verification" content="x1">' in page
    assert "verification" not in client.get("/archive").text


@pytest.mark.parametrize(
    "line",
    [
        "alone",
        "referrer unsafe-url",
        "Robots noindex",
        'a" onload="x y',
        '<meta name="viewport" content="width=1">',
        '<meta name="a1" content="x"><script src="//e">',
        f"name {'x' * 301}",
    ],
)
def test_a_verification_tag_that_could_change_the_page_is_refused(line: str) -> None:
    with pytest.raises(Refusal):
        read_verification(line)


SCRIPT = "https://stats.example.org/script.js website-id=12-ab data-domains=a.example,b.example"


def test_public_pages_load_the_analytics_script_and_allow_only_its_host(
    client: AppClient,
) -> None:
    choose(client, analytics=SCRIPT)
    for path in ("/", "/archive", "/posts/a-marmalade-morning", "/no-such-page"):
        answer = client.get(path)
        assert (
            '<script defer src="https://stats.example.org/script.js" data-website-id="12-ab"'
            in (answer.text)
        )
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.header("content-security-policy").split(";")
        )
        for kind in ("script-src", "connect-src"):
            assert policy[kind] == "'self' https://stats.example.org"
        assert policy["style-src"] == policy["font-src"] == policy["form-action"] == "'self'"
        assert policy["default-src"] == "'none'"


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/settings", "/admin/look", "/control-panel", "/sign-in", "/preview/x"]
)
@pytest.mark.parametrize("who", ["kim", None])
def test_private_pages_do_not_load_the_analytics_script(
    client: AppClient, path: str, who: str | None
) -> None:
    choose(client, analytics=SCRIPT)
    answer = client.get(path, cookies=client.let_in(who) if who else {})
    assert "stats.example.org" not in answer.header("content-security-policy")
    assert '<script defer src="https://stats' not in answer.text


@pytest.mark.parametrize("path", ["/feed.atom", "/sitemap.xml", "/robots.txt", "/health/live"])
def test_responses_other_than_pages_do_not_allow_the_analytics_host(
    client: AppClient, path: str
) -> None:
    choose(client, analytics=SCRIPT)
    assert "stats.example.org" not in client.get(path).header("content-security-policy")


def test_signed_in_people_do_not_load_the_analytics_script(client: AppClient) -> None:
    choose(client, analytics=SCRIPT)
    answer = client.get("/", cookies=client.let_in("ann"))
    assert "stats.example.org" not in answer.text
    assert "stats.example.org" not in answer.header("content-security-policy")


def test_without_analytics_no_other_host_is_allowed(open_client: AppClient) -> None:
    assert "http" not in open_client.get("/").header("content-security-policy")


@pytest.mark.parametrize(
    "text",
    [
        "http://a.example/x.js",
        "https://a.example",
        "https://*.example/x.js",
        "https://user@a.example/x.js",
        "https://a.example;script-src/x.js",
        "https://a.example:99999/x.js",
        "https://a.example/x.js'",
        'https://a.example/"onload=x',
        "//a.example/x.js",
        "javascript:alert(1)",
        "data:text/javascript,1",
        "https://a.example/x.js onload=alert(1)",
        "https://a.example/x.js ID=1",
        "https://localhost/x.js",
    ],
)
def test_anything_but_an_https_script_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        read_analytics(text)
