"""reStructuredText becomes Markdown: read by docutils, which may open no file and pass no HTML."""

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

SETTINGS: dict[str, Any] = {
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
BROKEN = 2  # docutils' level of a warning


class _AnyOption(dict[str, Any]):
    """Options that other programs know, such as `:linenos:`, are taken and mean nothing here."""

    def __missing__(self, name: str) -> Any:
        return directives.unchanged


class Code(CodeBlock):
    """Code in a language, with whatever options Pelican or Sphinx would have read."""

    option_spec = _AnyOption(CodeBlock.option_spec or {})


for name in ("code", "code-block", "sourcecode"):
    directives.register_directive(name, Code)

SAID = N_("docutils: %(said)s")


@dataclass(frozen=True)
class Translated:
    """What a reStructuredText came to; `losses` are sentences, docutils' own among them."""

    title: str
    fields: dict[str, str]
    markdown: str
    losses: list[Loss] = field(default_factory=list)


def to_markdown(source: str) -> Translated:
    """Never raises: what docutils cannot read at all stays as it was typed, as code."""
    try:
        document = publish_doctree(source, settings_overrides=SETTINGS)
    except Exception as error:  # docutils raises whatever its directives raise
        fault = (str(error) or type(error).__name__).splitlines()[0][:200]
        return Translated("", {}, f"~~~~~~~~ rst\n{source}\n~~~~~~~~\n", [(SAID, {"said": fault})])
    blocks = Blocks(document)
    markdown = blocks.whole()
    losses = [*_messages(document), *blocks.losses]
    once = [loss for index, loss in enumerate(losses) if loss not in losses[:index]]
    return Translated(_title(document), _fields(document), _anchored(markdown, blocks), once)


def _messages(document: nodes.document) -> list[Loss]:
    """What docutils complained of, with the line."""
    found = []
    for message in document.findall(nodes.system_message):
        if message.get("level", 0) >= BROKEN and len(message):
            text = " ".join(message[0].astext().split())[:200]
            line = f" (line {message['line']})" if "line" in message else ""
            found.append((SAID, {"said": text + line}))
    return found


def _title(document: nodes.document) -> str:
    for child in document.children:
        if isinstance(child, nodes.title):
            return " ".join(child.astext().split())
    return ""


def _fields(document: nodes.document) -> dict[str, str]:
    """The field list that stands first, which Pelican reads as front matter."""
    fields = {}
    for docinfo in document.findall(nodes.docinfo):
        for child in docinfo.children:
            if isinstance(child, nodes.field):
                fields[child[0].astext()] = " ".join(child[1].astext().split())
            elif isinstance(child, nodes.authors):
                fields["authors"] = "; ".join(each.astext() for each in child.children)
            elif isinstance(child, nodes.Element):
                fields[child.tagname] = " ".join(child.astext().split())
    for subtitle in document.findall(nodes.subtitle):
        fields.setdefault("subtitle", " ".join(subtitle.astext().split()))
    return fields


def _anchored(markdown: str, blocks: Blocks) -> str:
    """References to a heading get the id that our own rendering gives it."""
    if not blocks.wanted:
        return markdown
    try:
        ids = [id for _, id, _ in render(markdown).outline]
    except TooMuch:
        ids = []
    known = (
        dict(zip(blocks.headings, ids, strict=False)) if len(ids) == len(blocks.headings) else {}
    )
    for names in list(known):
        for name in names:
            markdown = markdown.replace(blocks.place(name), "#" + known[names])
    return markdown
