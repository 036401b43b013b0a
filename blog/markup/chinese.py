"""Adapts CommonMark to Chinese and Japanese text: emphasis, line breaks and bare URLs."""

import re

from linkify_it import LinkifyIt
from linkify_it.main import Match
from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

HAN = (
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af"
)
KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
FULL_WIDTH = (
    "\u3000-\u3004\u3006\u3008-\u3020\u302a-\u3037\u303c-\u303f\ufe10-\ufe1f\ufe30-\ufe4f"
    "\uff01-\uff65\uffe0-\uffe6"
)
SHARED = "\u2014\u2018\u2019\u201c\u201d\u2026\u00b7\u2e3a"  # punctuation of both scripts

EAST = re.compile(f"[{HAN}{KANA}{FULL_WIDTH}]")
EITHER = re.compile(f"[{HAN}{KANA}{FULL_WIDTH}{SHARED}]")
URL_END = re.compile(f"[{FULL_WIDTH}{SHARED}]")
HOST_END = re.compile(f"^([a-z]+://(?:[^/?#@]*@)?(?:[^/?#:]*\\.)?[a-z]{{2,}})[{HAN}{KANA}]", re.I)


class ChineseInlineParser(ParserInline):
    """markdown-it's inline parser, with emphasis scanned by `ChineseStateInline`."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse inline Markdown and append its tokens to `tokens`."""
        state = ChineseStateInline(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class ChineseStateInline(StateInline):
    """Recognizes emphasis markers between Han characters and punctuation.

    CommonMark checks whether a marker touches a space or punctuation, since words are surrounded
    by spaces. Chinese has no such spaces, so next to a Han character a marker may open or close
    emphasis whatever is on its other side. Without Han, CommonMark's own rules apply.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 -- its names
        """Return whether the marker run at `start` may open and close emphasis, and its length."""
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        if not canSplitWord or not (EAST.match(before) or EAST.match(after)):
            return scanned
        return Scanned(_may_open(before, after), _may_open(after, before), scanned.length)


def _may_open(outside: str, inside: str) -> bool:
    """Whether a marker between the characters `outside` and `inside` may open emphasis."""
    if isWhiteSpace(ord(inside)):
        return False
    if EAST.match(inside) or not _is_punctuation(inside):
        return True
    return bool(EAST.match(outside)) or isWhiteSpace(ord(outside)) or _is_punctuation(outside)


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def join_lines(state: StateCore) -> None:
    """Remove the line break, which would be shown as a space, between two Han characters."""
    for block in state.tokens:
        if block.type == "inline" and "\n" in block.content and EAST.search(block.content):
            _join_children(block.children or [])


def _join_children(children: list[Token]) -> None:
    before = " "
    for at, token in enumerate(children):
        if token.type == "softbreak" and _needs_no_space(before, _next_character(children, at + 1)):
            token.type, token.tag, token.content = "text", "", ""
        before = _visible_text(token)[-1:] or before


def _next_character(children: list[Token], at: int) -> str:
    """Return the first visible character from the token `at` on. A line break ends the search."""
    while at < len(children):
        text = _visible_text(children[at])
        if text:
            return text[0]
        at += 1
    return " "


def _needs_no_space(before: str, after: str) -> bool:
    both = EITHER.match(before) and EITHER.match(after)
    return bool(both and (EAST.match(before) or EAST.match(after)))


def _visible_text(token: Token) -> str:
    """Return what a reader sees of a token: nothing for tags and footnote marks."""
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type in ("image", "math_inline", "math_inline_double"):
        return "x"
    return token.content if token.type in ("text", "text_special", "code_inline") else ""


class Linkify(LinkifyIt):  # type: ignore[misc]  # linkify_it has no types
    """Finds bare URLs, which end at full-width punctuation."""

    def match_at_start(self, text: str) -> Match | None:
        """Return the URL at the start of the text."""
        match = super().match_at_start(text)
        return match and _shortened(match)

    def match(self, text: str) -> list[Match] | None:
        """Return all URLs in the text."""
        matches = super().match(text)
        return matches and [_shortened(match) for match in matches]


def linkify() -> Linkify:
    """Return a finder of full URLs only: `main.rs` and `README.md` are files, not hosts."""
    finder = Linkify(options={"fuzzy_link": False, "fuzzy_email": False})
    return finder.add("ftp:", None).add("//", None)  # type: ignore[no-any-return]  # untyped


def _shortened(match: Match) -> Match:
    """Cut off what follows the end of the URL."""
    extra = len(match.url) - _url_length(match.url)
    if extra:
        match.last_index -= extra
        match.url, match.text = match.url[:-extra], match.text[:-extra]
        match.raw = match.raw[:-extra]
    return match


def _url_length(url: str) -> int:
    """Return the length up to the first full-width or, in the host, Han character."""
    end = URL_END.search(url)
    length = end.start() if end else len(url)
    host = HOST_END.match(url[:length])
    return host.end(1) if host else length
