"""Converts the block elements of a reStructuredText document to Markdown."""

import re

from docutils import nodes

from blog.config import N_
from blog.importer.rst.inline import InlineWriter, escape_starts, label
from blog.importer.rst.tables import pipe_table, table_rows
from blog.markup import language_of

ADMONITIONS = {
    "attention": ("Attention", "注意"),
    "caution": ("Caution", "小心"),
    "danger": ("Danger", "危险"),
    "error": ("Error", "错误"),
    "hint": ("Hint", "提示"),
    "important": ("Important", "重要"),
    "note": ("Note", "注意"),
    "tip": ("Tip", "技巧"),
    "warning": ("Warning", "警告"),
}
# Adjacent lists of the same marker would become one list, so a comment is put between them.
LIST_MARKERS = {"bullet_list": "-", "field_list": "-", "option_list": "-", "enumerated_list": "1"}
# Elements that are read elsewhere or are not visible.
SKIPPED = frozenset(
    {"docinfo", "meta", "target", "substitution_definition", "pending", "title", "subtitle"}
    | {"decoration", "raw"}
)


class Blocks(InlineWriter):
    """Converts a document. `headings` holds the ids of each heading, in document order."""

    def __init__(self, document: nodes.document) -> None:
        super().__init__()
        self.document = document
        self.headings: list[tuple[str, ...]] = []
        self.is_chinese = language_of("", document.astext()) == "zh"
        for section in document.findall(nodes.section):
            self.anchors |= dict.fromkeys(section["ids"], "")

    def convert(self) -> str:
        """Return the whole document as Markdown."""
        return self.blocks(self.document, 1).strip("\n") + "\n"

    def blocks(self, node: nodes.Element, level: int, *, tight: bool = False) -> str:
        """Convert the children of a node, separated by a blank line unless `tight`.

        `level` is the level of headings: 1 for the top of the document.
        """
        parts: list[str] = []
        last_marker = ""
        for child in node.children:
            if part := self.block(child, level):
                marker = LIST_MARKERS.get(getattr(child, "tagname", ""), "")
                parts += ["<!-- -->", part] if marker and marker == last_marker else [part]
                last_marker = marker
        return ("\n" if tight else "\n\n").join(parts)

    def block(self, node: nodes.Node, level: int) -> str:
        """Convert one node with its `block_…` method, else as inline text or by its children."""
        if not isinstance(node, nodes.Element) or node.tagname in SKIPPED:
            return ""
        if node.tagname in ADMONITIONS:
            return self._quoted(ADMONITIONS[node.tagname][1 if self.is_chinese else 0], node, level)
        convert = getattr(self, f"block_{node.tagname}", None)
        if convert:
            return str(convert(node, level))
        if isinstance(node, nodes.Inline | nodes.TextElement):
            return escape_starts(self.inline(node))
        return self.blocks(node, level)

    def block_section(self, node: nodes.Element, level: int) -> str:
        """Convert a section: a heading and its blocks."""
        titles = [child for child in node.children if isinstance(child, nodes.title)]
        heading = " ".join(self.inside(titles[0]).split()) if titles else ""
        self.headings.append(tuple(node["ids"]))
        return f"{'#' * min(level + 1, 6)} {heading}\n\n{self.blocks(node, level + 1)}"

    def block_paragraph(self, node: nodes.Element, level: int) -> str:
        """Convert a paragraph, without the indentation of its lines."""
        lines = self.inside(node).strip().split("\n")
        return escape_starts("\n".join(line.strip() for line in lines))

    def block_rubric(self, node: nodes.Element, level: int) -> str:
        """Convert an informal heading to bold text."""
        return bold(self.inside(node))

    def block_transition(self, node: nodes.Element, level: int) -> str:
        """Convert a transition to a horizontal rule."""
        return "***"

    def block_comment(self, node: nodes.Element, level: int) -> str:
        """Drop a comment and report it."""
        self.lose(N_("Comments in the source, which readers never saw, were left out."))
        return ""

    def block_system_message(self, node: nodes.Element, level: int) -> str:
        """Show the source of a directive that docutils could not execute."""
        typed = [child for child in node.children if isinstance(child, nodes.literal_block)]
        return "\n\n".join(fenced(child.astext().strip("\n"), "rst") for child in typed)

    # --- lists

    def block_bullet_list(self, node: nodes.Element, level: int) -> str:
        """Convert a bullet list."""
        return self._items(node, ["- "] * len(node.children), level)

    def block_enumerated_list(self, node: nodes.Element, level: int) -> str:
        """Convert a numbered list; other numbering than digits is reported."""
        if node.get("enumtype", "arabic") != "arabic":
            self.lose(
                N_("A list numbered with letters or Roman numerals is now numbered with digits.")
            )
        start = int(node.get("start", 1))
        markers = [f"{number}. " for number in range(start, start + len(node.children))]
        return self._items(node, markers, level)

    def _items(self, node: nodes.Element, markers: list[str], level: int) -> str:
        """Convert list items, as a tight list if each one is a paragraph, maybe with sublists."""
        items = [child for child in node.children if isinstance(child, nodes.Element)]
        tight = all(_is_tight(item) for item in items)
        texts = [
            hanging(marker, self.blocks(item, level, tight=tight))
            for marker, item in zip(markers, items, strict=False)
        ]
        return ("\n" if tight else "\n\n").join(texts)

    def block_definition_list(self, node: nodes.Element, level: int) -> str:
        """Convert a definition list: terms in bold, then their blocks."""
        parts = []
        for item in node.children:
            assert isinstance(item, nodes.Element)  # noqa: S101 -- for mypy; docutils guarantees it
            *terms, body = (child for child in item.children if isinstance(child, nodes.Element))
            texts = [self.inside(term).strip() for term in terms]
            classifiers = "".join(f" *{text}*" for text in texts[1:])
            heading = bold(texts[0]) + classifiers if texts else ""
            parts += [heading, self.blocks(body, level)]
        return "\n\n".join(filter(None, parts))

    def block_field_list(self, node: nodes.Element, level: int) -> str:
        """Convert a field list to a bullet list with names in bold."""
        fields = [_pair(child) for child in node.children if isinstance(child, nodes.field)]
        return "\n".join(
            hanging("- ", f"{bold(self.inside(name) + ':')} {self.blocks(body, level)}")
            for name, body in fields
        )

    def block_option_list(self, node: nodes.Element, level: int) -> str:
        """Convert a list of command line options to a bullet list."""
        options = (child for child in node.children if isinstance(child, nodes.option_list_item))
        items = map(_pair, options)
        return "\n".join(
            hanging("- ", f"`{_options(name)}` {self.blocks(body, level)}") for name, body in items
        )

    # --- literal text

    def block_literal_block(self, node: nodes.Element, level: int) -> str:
        """Convert a code block with its language."""
        if any(isinstance(child, nodes.Element) for child in node.children):
            self.lose(N_("Markup inside a literal block is now plain text."))
        classes: list[str] = node.get("classes", [])
        language = next((name for name in classes if name != "code"), "")
        return fenced(node.astext(), language or node.get("language", ""))

    def block_doctest_block(self, node: nodes.Element, level: int) -> str:
        """Convert an interactive Python session to a code block."""
        return fenced(node.astext(), "pycon")

    def block_math_block(self, node: nodes.Element, level: int) -> str:
        """Convert a formula."""
        return f"$$\n{node.astext().strip()}\n$$"

    def block_line_block(self, node: nodes.Element, level: int) -> str:
        """Convert lines with hard line breaks."""
        return "\\\n".join(self._lines(node, 0))

    def _lines(self, node: nodes.Element, depth: int) -> list[str]:
        lines: list[str] = []
        for child in node.children:
            if isinstance(child, nodes.line_block):
                lines += self._lines(child, depth + 1)
            elif isinstance(child, nodes.Element):
                lines.append("&emsp;" * depth + (escape_starts(self.inside(child)) or "&nbsp;"))
        return lines

    # --- quotations, images, footnotes and tables

    def block_block_quote(self, node: nodes.Element, level: int) -> str:
        """Convert a block quote."""
        return quoted(self.blocks(node, level))

    def block_attribution(self, node: nodes.Element, level: int) -> str:
        """Convert the source of a quotation."""
        return f"— {self.inside(node)}"

    def _quoted(self, title: str, node: nodes.Element, level: int) -> str:
        return quoted("\n\n".join(filter(None, [bold(title), self.blocks(node, level)])))

    def block_admonition(self, node: nodes.Element, level: int) -> str:
        """Convert an admonition, topic or sidebar to a quotation.

        A table of contents is dropped, because the blog generates its own.
        """
        if "contents" in node.get("classes", []):
            return ""
        titles = [self.inside(child) for child in node.children if isinstance(child, nodes.title)]
        return self._quoted("".join(titles), node, level)

    block_topic = block_sidebar = block_admonition

    def block_image(self, node: nodes.Element, level: int) -> str:
        """Convert an image."""
        return self.inline_image(node)

    def block_caption(self, node: nodes.Element, level: int) -> str:
        """Convert the caption of a figure."""
        return self.block_paragraph(node, level)

    def block_footnote(self, node: nodes.Element, level: int) -> str:
        """Convert a footnote or a citation."""
        name = label(node[0].astext()) if len(node) else "note"
        return hanging(f"[^{name}]: ", self.blocks(_without_label(node), level), indent=4)

    block_citation = block_footnote

    def block_table(self, node: nodes.Element, level: int) -> str:
        """Convert a table, with its title in bold."""
        rows = table_rows(node, lambda cell: self.blocks(cell, level), self.lose)
        titles = [self.inside(child) for child in node.children if isinstance(child, nodes.title)]
        return "\n\n".join([*map(bold, titles), pipe_table(rows)])


def bold(text: str) -> str:
    """Return text in bold, unless it is empty or already contains bold text."""
    text = text.strip()
    return text if "**" in text or not text else f"**{text}**"


def fenced(text: str, language: str) -> str:
    """Return a code block with a fence longer than any in the code."""
    longest = max((len(run) for run in re.findall(r"^\s*(`{3,})", text, re.M)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{re.sub(r'[^A-Za-z0-9+#_.-]', '', language)}\n{text}\n{fence}"


def quoted(text: str) -> str:
    """Return text as a block quote."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def hanging(marker: str, text: str, indent: int = 0) -> str:
    """Return text after a marker, with the following lines indented by `indent` or the marker."""
    space = " " * (indent or len(marker))
    first, *others = text.split("\n")
    lines = [(marker + first).rstrip(), *(space + line if line else "" for line in others)]
    return "\n".join(lines)


def _is_tight(item: nodes.Element) -> bool:
    kinds = [child.tagname for child in item.children if isinstance(child, nodes.Element)]
    lists = {"bullet_list", "enumerated_list"}
    return kinds[:1] == ["paragraph"] and all(kind in lists for kind in kinds[1:])


def _pair(node: nodes.Element) -> tuple[nodes.Element, nodes.Element]:
    """Return the name and body of a field, or the options and their description."""
    first, second = (child for child in node.children if isinstance(child, nodes.Element))
    return first, second


def _options(group: nodes.Node) -> str:
    return group.astext().replace("`", "'")


def _without_label(node: nodes.Element) -> nodes.Element:
    rest = node.deepcopy()
    rest.children = [child for child in rest.children if not isinstance(child, nodes.label)]
    return rest
