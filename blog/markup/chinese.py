"""What CommonMark gets wrong beside Han: emphasis, soft line breaks, the end of a bare URL."""

import re
from typing import Any

from linkify_it import LinkifyIt
from linkify_it.main import Match
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
    """markdown-it's inline parser, scanning emphasis with `Scan`."""

    def parse(self, src: str, md: Any, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = Scan(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class Scan(StateInline):
    """Emphasis whose stars may stand between Han and punctuation.

    CommonMark asks whether a star touches a space or punctuation, since words have spaces round
    them. Han has none: beside it a star opens and closes whatever stands on the other side.
    Where there is no Han the answer is CommonMark's own.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 -- its names
        scanned = super().scanDelims(start, canSplitWord)
        end = start + scanned.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        if not canSplitWord or not (EAST.match(before) or EAST.match(after)):
            return scanned
        return Scanned(_may_open(before, after), _may_open(after, before), scanned.length)


def _may_open(outside: str, inside: str) -> bool:
    """Whether a star with `outside` behind it may hold what begins with `inside`."""
    if isWhiteSpace(ord(inside)):
        return False
    if EAST.match(inside) or not _is_punctuation(inside):
        return True
    return bool(EAST.match(outside)) or isWhiteSpace(ord(outside)) or _is_punctuation(outside)


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def join_lines(state: StateCore) -> None:
    """Take the space out of a line that was broken between two Han characters."""
    for block in state.tokens:
        if block.type == "inline" and "\n" in block.content and EAST.search(block.content):
            _join(block.children or [])


def _join(children: list[Token]) -> None:
    before = " "
    for at, token in enumerate(children):
        if token.type == "softbreak" and _no_space(before, _next(children, at + 1)):
            token.type, token.tag, token.content = "text", "", ""
        before = _said(token)[-1:] or before


def _next(children: list[Token], at: int) -> str:
    """The first character that is seen from there on; a line break ends the search."""
    while at < len(children):
        said = _said(children[at])
        if said:
            return said[0]
        at += 1
    return " "


def _no_space(before: str, after: str) -> bool:
    both = EITHER.match(before) and EITHER.match(after)
    return bool(both and (EAST.match(before) or EAST.match(after)))


def _said(token: Token) -> str:
    """What a reader sees of a token; nothing of tags and footnote marks."""
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type in ("image", "math_inline", "math_inline_double"):
        return "x"
    return token.content if token.type in ("text", "text_special", "code_inline") else ""


class Linkify(LinkifyIt):  # type: ignore[misc]  # linkify_it has no types
    """Bare URLs, which end where full-width punctuation begins."""

    def match_at_start(self, text: str) -> Match | None:
        found = super().match_at_start(text)
        return found and _cut(found)

    def match(self, text: str) -> list[Match] | None:
        found = super().match(text)
        return found and [_cut(link) for link in found]


def linkify() -> Linkify:
    """Only whole URLs: `main.rs` and `README.md` are names of files, not of hosts."""
    finder = Linkify(options={"fuzzy_link": False, "fuzzy_email": False})
    return finder.add("ftp:", None).add("//", None)  # type: ignore[no-any-return]  # untyped


def _cut(link: Match) -> Match:
    length = _url_length(link.url)
    extra = len(link.url) - length
    if extra:
        link.last_index -= extra
        link.url, link.text, link.raw = link.url[:-extra], link.text[:-extra], link.raw[:-extra]
    return link


def _url_length(url: str) -> int:
    end = URL_END.search(url)
    length = end.start() if end else len(url)
    host = HOST_END.match(url[:length])
    return host.end(1) if host else length
