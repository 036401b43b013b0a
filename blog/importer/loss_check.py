"""Compares a source text with its rendered HTML, to report lost words, HTML and template tags.

It parses both sides independently of the renderer, so that it also finds the renderer's errors.
"""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from blog.config import N_
from blog.importer.source.source_post import SourcePost

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
WORD = re.compile(r"[^\W\d_]+")
# Markdown that readers do not see, and code, which they see (groups `code` and `span`).
INVISIBLE_OR_CODE = re.compile(
    r"^(?P<fence>[ \t>]*(?:`{3,}|~{3,}))[^\n]*\n(?P<code>.*?)(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<ticks>`+)(?P<span>(?:(?!\n[ \t]*\n).)+?)(?<!`)(?P=ticks)(?!`)"
    r"|<!--.*?-->|<(?P<dead>style|script)\b.*?</(?P=dead)\s*>|<(?![a-z]+:)/?[A-Za-z][^>]*>"
    r"|^[ \t>]*\[(?!\^)[^\]\n]+\]:[ \t]*\S+[^\n]*$|!\[[^\]]*\]|\[\^[^\]\n]+\]"
    r"|(?<=\])\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|(?<=\])\[[^\]\n]*\]"
    r"|\$\$.*?\$\$",
    re.S | re.M,
)
TEMPLATE_TAG = re.compile(r"\{%.{1,200}?%\}|\{\{.{1,200}?\}\}", re.S)
NEVER_SHOWN = frozenset({"style", "script", "math", "title"})
# The content of `noscript` is shown; pictures have their own section in the report.
NOT_REPORTED = frozenset({"noscript", "img", "picture", "source"})
MIN_DIFFERENCE = 20  # words
MIN_SHARE = 0.05  # of the words in the source
RAW_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)")
STYLE_ATTRIBUTE = re.compile(r"<[A-Za-z][^>]*\sstyle\s*=", re.I)


@dataclass
class HtmlText(HTMLParser):
    """The text of an HTML document, `prose` without code, and the names of its elements."""

    text: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Record the element, and whether its text is code or invisible."""
        self.tags.add(tag)
        if tag in NEVER_SHOWN or tag in ("code", "pre"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave a code or invisible element."""
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        """Collect visible text."""
        if NEVER_SHOWN.intersection(self.inside):
            return
        self.text.append(data)
        if not self.inside:
            self.prose.append(data)


def parse(html: str) -> HtmlText:
    """Parse an HTML document or fragment."""
    parser = HtmlText()
    parser.feed(html)
    parser.close()
    return parser


def count_words(text: str) -> int:
    """Count Han characters, and words in every other script."""
    return len(HAN.findall(text)) + len(WORD.findall(HAN.sub(" ", text)))


def words_in_source(markdown: str) -> int:
    """Count the words that readers of the old page saw."""
    visible = INVISIBLE_OR_CODE.sub(
        lambda match: f" {match['code'] or match['span'] or ''} ", markdown
    )
    return count_words(unescape(visible))


def words_shown(page: HtmlText) -> int:
    """Count the words that readers of the rendered page see."""
    return count_words(" ".join(page.text))


def differs(old: int, new: int) -> bool:
    """Whether the counts differ by more than two ways of counting explain."""
    return abs(old - new) > max(MIN_DIFFERENCE, MIN_SHARE * old)


def add_remarks(post: SourcePost, page: HtmlText) -> None:
    """Add remarks about raw HTML and template tags of the post that have lost their effect."""
    if lost := lost_markup(post.body, page):
        names = ", ".join(lost)
        post.remark("text", N_("This HTML is not kept as it was: %(names)s"), names=names)
    if tags := template_tags(page):
        names = ", ".join(tags)[:500]
        post.remark(
            "text",
            N_("These template tags of the old site generator are left as plain text: %(names)s"),
            names=names,
        )


def lost_markup(markdown: str, page: HtmlText) -> list[str]:
    """Return raw HTML elements and inline styles of the source that are missing from the page."""
    raw = "".join(_raw_html(markdown))
    if "<" not in raw:
        return []
    used = {name.lower() for name in RAW_TAG.findall(raw)}
    gone = used - page.tags - NOT_REPORTED
    if "h2" in page.tags:
        gone.discard("h1")  # headings of a text begin one level below the title
    lost = [f"<{name}>" for name in sorted(gone)]
    return lost + (["style="] if STYLE_ATTRIBUTE.search(raw) else [])


def _raw_html(markdown: str) -> list[str]:
    blocks = MarkdownIt("commonmark").parse(markdown) if "<" in markdown else []
    tokens = [token for block in blocks for token in (block, *(block.children or []))]
    return [token.content for token in tokens if token.type in ("html_block", "html_inline")]


def template_tags(page: HtmlText) -> list[str]:
    """Return the template tags of the old site generator that are visible in the text."""
    tags = TEMPLATE_TAG.findall(" ".join(page.prose))
    return list(dict.fromkeys(" ".join(tag.split()) for tag in tags))
