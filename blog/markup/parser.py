"""Converts Markdown to HTML that must still be sanitised, with our extensions of CommonMark.

Authors and guests have a parser each.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape, unescape

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.rules_block import table as plain_table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar
from mdit_py_plugins.footnote import footnote_plugin

from blog.config import N_
from blog.markup import chinese
from blog.markup.formulas import mathml
from blog.markup.highlight import highlight
from blog.markup.limits import MAX_CELLS, MAX_FORMULAS, MAX_HEADINGS, TooMuch

DISABLED_FOR_GUESTS = ["heading", "lheading", "hr", "image"]
DOLLAR_OPTIONS = {
    "allow_labels": False,
    "allow_space": False,
    "allow_digits": False,
    "allow_blank_lines": False,
    "double_inline": True,
}
WORD_CHARACTER = re.compile(r"[A-Za-z_{]")
plugin_dollars = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)
PREFIX = "u-"  # of all ids in a text, so that none equals an id of the surrounding page
NOT_IN_ID = re.compile(r"[^\w\- ]+")
EXPLICIT_ID = re.compile(r"\{#([\w.:-]{1,80})\}$")
TASK = re.compile(r"\[([ xX])\]\s+")
BREAK = re.compile(r"<br ?/?>", re.I)
NOSCRIPT = re.compile(r"</?noscript\b[^<>]*>", re.I)
FRAME = re.compile(r"<(?:iframe|embed)\b[^<>]*?\ssrc\s*=\s*[\"']?([^\"'\s<>]+)[^<>]*>", re.I)


@dataclass
class Parsed:
    """HTML before sanitising, and the state of its rendering.

    `own_markup` holds what the sanitiser would remove. It replaces placeholders with the random
    `mark` afterwards. `outline` holds (level, id, text) of each heading.
    """

    outline: list[tuple[int, str, str]] = field(default_factory=list)
    own_markup: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    html: str = ""
    ids: dict[str, int] = field(default_factory=dict)
    cells: int = 0
    formulas: int = 0

    def hold(self, markup: str) -> str:
        """Store markup of our own and return the placeholder that it replaces after sanitising.

        The placeholder is an element and not a word, so that it is not restored in an attribute.
        """
        self.own_markup.append(markup)
        return f'<span data-made="{self.mark}-{len(self.own_markup) - 1}"></span>'

    def id(self, base: str) -> str:
        """Return an id that is unique in this text. Counters make many equal ones cheap."""
        id = base
        while id in self.ids:
            self.ids[base] += 1
            id = f"{base}-{self.ids[base]}"
        self.ids[id] = 0
        return PREFIX + id


def parse(source: str, trust: str) -> Parsed:
    """Convert Markdown to HTML that is not sanitised yet. Raises `TooMuch`."""
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
    return _for_authors(md) if trust == "author" else md.disable(DISABLED_FOR_GUESTS)


def _for_authors(md: MarkdownIt) -> MarkdownIt:
    md.use(footnote_plugin)
    md.use(dollarmath_plugin, **DOLLAR_OPTIONS)
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
    """The plugin's rule, except that `$PATH和$HOME` are two shell variables and not a formula."""
    start = state.pos
    if not _plain_dollars(state, True):
        return False
    end, state.pos = state.pos, start
    if WORD_CHARACTER.match(state.src, end):
        return False
    return _plain_dollars(state, silent)


def _plain_dollars(state: StateInline, silent: bool) -> bool:
    """At position 0, the plugin would read `src[-1]` as the previous character."""
    if state.pos:
        return plugin_dollars(state, silent)
    source, state.src = state.src, f"{state.src} "
    try:
        return plugin_dollars(state, silent)
    finally:
        state.src = source


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The table rule with a limit on cells, since it fills every row to the header's width.

    Alignments become classes, because the sanitiser removes styles.
    """
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
    """Raw HTML, except a single `<br>`: the line below it is parsed as Markdown."""
    if BREAK.fullmatch(state.getLines(start, start + 1, 0, False).strip()):
        return False
    return html_block(state, start, end, silent)


def _headings(state: StateCore) -> None:
    """Give headings ids and collect the outline.

    Only the page's title is an h1, so the headings of a text that has an h1 move down one level.
    """
    parsed: Parsed = state.env["parsed"]
    opened = [at for at, token in enumerate(state.tokens) if token.type == "heading_open"]
    if len(opened) > MAX_HEADINGS:
        raise TooMuch(N_("The text has more than %(limit)s headings."), limit=MAX_HEADINGS)
    shift = 1 if any(state.tokens[at].tag == "h1" for at in opened) else 0
    for at in opened:
        level = min(6, int(state.tokens[at].tag[1]) + shift)
        state.tokens[at].tag = state.tokens[at + 2].tag = f"h{level}"
        explicit = _explicit_id(state.tokens[at + 1])
        title = " ".join(_text(state.tokens[at + 1].children or []).split())
        id = parsed.id(
            explicit or NOT_IN_ID.sub("", title.lower()).strip().replace(" ", "-") or "section"
        )
        state.tokens[at].attrs = {"id": id}
        parsed.outline.append((level, id, title))


def _explicit_id(heading: Token) -> str:
    """Return the id of `# Title {#id}` and remove it from the title."""
    last = heading.children[-1] if heading.children else None
    match = EXPLICIT_ID.search(last.content.rstrip()) if last and last.type == "text" else None
    if not (last and match):
        return ""
    last.content = last.content[: match.start()].rstrip()
    return match[1]


def _text(children: Sequence[Token]) -> str:
    """Return the text of a heading without markup."""
    spaces = {"softbreak": " ", "hardbreak": " "}
    invisible = ("html_inline", "footnote_ref")
    return "".join(
        spaces.get(token.type, "" if token.type in invisible else token.content)
        for token in children
    )


def _tasks(state: StateCore) -> None:
    """Render `- [x] done` with our own checkbox. Input elements of authors are removed."""
    for at in range(2, len(state.tokens)):
        item, inline = state.tokens[at - 2], state.tokens[at]
        if inline.type == "inline" and item.type == "list_item_open" and inline.children:
            match = TASK.match(inline.content)
            if match and inline.children[0].content.startswith(match[0][:3]):
                item.attrSet("class", "task-list-item")
                _add_checkbox(state.env["parsed"], inline.children, match[1] != " ")


def _add_checkbox(parsed: Parsed, children: list[Token], ticked: bool) -> None:
    children[0].content = children[0].content[3:].lstrip()
    checked = " checked" if ticked else ""
    box = parsed.hold(f'<input type="checkbox" disabled{checked}> ')
    children.insert(0, Token("html_inline", "", 0, content=f"<label>{box}"))
    children.append(Token("html_inline", "", 0, content="</label>"))


def _code(_: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    return highlight(tokens[at].content, tokens[at].info)


def _formula(
    _: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    parsed: Parsed = env["parsed"]
    parsed.formulas += 1
    if parsed.formulas > MAX_FORMULAS:
        raise TooMuch(N_("The text has more than %(limit)s formulas."), limit=MAX_FORMULAS)
    is_block = tokens[at].type.startswith("math_block")
    placeholder = parsed.hold(mathml(tokens[at].content, "block" if is_block else "inline"))
    return f"<p>{placeholder}</p>\n" if is_block else placeholder


def _raw(_: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    """Return an author's HTML with the content of noscript shown and frames replaced by links."""
    return FRAME.sub(_link_to_frame, NOSCRIPT.sub("", tokens[at].content))


def _link_to_frame(match: re.Match[str]) -> str:
    address = escape(unescape(match[1]))
    return f'<a href="{address}">{address}</a>'
