"""The appearance page: theme settings, footer, site icon, and custom files and templates."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from blog.config import Config
from blog.models.settings import site
from tests.support import cast
from tests.support.app_client import Answer, AppClient, Furnished
from tests.support.dashboard_client import Writer

EDGE = "----edge"
CHOSEN = {"accent": "#c2185b", "typeface": "plain", "scheme": "dark", "front": "cards"}


def settings(writer: Writer) -> site.Settings:
    return writer.client.database.read_now(site.facts).settings


def picture(width: int, height: int, *, noise: bool = False) -> bytes:
    made = Image.effect_noise((width, height), 90) if noise else Image.new("RGB", (width, height))
    out = BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def upload(writer: Writer, raw: bytes, act: str = "keep") -> Answer:
    part = f'--{EDGE}\r\ncontent-disposition: form-data; name="%s"\r\n'
    body = (part % "act").encode() + f"\r\n{act}\r\n".encode()
    body += (part % 'picture"; filename="logo.png').encode()
    body += b"content-type: image/png\r\n\r\n" + raw + f"\r\n--{EDGE}--\r\n".encode()
    headers = (*cast.OURS.items(), ("content-type", f"multipart/form-data; boundary={EDGE}"))
    address = "/admin/look/logo"
    return writer.client.ask("POST", address, cookies=writer.cookies, headers=headers, body=body)


# --- the page ----------------------------------------------------------------------------------


def test_saved_appearance_settings_apply_to_public_pages(kim: Writer) -> None:
    assert kim.post("/admin/look", CHOSEN).status == 303
    assert {name: getattr(settings(kim), name) for name in CHOSEN} == CHOSEN
    assert settings(kim).look.path in kim.client.get("/").text


def test_an_editor_cannot_change_the_appearance(client: AppClient) -> None:
    eve = Writer(client, "eve")
    assert eve.get("/admin/look").status in (403, 404)
    assert eve.post("/admin/look", CHOSEN).status in (403, 404)


def test_a_rejected_colour_is_shown_again_with_a_message(kim: Writer) -> None:
    answer = kim.post("/admin/look", {**CHOSEN, "accent": "rosy"})
    assert answer.status == 422
    assert "such as #1b4a8a" in answer.text
    assert 'value="rosy"' in answer.text
    assert settings(kim).accent != "rosy"


def test_the_page_shows_the_replacement_of_an_unreadable_colour(kim: Writer) -> None:
    assert "is used instead" not in kim.get("/admin/look").text
    kim.post("/admin/look", {**CHOSEN, "accent": "#ffd400"})
    assert "#ffd400 is hard to read on a light background; #806a00" in kim.get("/admin/look").text


def test_saving_one_form_does_not_change_the_others(kim: Writer) -> None:
    kim.post("/admin/look/footer", {"footer": "*Words*"})
    kim.post("/admin/look", CHOSEN)
    assert settings(kim).footer == "*Words*"


def test_the_preview_shows_unsaved_appearance_settings(kim: Writer) -> None:
    answer = kim.get("/look/preview?accent=%23c2185b&front=cards&scheme=nonsense&logo=/evil")
    assert answer.status == 200
    assert "/look/book-auto-c2185b." in answer.text
    assert 'class="plates"' in answer.text
    assert "/evil" not in answer.text
    assert answer.header("cache-control") == "no-store"
    assert "/look/" not in kim.client.get("/").text


def test_the_preview_requires_a_session(open_client: AppClient) -> None:
    assert open_client.get("/look/preview?front=cards").status == 404


def test_an_admin_does_not_overwrite_concurrent_changes(kim: Writer) -> None:
    page = kim.get("/admin/look").text
    marks = dict(re.findall(r'name="(shown_\w+)" value="(\w+)"', page))
    kim.post("/admin/look", {**CHOSEN, "accent": "#2a6546"})
    answer = kim.post("/admin/look", {**marks, **CHOSEN})
    assert answer.status == 422
    assert "Somebody else has changed this" in answer.text
    assert settings(kim).accent == "#2a6546"
    assert kim.post("/admin/look", CHOSEN).status == 303


# --- the footer --------------------------------------------------------------------------------


def test_the_footer_is_rendered_once_and_sanitised(kim: Writer) -> None:
    text = "Under [CC BY](https://cc.example) <script>alert(1)</script> <b onclick=x>bold</b>"
    assert kim.post("/admin/look/footer", {"footer": text}).status == 303
    page = kim.client.get("/archive").text
    assert '<a href="https://cc.example"' in page
    assert "alert(1)" not in page
    assert "onclick" not in page
    assert settings(kim).footer == text
    assert settings(kim).footer_html in page


def test_a_footer_change_is_logged_once(kim: Writer) -> None:
    kim.post("/admin/look/footer", {"footer": "Made with *tea*"})
    listed = kim.get("/admin/audit").text
    assert "“Footer”" in listed and "1 more" not in listed
    detail = kim.get(re.search(r'href="(/admin/audit/\d+)"', listed)[1]).text
    assert "Made with *tea*" in detail and "&lt;em&gt;" not in detail


def test_a_footer_that_is_too_long_is_shown_again(kim: Writer) -> None:
    answer = kim.post("/admin/look/footer", {"footer": "word " * 1000})
    assert answer.status == 422
    assert "longer than 4000 characters" in answer.text
    assert settings(kim).footer == ""


# --- the logo ----------------------------------------------------------------------------------


def test_the_site_icon_is_shown_before_the_title_and_as_favicon(kim: Writer) -> None:
    assert upload(kim, picture(64, 64)).status == 303
    logo = settings(kim).logo
    assert kim.client.get(logo).status == 200
    page = kim.client.get("/").text
    assert f'<img class="logo" src="{logo}" alt="">' in page
    assert f'<link rel="icon" href="{logo}">' in page
    upload(kim, b"", "remove")
    assert settings(kim).logo == ""
    assert 'class="logo"' not in kim.client.get("/").text


def test_a_wide_site_icon_is_resized(kim: Writer) -> None:
    upload(kim, picture(1400, 700))
    served = kim.client.get(settings(kim).logo)
    assert served.status == 200
    assert Image.open(BytesIO(served.body)).size == (960, 480)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "Choose a picture first."),
        (b"<svg onload=alert(1)>", "is not a picture"),
        (picture(900, 900, noise=True), "Choose a picture of at most 60 kB"),
    ],
)
def test_an_invalid_site_icon_is_rejected(kim: Writer, raw: bytes, sentence: str) -> None:
    answer = upload(kim, raw)
    assert answer.status == 422
    assert sentence in answer.text
    assert settings(kim).logo == ""


# --- a folder of one's own ---------------------------------------------------------------------


@pytest.fixture
def themed(furnished: Furnished, tmp_path: Path) -> Iterator[AppClient]:
    """A blog with custom static files and templates in its data folder."""
    own = {
        "theme/theme.css": "h1 { font-variant: small-caps; }",
        "theme/fonts/own.woff2": "a font",
        "theme/css/code.css": "/* other colours */",
        "theme/beian.png": "a badge",
        "templates/home/_plates.html": "{% macro plates(posts, covers, lead) %}MINE{% endmacro %}",
    }
    for name, text in own.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with AppClient(Config(data_dir=tmp_path), furnished) as client:
        yield client


def test_custom_files_and_templates_override_the_built_in_ones(themed: AppClient) -> None:
    police = "京公网安备11010102001234号"
    cast.choose(themed.database, front="cards", accent="#c2185b", police=police)
    page = themed.get("/").text
    layout = page.partition('href="/static/')[2].partition("/")[0]
    assert "MINE" in page
    assert page.index("/look/book-auto-c2185b") < page.index(f"/static/{layout}/theme.css")
    assert f'<img src="/static/{layout}/beian.png"' in page
    own = themed.get(f"/static/{layout}/theme.css")
    assert "small-caps" in own.text
    assert own.header("cache-control").endswith("immutable")
    assert themed.get(f"/static/{layout}/fonts/own.woff2").text == "a font"
    assert themed.get(f"/static/{layout}/css/code.css").text == "/* other colours */"


def test_a_custom_stylesheet_does_not_apply_to_the_admin_area(themed: AppClient) -> None:
    page = themed.get("/admin", cookies=themed.let_in("kim"))
    assert page.status == 200
    assert "theme.css" not in page.text
