"""What a text itself tells where its front matter is silent: its title and its language."""

from markdown_it import MarkdownIt

from blog.config import LANGUAGES


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


def spoken(tag: str) -> str:
    """`zh_CN`, `zh-Hans` and `Chinese` as one of our languages; empty for any other."""
    first = tag.strip().lower().replace("_", "-").split("-")[0]
    first = {"chinese": "zh", "cn": "zh", "中文": "zh", "english": "en"}.get(first, first)
    return first if first in LANGUAGES else ""
