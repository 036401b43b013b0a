"""What a text itself tells where its front matter is silent: its title and its language."""

import re

from markdown_it import MarkdownIt

from blog.config import LANGUAGES

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
LATIN_WORD = re.compile(r"[A-Za-z]+")
NOT_PROSE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|^(?: {4}|\t).*$|`[^`\n]+`|<[^>\n]*>", re.S | re.M)
CHINESE_FROM = 0.2  # share of Han characters among characters and words


def heading(body: str) -> str:
    """The first heading as plain text, or nothing."""
    tokens = MarkdownIt("commonmark").parse(body)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            parts = tokens[index + 1].children or []
            text = " ".join("".join(part.content for part in parts).split())
            if text:
                return text[:300]
    return ""


def language(title: str, body: str) -> str:
    """Chinese where enough of what is to be read is Han; code and tags do not count."""
    prose = title + "\n" + NOT_PROSE.sub(" ", body[:200_000])
    han, latin = len(HAN.findall(prose)), len(LATIN_WORD.findall(prose))
    return "zh" if han and han >= CHINESE_FROM * (han + latin) else "en"


def spoken(tag: str) -> str:
    """`zh_CN`, `zh-Hans` and `Chinese` as one of our languages; empty for any other."""
    first = tag.strip().lower().replace("_", "-").split("-")[0]
    first = {"chinese": "zh", "cn": "zh", "中文": "zh", "english": "en"}.get(first, first)
    return first if first in LANGUAGES else ""
