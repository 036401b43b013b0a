"""An old text beside what came of it, counted by a way of its own: what was lost on the road."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from blog.config import N_
from blog.importer.source.source_post import SourcePost

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
WORD = re.compile(r"[^\W\d_]+")
# Of Markdown, what is kept (groups code and span) and what no reader sees, in one pass.
UNSEEN = re.compile(
    r"^(?P<fence>[ \t>]*(?:`{3,}|~{3,}))[^\n]*\n(?P<code>.*?)(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<ticks>`+)(?P<span>(?:(?!\n[ \t]*\n).)+?)(?<!`)(?P=ticks)(?!`)"
    r"|<!--.*?-->|<(?P<dead>style|script)\b.*?</(?P=dead)\s*>|<(?![a-z]+:)/?[A-Za-z][^>]*>"
    r"|^[ \t>]*\[(?!\^)[^\]\n]+\]:[ \t]*\S+[^\n]*$|!\[[^\]]*\]|\[\^[^\]\n]+\]"
    r"|(?<=\])\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|(?<=\])\[[^\]\n]*\]"
    r"|\$\$.*?\$\$",
    re.S | re.M,
)
TEMPLATE = re.compile(r"\{%.{1,200}?%\}|\{\{.{1,200}?\}\}", re.S)
NEVER_SHOWN = frozenset({"style", "script", "math", "title"})
# What is in `noscript` is shown; pictures have a part of the receipt to themselves.
TOLD_ELSEWHERE = frozenset({"noscript", "img", "picture", "source"})
WORTH_TELLING = 20  # words
SHARE = 0.05
RAW_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)")
STYLED = re.compile(r"<[A-Za-z][^>]*\sstyle\s*=", re.I)


@dataclass
class HtmlText(HTMLParser):
    """HTML read once: its text with and without code, and the elements in it."""

    text: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in NEVER_SHOWN or tag in ("code", "pre"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if NEVER_SHOWN.intersection(self.inside):
            return
        self.text.append(data)
        if not self.inside:
            self.prose.append(data)


def page(html: str) -> HtmlText:
    found = HtmlText()
    found.feed(html)
    found.close()
    return found


def count(text: str) -> int:
    """Han characters, and words of every other script."""
    return len(HAN.findall(text)) + len(WORD.findall(HAN.sub(" ", text)))


def words_typed(markdown: str) -> int:
    """How many words a reader of the old page would have counted."""
    seen = UNSEEN.sub(lambda found: f" {found['code'] or found['span'] or ''} ", markdown)
    return count(unescape(seen))


def words_shown(shown: HtmlText) -> int:
    return count(" ".join(shown.text))


def differs(old: int, new: int) -> bool:
    """True where more is gone or new than two ways of counting explain."""
    return abs(old - new) > max(WORTH_TELLING, SHARE * old)


def remark(post: SourcePost, shown: HtmlText) -> None:
    """Say what of the post's own HTML and of its generator's tags does not do what it did."""
    if lost := lost_markup(post.body, shown):
        names = ", ".join(lost)
        post.remark("text", N_("This HTML is not kept as it was: %(names)s"), names=names)
    if tags := templates(shown):
        names = ", ".join(tags)[:500]
        post.remark(
            "text",
            N_("These template tags of the old site generator are left as plain text: %(names)s"),
            names=names,
        )


def lost_markup(markdown: str, shown: HtmlText) -> list[str]:
    """Raw HTML elements, and inline styles, that readers do not get."""
    raw = "".join(_raw(markdown))
    if "<" not in raw:
        return []
    used = {name.lower() for name in RAW_TAG.findall(raw)}
    gone = used - shown.tags - TOLD_ELSEWHERE
    if "h2" in shown.tags:
        gone.discard("h1")  # a text's headings begin below the title
    lost = [f"<{name}>" for name in sorted(gone)]
    return lost + (["style="] if STYLED.search(raw) else [])


def _raw(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(markdown) if "<" in markdown else []
    every = [token for one in tokens for token in (one, *(one.children or []))]
    return [token.content for token in every if token.type in ("html_block", "html_inline")]


def templates(shown: HtmlText) -> list[str]:
    """Tags of the old generator that stand in the text as they were typed."""
    found = TEMPLATE.findall(" ".join(shown.prose))
    return list(dict.fromkeys(" ".join(tag.split()) for tag in found))
