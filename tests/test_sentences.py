"""Every sentence that a person reads goes through gettext, and stands in both languages."""

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

from blog.__main__ import parser
from blog.config import LANGUAGES
from tests.support.source_tree import MODULES, PACKAGE, ROOT, TEMPLATES, called, is_text

PAGES = [path for path in TEMPLATES if path.suffix in {".html", ".xml"}]
ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
# What a reader hears or sees of an attribute.
READ_ALOUD = {"alt", "aria-label", "aria-description", "placeholder", "title", "label", "summary"}
HERE = "\ufffc"  # where a template puts something
# Parts of templates that stand inside a tag: classes of the body, attributes of a control.
IN_A_TAG = re.compile(
    r"{%-? (?:block room|set (?:tied|common)) -?%}.*?{%-? (?:endblock|endset)[ a-z]*-?%}", re.DOTALL
)
NAMES = re.compile(r"\binkhouse\b")


# --- wrapped ---


class Bare(HTMLParser):
    """Letters between tags, or in an attribute that is read aloud, that no gettext has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.code += tag in {"code", "script"}
        for name, value in attrs:
            if name in READ_ALOUD:
                self.note(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag in {"code", "script"}

    def handle_data(self, data: str) -> None:
        if not self.code:
            self.note(data)

    def note(self, text: str) -> None:
        if any(letter.isalpha() for letter in NAMES.sub("", text)):
            self.found.append(" ".join(text.split())[:60])


def markup_of(path: Path) -> str:
    """A template without its Jinja."""
    tokens = ENVIRONMENT.lex(IN_A_TAG.sub("", path.read_text()))
    inside, text = False, ""
    for _, kind, value in tokens:
        if kind == "variable_begin":
            inside, text = True, text + HERE
        elif kind == "variable_end":
            inside = False
        elif kind == "data" and not inside:
            text += value
    return text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_word_of_a_template_is_wrapped(path):
    bare = Bare()
    bare.feed(markup_of(path))
    bare.close()
    assert bare.found == []


def test_no_expression_of_a_template_says_a_bare_sentence():
    """`{{ title or "Untitled" }}` says a word that no catalogue knows."""
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for path in PAGES
        for output in ENVIRONMENT.parse(path.read_text()).find_all(jinja.Output)
        for node in constants(output)
        if re.search(r"[A-Za-z]{2,} [A-Za-z]|^[A-Z][a-z]", node.value)
    ]
    assert faults == []


def constants(node: jinja.Node) -> Iterator[jinja.Const]:
    """Strings in an expression, except what is handed to a call or a filter."""
    for child in node.iter_child_nodes():
        if isinstance(child, jinja.Const) and isinstance(child.value, str):
            yield child
        elif not isinstance(child, jinja.Call | jinja.Filter | jinja.TemplateData):
            yield from constants(child)


def sayers() -> set[str]:
    """What carries a sentence to a person: `Refusal`, `Told`, and what derives from them."""
    told = {"Refusal", "Told"}
    for _ in range(5):
        told |= {
            node.name
            for module in MODULES
            for node in module.nodes
            if isinstance(node, ast.ClassDef)
            and told & {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
        }
    return told


def test_every_sentence_in_python_is_marked():
    """`Refusal(N_("…"))`, `web.flash(request, N_("…"))`: marked where it is written."""
    places = dict.fromkeys(sayers(), 0) | {"flash": 1, "say": 1}
    faults = [
        module.at(call)
        for module in MODULES
        for call in module.calls
        if called(call) in places and len(call.args) > places[called(call)]
        if is_bare(call.args[places[called(call)]])
    ]
    assert faults == []


def is_bare(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr | ast.BinOp) or is_text(node)


def test_what_is_marked_is_one_plain_string():
    """Anything pieced together would never be found in a catalogue."""
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
    """Every message of the source, as `make messages` collects them."""
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
        pytest.skip(f"there is no catalogue of {language} yet")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def wanted() -> list[Message]:
    return [message for message in extracted() if message.id]


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(language):
    known = catalogue(language)
    missing = [
        message.id
        for message in wanted()
        if not all(strings(known.get(message.id))) or known.get(message.id).fuzzy
    ]
    assert missing == []


def strings(message: Message | None) -> tuple[str, ...]:
    """What a message is in the other language: one form, or several of a plural."""
    string = message.string if message else ""
    return string if isinstance(string, tuple) else (string,)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_of_its_original(language):
    known = catalogue(language)
    faults = []
    for message in wanted():
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        allowed = {places(original) for original in originals}
        told = strings(known.get(message.id))
        faults += [text for text in told if text and places(text) not in allowed]
    assert faults == []


def places(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"%(?:\(\w+\))?[a-zA-Z%]", text))


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_of_a_message_that_is_gone(language):
    there = {message.id for message in wanted()}
    gone = [message.id for message in catalogue(language) if message.id and message.id not in there]
    assert gone == []


def test_the_source_has_messages_to_translate():
    ids = {message.id for message in wanted()}
    assert {"Sign in", "This is the last admin. Add another admin first."} <= ids
    assert ("%(num)s post", "%(num)s posts") in ids


# --- set as Chinese is ---

HAN = r"[\u3400-\u9fff]"
AMISS = {
    "one word for you": "您",
    "quotation marks of the mainland": "[「」『』]",
    "one name for the office": "管理区",
    "wide punctuation": rf"{HAN}[,:;?!()]|[,:;?!()]{HAN}",
    "no gap beside a count: the page sets it": rf"{HAN} %\(num\)s|%\(num\)s {HAN}",
}


@pytest.mark.parametrize("rule", AMISS)
def test_chinese_sentences_keep_one_style(rule):
    texts = [text for message in catalogue("zh") if message.id for text in strings(message)]
    assert [text for text in texts if re.search(AMISS[rule], text or "")] == []


CHAPTERS = [ROOT / "README.zh-CN.md", *sorted((ROOT / "docs" / "zh").glob("*.md"))]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_keep_the_style_of_the_sentences(path):
    text = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", path.read_text(), flags=re.DOTALL)
    faults = [found[0] for rule in AMISS.values() for found in re.finditer(f".*(?:{rule}).*", text)]
    assert faults == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_line_of_a_chapter_ends_within_a_chinese_sentence(path):
    """A line end is shown as a gap, and Chinese has none."""
    assert re.findall(rf".*(?:{HAN}|[，、；：。`])\n(?:{HAN}|[`A-Za-z]).*", prose(path)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_is_strong_in_a_chapter_ends_before_its_full_stop(path):
    """Elsewhere, `**strong。**and on` keeps its asterisks on the page."""
    for line in prose(path).splitlines():
        parts = line.split("**")
        ends = zip(parts[1::2], parts[2::2], strict=False)
        assert [one for one, after in ends if one[-1:] in "。，！？：；" and after[:1] > " "] == []


def prose(path: Path) -> str:
    return re.sub(r"```.*?```|<!--.*?-->", "", path.read_text(), flags=re.DOTALL)


def test_what_a_command_says_of_itself_is_chinese_in_a_chinese_shell(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    top = parser()
    [commands] = [one for one in top._actions if isinstance(one, argparse._SubParsersAction)]
    for each in (top, *commands.choices.values()):
        said = each.format_help().partition("\n\n")[2]
        assert re.findall(r"[a-z']+ [a-z']+ [a-z']+", said) == []
        assert [one.dest for one in each._actions if not one.help and one is not commands] == []
