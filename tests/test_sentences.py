"""Translations: every visible text is marked for gettext and translated into every language."""

import argparse
import ast
import functools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from jinja2 import Environment
from jinja2 import nodes as jinja

from blog.cli.parser import parser
from blog.config import LANGUAGES
from tests.support.source_tree import MODULES, PACKAGE, ROOT, TEMPLATES, called, is_text

PAGES = [path for path in TEMPLATES if path.suffix in {".html", ".xml"}]
ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
# Attributes whose values are shown or read aloud.
VISIBLE_ATTRIBUTES = {
    "alt",
    "aria-label",
    "aria-description",
    "placeholder",
    "title",
    "label",
    "summary",
}
EXPRESSION = "\ufffc"  # stands for the value of a template expression
# Parts of templates inside a tag: classes of the body, attributes of a control.
IN_A_TAG = re.compile(
    r"{%-? (?:block room|set (?:tied|common)) -?%}.*?{%-? (?:endblock|endset)[ a-z]*-?%}", re.DOTALL
)
NAMES = re.compile(r"\binkhouse\b")


# --- marked for translation ---


class UnmarkedText(HTMLParser):
    """Collects text between tags, or in a visible attribute, that is not marked for gettext."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.code_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"code", "script"}:
            self.code_depth += 1
        for name, value in attrs:
            if name in VISIBLE_ATTRIBUTES:
                self.note(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"code", "script"}:
            self.code_depth -= 1

    def handle_data(self, data: str) -> None:
        if not self.code_depth:
            self.note(data)

    def note(self, text: str) -> None:
        if any(letter.isalpha() for letter in NAMES.sub("", text)):
            self.texts.append(" ".join(text.split())[:60])


def markup_of(path: Path) -> str:
    """Return the HTML of a template without Jinja."""
    tokens = ENVIRONMENT.lex(IN_A_TAG.sub("", path.read_text()))
    inside, text = False, ""
    for _, kind, value in tokens:
        if kind == "variable_begin":
            inside, text = True, text + EXPRESSION
        elif kind == "variable_end":
            inside = False
        elif kind == "data" and not inside:
            text += value
    return text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_of_a_template_is_marked(path):
    unmarked = UnmarkedText()
    unmarked.feed(markup_of(path))
    unmarked.close()
    assert unmarked.texts == []


def test_no_template_expression_contains_unmarked_text():
    """In `{{ title or "Untitled" }}`, the string would not be translated."""
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for path in PAGES
        for output in ENVIRONMENT.parse(path.read_text()).find_all(jinja.Output)
        for node in constants(output)
        if re.search(r"[A-Za-z]{2,} [A-Za-z]|^[A-Z][a-z]", node.value)
    ]
    assert faults == []


def constants(node: jinja.Node) -> Iterator[jinja.Const]:
    """Yield the strings in an expression, except arguments of calls and filters."""
    for child in node.iter_child_nodes():
        if isinstance(child, jinja.Const) and isinstance(child.value, str):
            yield child
        elif not isinstance(child, jinja.Call | jinja.Filter | jinja.TemplateData):
            yield from constants(child)


def user_errors() -> set[str]:
    """Return the names of exceptions with a visible message: `Refusal`, `UserError`, subclasses."""
    names = {"Refusal", "UserError"}
    classes = [
        node for module in MODULES for node in module.nodes if isinstance(node, ast.ClassDef)
    ]
    for _ in range(5):
        names |= {
            node.name
            for node in classes
            if names & {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
        }
    return names


def test_every_message_in_python_is_marked():
    """As in `Refusal(N_("…"))` and `web.flash(request, N_("…"))`."""
    positions = dict.fromkeys(user_errors(), 0) | {"flash": 1, "say": 1}
    faults = [
        module.at(call)
        for module in MODULES
        for call in module.calls
        if called(call) in positions and len(call.args) > positions[called(call)]
        if is_unmarked(call.args[positions[called(call)]])
    ]
    assert faults == []


def is_unmarked(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr | ast.BinOp) or is_text(node)


def test_a_marked_message_is_one_string_literal():
    """A composed string would not be found in the catalogue."""
    faults = [
        module.at(call)
        for module in MODULES
        for call in module.calls
        if called(call) == "N_" and not (len(call.args) == 1 and is_text(call.args[0]))
    ]
    assert faults == []


# --- translated ---


@functools.cache
def extracted() -> Catalog:
    """Return every message of the source, as `make messages` collects them."""
    with (PACKAGE / "locale" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    catalog = Catalog()
    for name, line, message, _, context in extract_from_dir(
        str(ROOT), methods, options, keywords=KEYWORDS, directory_filter=is_source
    ):
        catalog.add(message, locations=[(name, line)], context=context)
    return catalog


def is_source(folder: str) -> bool:
    path = Path(folder)
    return path == ROOT or {PACKAGE, ROOT / "templates"} & {path, *path.parents} != set()


KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
OTHERS = [language for language in LANGUAGES if language != "en"]


def catalogue(language: str) -> Catalog:
    path = PACKAGE / "locale" / language / "LC_MESSAGES" / "blog.po"
    if not path.is_file():
        pytest.skip(f"there is no catalogue for {language}")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def messages() -> list[Message]:
    return [message for message in extracted() if message.id]


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language):
    translations = catalogue(language)
    missing = [
        message.id
        for message in messages()
        if not all(strings(translations.get(message.id))) or translations.get(message.id).fuzzy
    ]
    assert missing == []


def strings(message: Message | None) -> tuple[str, ...]:
    """Return the translation of a message: one form, or several plural forms."""
    string = message.string if message else ""
    return string if isinstance(string, tuple) else (string,)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_of_its_original(language):
    translations = catalogue(language)
    faults = []
    for message in messages():
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        allowed = {placeholders(original) for original in originals}
        translated = strings(translations.get(message.id))
        faults += [text for text in translated if text and placeholders(text) not in allowed]
    assert faults == []


def placeholders(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"%(?:\(\w+\))?[a-zA-Z%]", text))


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_obsolete(language):
    ids = {message.id for message in messages()}
    obsolete = [item.id for item in catalogue(language) if item.id and item.id not in ids]
    assert obsolete == []


def test_the_source_has_messages_to_translate():
    ids = {message.id for message in messages()}
    assert {"Sign in", "This is the last admin. Add another admin first."} <= ids
    assert ("%(num)s post", "%(num)s posts") in ids


# --- style of the Chinese text ---

HAN = r"[\u3400-\u9fff]"
STYLE_ERRORS = {
    "你 for you": "您",
    "quotation marks “”": "[「」『』]",
    "管理后台 for the admin area": "管理区",
    "full-width punctuation": rf"{HAN}[,:;?!()]|[,:;?!()]{HAN}",
    "no space beside a count": rf"{HAN} %\(num\)s|%\(num\)s {HAN}",
}


@pytest.mark.parametrize("rule", STYLE_ERRORS)
def test_chinese_messages_have_a_consistent_style(rule):
    texts = [text for message in catalogue("zh") if message.id for text in strings(message)]
    assert [text for text in texts if re.search(STYLE_ERRORS[rule], text or "")] == []


CHAPTERS = [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs" / "zh").glob("*.md"))]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chinese_chapters_have_the_style_of_the_messages(path):
    text = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", path.read_text(), flags=re.DOTALL)
    faults = [
        line[0] for rule in STYLE_ERRORS.values() for line in re.finditer(f".*(?:{rule}).*", text)
    ]
    assert faults == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_line_of_a_chapter_breaks_between_chinese_characters(path):
    """A line break would be shown as a space."""
    assert re.findall(rf".*(?:{HAN}|[，、；：。`])\n(?:{HAN}|[`A-Za-z]).*", prose(path)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_bold_text_in_a_chapter_ends_before_punctuation(path):
    """Other Markdown renderers would show the asterisks of `**bold。**text`."""
    for line in prose(path).splitlines():
        parts = line.split("**")
        ends = zip(parts[1::2], parts[2::2], strict=False)
        faults = [bold for bold, after in ends if bold[-1:] in "。，！？：；" and after[:1] > " "]
        assert faults == []


def prose(path: Path) -> str:
    return re.sub(r"```.*?```|<!--.*?-->", "", path.read_text(), flags=re.DOTALL)


def test_the_help_of_every_command_is_translated(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    top = parser()
    [commands] = [item for item in top._actions if isinstance(item, argparse._SubParsersAction)]
    for command in (top, *commands.choices.values()):
        help = command.format_help().partition("\n\n")[2]
        help = re.sub(r"(?m)^  (blog|BLOG_\w+=\S+ blog) .*$", "", help)  # examples
        assert re.findall(r"[a-z']+ [a-z']+ [a-z']+", help) == []
        without_help = [item for item in command._actions if not item.help and item is not commands]
        assert without_help == []
