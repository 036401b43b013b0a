"""Documents: they agree with the code, and both languages agree with each other."""

import argparse
import ast
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from markdown_it import MarkdownIt

import blog
from blog.cli.parser import parser
from blog.config import LANGUAGES, Config
from blog.importer.source.front_matter import FrontMatter, split
from blog.markup import render

ROOT = Path(blog.__file__).parent.parent
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
POSTS = sorted(ROOT.glob("content/*/*.md"))
DOCUMENTS = sorted(ROOT.glob("*.md"))
CATALOGUE = ROOT / "blog/locale/zh/LC_MESSAGES/blog.po"
CHINESE = [READMES[1], *sorted(ROOT.glob("docs/zh/*.md")), *sorted(ROOT.glob("content/zh/*.md"))]
# A space between a Han character and a Latin letter, a digit, code or a placeholder.
SPACED = re.compile(r"[一-龥] +(?:[A-Za-z0-9`]|%\()|(?:[A-Za-z0-9`]|\)[sd]) +[一-龥]")
MAX_WORDS = 20  # of an entry in the changelog
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.S | re.M)
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:work|root|home|Users|tmp)/[\w.-]+")
FIELDS = {"title", "slug", "date", "tags", "summary", "language", "listed"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str:
    return path.read_text("utf-8")


def prose(path: Path) -> str:
    return FENCE.sub("", text(path))


def blocks(path: Path, *languages: str) -> list[str]:
    return [body for _, language, body in FENCE.findall(text(path)) if language in languages]


def headings(path: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(path), re.M)]


def cells(path: Path, start: str) -> list[list[str]]:
    """Return the rows of all tables whose first cell starts with `start`."""
    rows = re.findall(r"^\| (.*) \|$", text(path), re.M)
    split_rows = [[cell.strip().strip("`") for cell in row.split("|")] for row in rows]
    return [row for row in split_rows if row[0].startswith(start)]


def default(value: object) -> str:
    """Return a default as a site owner would write it in the environment."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def post(path: Path) -> FrontMatter:
    return split(text(path))


def without_comments(code: str) -> list[str]:
    """Return the lines without comments, which may be translated."""
    lines = [line.partition("# ")[0].rstrip() for line in code.splitlines()]
    return [line for line in lines if line]


# --- the two READMEs --------------------------------------------------------------------------


def test_both_readmes_have_the_same_headings() -> None:
    assert headings(READMES[0]) == headings(READMES[1])
    assert len(headings(READMES[0])) > 10


def test_both_readmes_show_the_same_code() -> None:
    english, chinese = (blocks(path, "shell", "ini", "nginx", "python") for path in READMES)
    assert english == chinese
    assert "make run\nmake test\n" in english


def test_both_readmes_have_the_same_code_map() -> None:
    english, chinese = (
        [re.split(r"\s{2,}", line.rstrip())[:2] for line in block.splitlines()]
        for path in READMES
        for block in blocks(path, "text")[:1]
    )
    assert [row[0] or row[1] for row in english] == [row[0] or row[1] for row in chinese]
    assert blocks(READMES[0], "text")[1] == blocks(READMES[1], "text")[1]


def test_the_code_map_lists_exactly_the_modules() -> None:
    lines = blocks(READMES[0], "text")[0].splitlines()
    inside = {line.split()[0] for line in lines if re.match(r" {2}\S", line)}
    modules = {path.name for path in (ROOT / "blog").glob("*.py")} - {"__init__.py"}
    assert inside == modules | packages(ROOT / "blog") | {"migrations/"}
    nouns = {line.split()[0] for line in lines if re.match(r" {4}\S", line)}
    assert nouns == packages(ROOT / "blog" / "models")
    assert all((ROOT / line.split()[0]).exists() for line in lines if line[0] != " ")


def packages(folder: Path) -> set[str]:
    return {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def test_the_files_that_contributing_names_exist() -> None:
    table = text(ROOT / "CONTRIBUTING.md").partition("| You want to … |")[2]
    named = re.findall(r"`((?:blog|static|templates|tests)/[\w./]+)`", table)
    assert len(named) > 20
    assert {name for name in named if not (ROOT / name).exists()} == {"blog/api/"}  # none yet


def test_both_readmes_have_the_same_tables() -> None:
    english, chinese = ([len(row) for row in cells(path, "")] for path in READMES)
    assert english == chinese


def test_both_readmes_list_the_same_addresses() -> None:
    english, chinese = ([row[0] for row in cells(path, "/")] for path in READMES)
    assert english == chinese
    assert "/" in english


@pytest.mark.parametrize("path", READMES, ids=name)
def test_a_readme_lists_every_setting_with_its_default(path: Path) -> None:
    listed = {row[0]: row[1] for row in cells(path, "BLOG_")}
    assert listed == {f"BLOG_{f.name.upper()}": default(f.default) for f in fields(Config)}


@pytest.mark.parametrize("path", READMES, ids=name)
def test_a_readme_lists_every_command(path: Path) -> None:
    listed = {row[0].split()[1] for row in cells(path, "blog ") if "COMMAND" not in row[0]}
    subparsers = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    assert listed == {"--version", *subparsers[0].choices}


# --- all documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*DOCUMENTS, *POSTS], ids=name)
def test_links_and_pictures_refer_to_files(path: Path) -> None:
    targets = [target for _, target in LINK.findall(prose(path).replace("`", ""))]
    inside = [target for target in targets if not re.match(r"[a-z]+:|/|#", target)]
    assert not [target for target in inside if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", [*DOCUMENTS, *POSTS], ids=name)
def test_no_document_names_a_folder_of_a_developer_s_machine(path: Path) -> None:
    assert not MACHINE_PATH.findall(text(path))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_a_document_has_no_unrendered_stars_in_plain_commonmark(path: Path) -> None:
    shown = re.sub(r"<(pre|code)\b.*?</\1>", "", MarkdownIt().render(text(path)), flags=re.S)
    assert "**" not in shown


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+) - (\S+)$", text(ROOT / "CHANGELOG.md"), re.M)
    assert versions[0][0] == blog.__version__
    assert versions == sorted(versions, key=lambda each: each[1], reverse=True)


def test_a_release_in_the_changelog_is_easy_to_skim() -> None:
    """It opens with a summary, and each entry is one short line under a standard heading."""
    for release in text(ROOT / "CHANGELOG.md").split("\n## ")[1:]:
        summary, *sections = re.split(r"^### ", release.partition("\n")[2], flags=re.M)
        assert len(re.findall(r"\w\.(?= |\n)", summary)) == 2, release[:20]
        for section in sections:
            heading, _, *entries = section.strip().splitlines()
            assert heading in {"Added", "Changed", "Fixed", "Security"}
            assert [line for line in entries if not line.startswith("- ")] == []
            assert [line for line in entries if len(line.split()) > MAX_WORDS + 1] == []


def test_every_term_of_the_glossary_has_a_translation() -> None:
    glossary = text(ROOT / "STYLE.md").partition("## 11. Glossary")[2]
    rows = re.findall(r"^\| ([a-z][^|]*) \| ([^|]*) \|", glossary, re.M)
    assert len(rows) > 40
    assert not [word for word, chinese in rows if not re.search(r"[一-龥]", chinese)]


# --- Chinese ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CHINESE, ids=name)
def test_chinese_text_has_no_spaces_beside_latin_characters(path: Path) -> None:
    """Browsers add that space (`text-autospace`). Code and link targets are ignored."""
    assert [line for line in plain(prose(path)).splitlines() if SPACED.search(line)] == []


def test_chinese_messages_have_no_spaces_beside_latin_characters() -> None:
    with CATALOGUE.open("rb") as file:
        messages = read_po(file, locale="zh")
    strings = [string for message in messages for string in each_string(message.string)]
    assert len(strings) > 1000
    assert [string for string in strings if SPACED.search(plain(string))] == []


def plain(markdown: str) -> str:
    """Return Markdown without emphasis, inline code and link targets."""
    without_code = re.sub(r"(`+)[^`\n]+\1", "`", markdown)
    return re.sub(r"\]\([^)\s]*\)|[\[*]", "", without_code)


def each_string(translation: str | tuple[str, ...] | list[str]) -> list[str]:
    return [translation] if isinstance(translation, str) else list(translation)


# --- the sample posts -------------------------------------------------------------------------


def test_each_sample_post_has_a_translation() -> None:
    stems = [{path.stem for path in POSTS if path.parent.name == each} for each in LANGUAGES]
    assert stems[0] == stems[1]
    assert len(POSTS) == 8


@pytest.mark.parametrize("path", POSTS, ids=name)
def test_a_sample_post_has_complete_front_matter(path: Path) -> None:
    front_matter = post(path).fields
    assert front_matter.keys() >= FIELDS
    assert front_matter["language"] == path.parent.name
    assert datetime.fromisoformat(front_matter["date"]) < datetime.now(UTC)
    assert front_matter["tags"] and front_matter["summary"]
    assert (path.parent / front_matter.get("cover", path.name)).exists()


def test_no_two_sample_posts_share_a_slug() -> None:
    assert len({post(path).fields["slug"] for path in POSTS}) == len(POSTS)


@pytest.mark.parametrize("path", POSTS, ids=name)
def test_a_sample_post_links_only_to_sample_posts(path: Path) -> None:
    slugs = {f"/posts/{post(each).fields['slug']}" for each in POSTS}
    linked = {target for _, target in LINK.findall(prose(path)) if target.startswith("/posts/")}
    assert linked <= slugs


@pytest.mark.parametrize("path", POSTS, ids=name)
def test_a_sample_post_has_no_unrendered_markdown(path: Path) -> None:
    shown = re.sub(r"<(pre|code)\b.*?</\1>", "", render(post(path).body).html, flags=re.S)
    assert not re.findall(r"\*\*|~~|```|\]\(|\[\^", shown)


@pytest.mark.parametrize("path", POSTS, ids=name)
def test_the_python_code_in_a_sample_post_can_be_parsed(path: Path) -> None:
    for code in blocks(path, "python"):
        ast.parse(code)


@pytest.mark.parametrize("stem", ["behind-nginx", "python-web-stacks"])
def test_translations_of_a_sample_post_show_the_same_commands(stem: str) -> None:
    english, chinese = (
        [without_comments(code) for code in blocks(path, "shell", "ini", "nginx", "python")]
        for path in POSTS
        if path.stem == stem
    )
    assert english == chinese


@pytest.mark.parametrize("path", sorted(ROOT.glob("content/*/*.png")), ids=name)
def test_a_sample_picture_is_small(path: Path) -> None:
    assert path.stat().st_size < 60_000
    used = [prose(each) for each in POSTS if each.parent == path.parent]
    assert any(path.name in each or f"cover: {path.name}" in each for each in used)
