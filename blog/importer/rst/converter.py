"""Converts a reStructuredText document to Markdown.

docutils parses it, with the directives disabled that include files or raw HTML.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.body import CodeBlock

from blog.config import N_
from blog.importer.rst.blocks import Blocks
from blog.importer.rst.inline import Loss
from blog.markup import TooMuch, render

SETTINGS: dict[str, object] = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "input_encoding": "unicode",
    "report_level": 2,
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "smart_quotes": False,
    "sectsubtitle_xform": False,
    "line_length_limit": 100_000,
}
MIN_LEVEL = 2  # the level of a warning in docutils


class _AnyOption(dict[str, Callable[[str], Any]]):
    """Accepts every option, such as `:linenos:`, which other programs know; they have no effect."""

    def __missing__(self, name: str) -> Callable[[str], str]:
        return directives.unchanged


class PermissiveCodeBlock(CodeBlock):
    """The code directive, with the options of Pelican and Sphinx allowed."""

    option_spec = _AnyOption(CodeBlock.option_spec or {})


for name in ("code", "code-block", "sourcecode"):
    directives.register_directive(name, PermissiveCodeBlock)

DOCUTILS_MESSAGE = N_("docutils: %(said)s")


@dataclass(frozen=True)
class ConvertedDocument:
    """A converted document. `fields` is its docinfo, `losses` messages about lost markup."""

    title: str
    fields: dict[str, str]
    markdown: str
    losses: list[Loss] = field(default_factory=list)


def to_markdown(source: str) -> ConvertedDocument:
    """Convert a document. Never raises: if docutils fails, the source becomes a code block."""
    try:
        document = publish_doctree(source, settings_overrides=SETTINGS)
    except Exception as error:  # docutils raises any exception of its directives
        fault = (str(error) or type(error).__name__).splitlines()[0][:200]
        code = f"~~~~~~~~ rst\n{source}\n~~~~~~~~\n"
        return ConvertedDocument("", {}, code, [(DOCUTILS_MESSAGE, {"said": fault})])
    blocks = Blocks(document)
    markdown = blocks.convert()
    losses = [*_messages(document), *blocks.losses]
    unique = [loss for index, loss in enumerate(losses) if loss not in losses[:index]]
    markdown = _with_anchors(markdown, blocks)
    return ConvertedDocument(_title(document), _fields(document), markdown, unique)


def _messages(document: nodes.document) -> list[Loss]:
    """Return the warnings and errors of docutils, with line numbers."""
    losses: list[Loss] = []
    for message in document.findall(nodes.system_message):
        if message.get("level", 0) >= MIN_LEVEL and len(message):
            text = " ".join(message[0].astext().split())[:200]
            line = f" (line {message['line']})" if "line" in message else ""
            losses.append((DOCUTILS_MESSAGE, {"said": text + line}))
    return losses


def _title(document: nodes.document) -> str:
    for child in document.children:
        if isinstance(child, nodes.title):
            return " ".join(child.astext().split())
    return ""


def _fields(document: nodes.document) -> dict[str, str]:
    """Return the first field list, which Pelican uses as front matter."""
    fields = {}
    for docinfo in document.findall(nodes.docinfo):
        for child in docinfo.children:
            if isinstance(child, nodes.field):
                fields[child[0].astext()] = " ".join(child[1].astext().split())
            elif isinstance(child, nodes.authors):
                fields["authors"] = "; ".join(author.astext() for author in child.children)
            elif isinstance(child, nodes.Element):
                fields[child.tagname] = " ".join(child.astext().split())
    for subtitle in document.findall(nodes.subtitle):
        fields.setdefault("subtitle", " ".join(subtitle.astext().split()))
    return fields


def _with_anchors(markdown: str, blocks: Blocks) -> str:
    """Replace the placeholders of links to headings by the ids that the renderer assigns."""
    if not blocks.wanted_anchors:
        return markdown
    try:
        ids = [id for _, id, _ in render(markdown).outline]
    except TooMuch:
        ids = []
    if len(ids) != len(blocks.headings):
        return markdown
    for names, id in zip(blocks.headings, ids, strict=True):
        for name in names:
            markdown = markdown.replace(blocks.placeholder(name), f"#{id}")
    return markdown
