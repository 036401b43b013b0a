"""The handbook is complete in both languages, and served where the site owner switched it on."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from blog.admin.section import SECTIONS
from blog.models.settings import site
from blog.web.i18n import translate
from tests.support.app_client import AppClient
from tests.support.live_server import ROOT
from tests.tools.write_tables import pages, written

DOCS = ROOT / "docs"
CHAPTERS = sorted(path.stem for path in DOCS.glob("*.md"))


def headings(path: Path) -> list[int]:
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text())
    return [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]


def code(path: Path) -> list[str]:
    return re.findall(r"(?ms)^```(?:sh|shell|ini|nginx|css|jinja)\n(.*?)^```", path.read_text())


@pytest.fixture
def open_docs(client: AppClient) -> AppClient:
    client.database.transact_now(switch_on)
    return client


def switch_on(session) -> None:
    row = session.get(site.Site, site.SITE_ID)
    row.choices = {**row.choices, "docs": True}


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_the_same_structure_in_both_languages(name):
    english, chinese = DOCS / f"{name}.md", DOCS / "zh" / f"{name}.md"
    assert headings(english) == headings(chinese)
    assert headings(english)[0] == 1
    assert len(code(english)) == len(code(chinese))


@pytest.mark.parametrize("name", CHAPTERS)
def test_headings_of_chinese_chapters_are_chinese_except_names(name):
    text = re.sub(r"(?ms)^```.*?^```", "", (DOCS / "zh" / f"{name}.md").read_text())
    latin_headings = re.findall(r"(?m)^#+ ([^一-龥\n]* [^一-龥\n]*)$", text)
    assert latin_headings == []


def test_the_commands_for_servers_are_the_same_in_both_languages():
    assert code(DOCS / "servers.md") == code(DOCS / "zh" / "servers.md")


def test_the_contents_page_links_to_every_chapter():
    for folder in (DOCS, DOCS / "zh"):
        linked = set(re.findall(r"\]\(([a-z-]+)\.md\)", (folder / "README.md").read_text()))
        assert linked == set(CHAPTERS) - {"README"}


@pytest.mark.parametrize(("language", "path"), list(pages()), ids=str)
def test_every_setting_and_command_is_in_the_handbook(language, path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # restored by monkeypatch
    assert path.read_text() == written(language, path.read_text()), "run `make docs`"


@pytest.mark.parametrize(("language", "folder"), [("en", DOCS), ("zh", DOCS / "zh")])
def test_every_section_of_the_admin_area_is_in_the_site_owner_chapter(language, folder):
    text = (folder / "keep.md").read_text()
    assert len(SECTIONS) > 10
    assert [
        section.name for section in SECTIONS if translate(language, section.label) not in text
    ] == []


def test_the_handbook_is_not_found_until_it_is_switched_on(open_client):
    for path in ("/docs", "/docs/zh", "/docs/install", "/docs/pictures/dashboard.png"):
        assert open_client.get(path).status == 404


def test_the_dashboard_and_admin_area_link_to_the_handbook(open_docs):
    for path in ("/control-panel", "/admin"):
        page = open_docs.get(path, cookies=open_docs.let_in("kim")).text
        assert '<a href="/docs">Handbook</a>' in page


@pytest.mark.parametrize("language", ["", "/zh"])
def test_every_chapter_is_served_and_its_links_work(open_docs, language):
    for name in ["", *(f"/{name}" for name in CHAPTERS if name != "README")]:
        page = open_docs.get(f"/docs{language}{name}")
        assert page.status == 200, name
        assert page.text.count("<h1") == 1
        assert not re.findall(r'href="[^":]+\.md', page.text)
        for link in re.findall(r'(?:href|src)="(/docs[^"#]*)', page.text):
            assert open_docs.get(link).status == 200, (name, link)
        for path, anchor in re.findall(r'href="(/docs[^"#]*)#([^"]*)"', page.text):
            assert f'id="{unquote(anchor)}"' in open_docs.get(path).text, (name, path, anchor)


@pytest.mark.parametrize(
    "path",
    ["/docs/nothing", "/docs/../README", "/docs/%2e%2e/README", "/docs/zh/x/y", "/docs/A%20b"],
)
def test_an_unknown_chapter_is_not_found(open_docs, path):
    assert open_docs.get(path).status == 404


def test_a_trailing_slash_redirects_to_the_chapter(open_docs):
    answer = open_docs.get("/docs/install/")
    assert (answer.status, answer.header("location")) == (301, "/docs/install")


@pytest.mark.browser
def test_on_a_phone_the_cells_of_a_wide_table_stay_in_one_row(open_docs, browser):
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{open_docs.port}/docs/servers")
    heights = page.evaluate(
        """[...document.querySelector("table").rows].map(row =>
            new Set([...row.cells].map(cell => cell.getBoundingClientRect().top)).size)"""
    )
    context.close()
    assert heights == [1] * len(heights) and len(heights) > 5
