"""The blocks of a reStructuredText document, as Markdown."""

import re

from docutils import nodes

from blog.config import N_
from blog.importer.rst.inline import InlineWriter, escape_starts, label
from blog.importer.rst.tables import table_rows, written
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
# Two lists that follow each other would be one, if nothing stood between them.
LISTS = {"bullet_list": "-", "field_list": "-", "option_list": "-", "enumerated_list": "1"}
# Read elsewhere, or never meant for readers.
SILENT = frozenset(
    {"docinfo", "meta", "target", "substitution_definition", "pending", "title", "subtitle"}
    | {"decoration", "raw"}
)


class Blocks(InlineWriter):
    """Writes a document. `headings` are the names each heading goes by, in order."""

    def __init__(self, document: nodes.document) -> None:
        super().__init__()
        self.document = document
        self.headings: list[tuple[str, ...]] = []
        self.chinese = language_of("", document.astext()) == "zh"
        for section in document.findall(nodes.section):
            self.anchors |= dict.fromkeys(section["ids"], "")

    def whole(self) -> str:
        return self.blocks(self.document, 1).strip("\n") + "\n"

    def blocks(self, node: nodes.Element, level: int, *, tight: bool = False) -> str:
        """The node's blocks with a blank line between each; none in a tight list."""
        parts: list[str] = []
        last = ""
        for child in node.children:
            if part := self.block(child, level):
                mark = LISTS.get(getattr(child, "tagname", ""), "")
                parts += ["<!-- -->", part] if mark and mark == last else [part]
                last = mark
        return ("\n" if tight else "\n\n").join(parts)

    def block(self, node: nodes.Node, level: int) -> str:
        if not isinstance(node, nodes.Element) or node.tagname in SILENT:
            return ""
        if node.tagname in ADMONITIONS:
            return self._quoted(ADMONITIONS[node.tagname][self.chinese], node, level)
        write = getattr(self, f"block_{node.tagname}", None)
        if write:
            return str(write(node, level))
        if isinstance(node, nodes.Inline | nodes.TextElement):
            return escape_starts(self.inline(node))
        return self.blocks(node, level)

    def block_section(self, node: nodes.Element, level: int) -> str:
        titles = [child for child in node.children if isinstance(child, nodes.title)]
        heading = " ".join(self.inside(titles[0]).split()) if titles else ""
        self.headings.append(tuple(node["ids"]))
        return f"{'#' * min(level + 1, 6)} {heading}\n\n{self.blocks(node, level + 1)}"

    def block_paragraph(self, node: nodes.Element, level: int) -> str:
        lines = self.inside(node).strip().split("\n")
        return escape_starts("\n".join(line.strip() for line in lines))

    def block_rubric(self, node: nodes.Element, level: int) -> str:
        return bold(self.inside(node))

    def block_transition(self, node: nodes.Element, level: int) -> str:
        return "***"

    def block_comment(self, node: nodes.Element, level: int) -> str:
        self.lose(N_("Comments in the source, which readers never saw, were left out."))
        return ""

    def block_system_message(self, node: nodes.Element, level: int) -> str:
        """A directive that was not carried out is shown as it was typed."""
        typed = [child for child in node.children if isinstance(child, nodes.literal_block)]
        return "\n\n".join(fenced(child.astext().strip("\n"), "rst") for child in typed)

    # --- lists

    def block_bullet_list(self, node: nodes.Element, level: int) -> str:
        return self._items(node, ["- "] * len(node.children), level)

    def block_enumerated_list(self, node: nodes.Element, level: int) -> str:
        if node.get("enumtype", "arabic") != "arabic":
            self.lose(
                N_("A list numbered with letters or Roman numerals is now numbered with digits.")
            )
        start = int(node.get("start", 1))
        marks = [f"{number}. " for number in range(start, start + len(node.children))]
        return self._items(node, marks, level)

    def _items(self, node: nodes.Element, marks: list[str], level: int) -> str:
        """A list is tight where every item is one paragraph, with or without a list below it."""
        items = [child for child in node.children if isinstance(child, nodes.Element)]
        tight = all(_is_short(item) for item in items)
        texts = [
            hanging(mark, self.blocks(item, level, tight=tight))
            for mark, item in zip(marks, items, strict=False)
        ]
        return ("\n" if tight else "\n\n").join(texts)

    def block_definition_list(self, node: nodes.Element, level: int) -> str:
        parts = []
        for item in node.children:
            assert isinstance(item, nodes.Element)  # noqa: S101 -- tells mypy what docutils promises
            *terms, body = (child for child in item.children if isinstance(child, nodes.Element))
            said = [self.inside(term).strip() for term in terms]
            more = "".join(f" *{each}*" for each in said[1:])
            parts += [bold(said[0]) + more if said else "", self.blocks(body, level)]
        return "\n\n".join(filter(None, parts))

    def block_field_list(self, node: nodes.Element, level: int) -> str:
        fields = [_pair(child) for child in node.children if isinstance(child, nodes.field)]
        return "\n".join(
            hanging("- ", f"{bold(self.inside(name) + ':')} {self.blocks(body, level)}")
            for name, body in fields
        )

    def block_option_list(self, node: nodes.Element, level: int) -> str:
        options = (child for child in node.children if isinstance(child, nodes.option_list_item))
        items = map(_pair, options)
        return "\n".join(
            hanging("- ", f"`{_options(name)}` {self.blocks(body, level)}") for name, body in items
        )

    # --- what is shown as it stands

    def block_literal_block(self, node: nodes.Element, level: int) -> str:
        if any(isinstance(child, nodes.Element) for child in node.children):
            self.lose(N_("Markup inside a literal block is now plain text."))
        classes: list[str] = node.get("classes", [])
        language = next((name for name in classes if name != "code"), "")
        return fenced(node.astext(), language or node.get("language", ""))

    def block_doctest_block(self, node: nodes.Element, level: int) -> str:
        return fenced(node.astext(), "pycon")

    def block_math_block(self, node: nodes.Element, level: int) -> str:
        return f"$$\n{node.astext().strip()}\n$$"

    def block_line_block(self, node: nodes.Element, level: int) -> str:
        return "\\\n".join(self._lines(node, 0))

    def _lines(self, node: nodes.Element, depth: int) -> list[str]:
        lines: list[str] = []
        for child in node.children:
            if isinstance(child, nodes.line_block):
                lines += self._lines(child, depth + 1)
            elif isinstance(child, nodes.Element):
                lines.append("&emsp;" * depth + (escape_starts(self.inside(child)) or "&nbsp;"))
        return lines

    # --- what stands apart

    def block_block_quote(self, node: nodes.Element, level: int) -> str:
        return quoted(self.blocks(node, level))

    def block_attribution(self, node: nodes.Element, level: int) -> str:
        return f"— {self.inside(node)}"

    def _quoted(self, title: str, node: nodes.Element, level: int) -> str:
        return quoted("\n\n".join(filter(None, [bold(title), self.blocks(node, level)])))

    def block_admonition(self, node: nodes.Element, level: int) -> str:
        """Also a topic and a sidebar; a list of contents is made by the blog itself."""
        if "contents" in node.get("classes", []):
            return ""
        titles = [self.inside(child) for child in node.children if isinstance(child, nodes.title)]
        return self._quoted("".join(titles), node, level) if titles else self._bare(node, level)

    block_topic = block_sidebar = block_admonition

    def _bare(self, node: nodes.Element, level: int) -> str:
        return quoted(self.blocks(node, level))

    def block_image(self, node: nodes.Element, level: int) -> str:
        return self.inline_image(node)

    def block_caption(self, node: nodes.Element, level: int) -> str:
        return self.block_paragraph(node, level)

    def block_footnote(self, node: nodes.Element, level: int) -> str:
        name = label(node[0].astext()) if len(node) else "note"
        return hanging(f"[^{name}]: ", self.blocks(_without_label(node), level), indent=4)

    block_citation = block_footnote

    def block_table(self, node: nodes.Element, level: int) -> str:
        rows = table_rows(node, lambda cell: self.blocks(cell, level), self.lose)
        titles = [self.inside(child) for child in node.children if isinstance(child, nodes.title)]
        return "\n\n".join([*map(bold, titles), written(rows)])


def bold(text: str) -> str:
    text = text.strip()
    return text if "**" in text or not text else f"**{text}**"


def fenced(text: str, language: str) -> str:
    """Code with a fence longer than any inside."""
    longest = max((len(run) for run in re.findall(r"^\s*(`{3,})", text, re.M)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{re.sub(r'[^A-Za-z0-9+#_.-]', '', language)}\n{text}\n{fence}"


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def hanging(mark: str, text: str, indent: int = 0) -> str:
    """`text` after `mark`, its further lines below its first."""
    space = " " * (indent or len(mark))
    lines = text.split("\n")
    return "\n".join(
        [(mark + lines[0]).rstrip(), *(space + line if line else "" for line in lines[1:])]
    )


def _is_short(item: nodes.Element) -> bool:
    kinds = [child.tagname for child in item.children if isinstance(child, nodes.Element)]
    lists = {"bullet_list", "enumerated_list"}
    return kinds[:1] == ["paragraph"] and all(kind in lists for kind in kinds[1:])


def _pair(node: nodes.Element) -> tuple[nodes.Element, nodes.Element]:
    """A field's name and body, or an option's signs and their meaning."""
    first, second = (child for child in node.children if isinstance(child, nodes.Element))
    return first, second


def _options(group: nodes.Node) -> str:
    return group.astext().replace("`", "'")


def _without_label(node: nodes.Element) -> nodes.Element:
    rest = node.deepcopy()
    rest.children = [child for child in rest.children if not isinstance(child, nodes.label)]
    return rest
