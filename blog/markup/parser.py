"""Markdown to HTML that is still to be sanitised: one parser for each profile, and our rules."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape, unescape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.rules_block import table as plain_table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar
from mdit_py_plugins.footnote import footnote_plugin

from blog.config import N_
from blog.markup import chinese
from blog.markup.formulas import mathml
from blog.markup.highlight import highlight
from blog.markup.limits import MAX_CELLS, MAX_FORMULAS, MAX_HEADINGS, TooMuch

GUEST_LACKS = ["heading", "lheading", "hr", "image"]
DOLLARS = {
    "allow_labels": False,
    "allow_space": False,
    "allow_digits": False,
    "allow_blank_lines": False,
    "double_inline": True,
}
WORD_GOES_ON = re.compile(r"[A-Za-z_{]")
plain_dollars = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)
PREFIX = "u-"  # of every id in a text, so that none can be an id of the page round it
NO_ID = re.compile(r"[^\w\- ]+")
GIVEN_ID = re.compile(r"\{#([\w.:-]{1,80})\}$")
TASK = re.compile(r"\[([ xX])\]\s+")
BREAK = re.compile(r"<br ?/?>", re.I)
NOSCRIPT = re.compile(r"</?noscript\b[^<>]*>", re.I)
FRAME = re.compile(r"<(?:iframe|embed)\b[^<>]*?\ssrc\s*=\s*[\"']?([^\"'\s<>]+)[^<>]*>", re.I)


@dataclass
class Parsed:
    """HTML that is not safe yet. `made` is what only we may make, `mark` names its places."""

    outline: list[tuple[int, str, str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    html: str = ""
    ids: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    formulas: int = 0

    def hold(self, made: str) -> str:
        """An empty element that the sanitiser keeps, and whose place `made` takes afterwards.

        An element and not a word: inside an attribute the sanitiser would write it otherwise.
        """
        self.made.append(made)
        return f'<span data-made="{self.mark}-{len(self.made) - 1}"></span>'

    def id(self, wanted: str) -> str:
        """An id that is new in this text; counted, so that a thousand equal ones cost nothing."""
        id = wanted
        while id in self.ids:
            self.ids[wanted] += 1
            id = f"{wanted}-{self.ids[wanted]}"
        self.ids[id] = 0
        return PREFIX + id


def parse(source: str, trust: str) -> Parsed:
    """Markdown as HTML, not yet safe. Raises `TooMuch`."""
    parsed = Parsed()
    try:
        parsed.html = _markdown(trust).render(source, {"parsed": parsed})
    except RecursionError as error:
        raise TooMuch(N_("The text is nested too deeply.")) from error
    return parsed


@cache
def _markdown(trust: str) -> MarkdownIt:
    md = MarkdownIt("commonmark", {"linkify": True, "html": trust == "author", "xhtmlOut": False})
    md.inline = chinese.ChineseInlineParser()
    md.linkify = chinese.linkify()
    md.enable(["strikethrough", "linkify"])
    md.core.ruler.push("join_lines", chinese.join_lines)
    for name in ("fence", "code_block"):
        md.add_render_rule(name, _code)
    return _for_authors(md) if trust == "author" else md.disable(GUEST_LACKS)


def _for_authors(md: MarkdownIt) -> MarkdownIt:
    md.use(footnote_plugin)
    md.use(dollarmath_plugin, **DOLLARS)
    md.inline.ruler.at("math_inline", _dollars)
    md.enable("table")
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    md.block.ruler.at("html_block", _html_block, {"alt": ["paragraph", "reference", "blockquote"]})
    md.core.ruler.push("headings", _headings)
    md.core.ruler.push("tasks", _tasks)
    for name in ("math_inline", "math_inline_double", "math_block", "math_block_label"):
        md.add_render_rule(name, _formula)
    for name in ("html_block", "html_inline"):
        md.add_render_rule(name, _raw)
    return md


def _dollars(state: StateInline, silent: bool) -> bool:
    """The plugin's rule, but `$PATH和$HOME` are two variables of a shell and no formula."""
    start = state.pos
    if not _plain_dollars(state, True):
        return False
    end, state.pos = state.pos, start
    if WORD_GOES_ON.match(state.src, end):
        return False
    return _plain_dollars(state, silent)


def _plain_dollars(state: StateInline, silent: bool) -> bool:
    """At the start the plugin would take the last character for the one before."""
    if state.pos:
        return plain_dollars(state, silent)
    source, state.src = state.src, f"{state.src} "
    try:
        return plain_dollars(state, silent)
    finally:
        state.src = source


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The table rule, after a count of the cells: it fills every row up to the header's width."""
    if not plain_table(state, start, end, True):
        return False
    if silent:
        return True
    rows = next((at for at in range(start, end) if state.isEmpty(at)), end) - start
    parsed: Parsed = state.env["parsed"]
    parsed.cells += rows * state.getLines(start, start + 1, 0, False).count("|")
    if parsed.cells > MAX_CELLS:
        raise TooMuch(N_("The tables have more than %(limit)s cells."), limit=MAX_CELLS)
    first = len(state.tokens)
    plain_table(state, start, end, False)
    for token in state.tokens[first:]:
        side = str(token.attrs.pop("style", "")).removeprefix("text-align:")
        if side:
            token.attrs["class"] = f"align-{side}"
    return True


def _html_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Raw HTML, except a lone `<br>`: the line under it is text, and its Markdown is meant."""
    if BREAK.fullmatch(state.getLines(start, start + 1, 0, False).strip()):
        return False
    return html_block(state, start, end, silent)


def _headings(state: StateCore) -> None:
    """Give headings ids and gather the outline. h1 is the title's: a text with one moves down."""
    parsed: Parsed = state.env["parsed"]
    opened = [at for at, token in enumerate(state.tokens) if token.type == "heading_open"]
    if len(opened) > MAX_HEADINGS:
        raise TooMuch(N_("The text has more than %(limit)s headings."), limit=MAX_HEADINGS)
    shift = any(state.tokens[at].tag == "h1" for at in opened)
    for at in opened:
        level = min(6, int(state.tokens[at].tag[1]) + shift)
        state.tokens[at].tag = state.tokens[at + 2].tag = f"h{level}"
        wanted = _given_id(state.tokens[at + 1])
        title = " ".join(_text(state.tokens[at + 1].children or []).split())
        id = parsed.id(
            wanted or NO_ID.sub("", title.lower()).strip().replace(" ", "-") or "section"
        )
        state.tokens[at].attrs = {"id": id}
        parsed.outline.append((level, id, title))


def _given_id(heading: Token) -> str:
    """The id of `# Title {#id}`, taken off the title."""
    last = heading.children[-1] if heading.children else None
    found = GIVEN_ID.search(last.content.rstrip()) if last and last.type == "text" else None
    if not (last and found):
        return ""
    last.content = last.content[: found.start()].rstrip()
    return found[1]


def _text(children: Sequence[Token]) -> str:
    """What a heading says, without its marks."""
    spaces = {"softbreak": " ", "hardbreak": " "}
    silent = ("html_inline", "footnote_ref")
    return "".join(
        spaces.get(token.type, "" if token.type in silent else token.content) for token in children
    )


def _tasks(state: StateCore) -> None:
    """`- [x] done` with a box of our own making; an author's inputs are never let through."""
    for at in range(2, len(state.tokens)):
        item, inline = state.tokens[at - 2], state.tokens[at]
        if inline.type == "inline" and item.type == "list_item_open" and inline.children:
            found = TASK.match(inline.content)
            if found and inline.children[0].content.startswith(found[0][:3]):
                item.attrSet("class", "task-list-item")
                _box(state.env["parsed"], inline.children, found[1] != " ")


def _box(parsed: Parsed, children: list[Token], ticked: bool) -> None:
    children[0].content = children[0].content[3:].lstrip()
    checked = " checked" if ticked else ""
    box = parsed.hold(f'<input type="checkbox" disabled{checked}> ')
    children.insert(0, Token("html_inline", "", 0, content=f"<label>{box}"))
    children.append(Token("html_inline", "", 0, content="</label>"))


def _code(_: Any, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]) -> str:
    return highlight(tokens[at].content, tokens[at].info)


def _formula(_: Any, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]) -> str:
    parsed: Parsed = env["parsed"]
    parsed.formulas += 1
    if parsed.formulas > MAX_FORMULAS:
        raise TooMuch(N_("The text has more than %(limit)s formulas."), limit=MAX_FORMULAS)
    is_block = tokens[at].type.startswith("math_block")
    place = parsed.hold(mathml(tokens[at].content, "block" if is_block else "inline"))
    return f"<p>{place}</p>\n" if is_block else place


def _raw(_: Any, tokens: Sequence[Token], at: int, options: Any, env: dict[str, Any]) -> str:
    """An author's HTML. What no script will replace is shown; what is framed becomes a link."""
    return FRAME.sub(_frame, NOSCRIPT.sub("", tokens[at].content))


def _frame(found: re.Match[str]) -> str:
    address = escape(unescape(found[1]))
    return f'<a href="{address}">{address}</a>'
