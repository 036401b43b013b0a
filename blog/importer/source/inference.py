"""Infers the title from the text of a post, and the language from the name of one."""

from markdown_it import MarkdownIt

from blog.config import LANGUAGES


def heading(body: str) -> str:
    """Return the first heading as plain text (at most 300 characters), or ""."""
    tokens = MarkdownIt("commonmark").parse(body)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            parts = tokens[index + 1].children or []
            text = " ".join("".join(part.content for part in parts).split())
            if text:
                return text[:300]
    return ""


def language(tag: str) -> str:
    """Return the supported language of `zh_CN`, `zh-Hans` or `Chinese`; "" if unsupported."""
    first = tag.strip().lower().replace("_", "-").split("-")[0]
    first = {"chinese": "zh", "cn": "zh", "中文": "zh", "english": "en"}.get(first, first)
    return first if first in LANGUAGES else ""
