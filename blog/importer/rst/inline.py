"""What stands within a line of reStructuredText, as Markdown."""

import re

from docutils import nodes

from blog.config import N_

SPECIAL = re.compile(r"[\\`*\[\]<$~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|!(?=\[)")
LINE_START = re.compile(
    r"^([ \t]*)(?:(>|[#+-](?=\s|$)|(?:=+|-+)(?=\s*$))|(\d{1,9})([.)])(?=\s|$))", re.M
)
Loss = tuple[str, dict[str, str]]  # a sentence marked with `N_`, and its parameters
MARKS = {"emphasis": "*", "strong": "**", "title_reference": "*"}
TAGS = {"subscript": "sub", "superscript": "sup"}


def escape(text: str) -> str:
    """Plain text with every sign that Markdown would take for its own made harmless."""
    return SPECIAL.sub(r"\\\g<0>", text)


def escape_starts(text: str) -> str:
    """The same for what only means something where a line begins."""
    return LINE_START.sub(
        lambda found: found[1] + ("\\" + found[2] if found[2] else found[3] + "\\" + found[4]), text
    )


def code_span(text: str) -> str:
    """With a fence of backticks longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def destination(uri: str) -> str:
    """An address as it may stand between a link's brackets."""
    if re.search(r"[\s()<>]", uri):
        return "<" + re.sub(r"[<>\n]", lambda found: f"%{ord(found[0]):02X}", uri) + ">"
    return uri


class InlineWriter:
    """Writes inline nodes; `losses` and the wanted anchors are collected on the way."""

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self.wanted: set[str] = set()
        self.anchors: dict[str, str] = {}

    def lose(self, message: str, **params: str) -> None:
        self.losses.append((message, params))

    def inline(self, node: nodes.Node) -> str:
        """A node's contents, or the node itself where it is one piece of text."""
        if isinstance(node, nodes.Text):
            return escape(node.astext())
        if isinstance(node, nodes.Element):
            write = getattr(self, f"inline_{node.tagname}", None)
            return str(write(node)) if write else self._marked(node)
        return ""

    def inside(self, node: nodes.Element) -> str:
        return "".join(map(self.inline, node.children))

    def _marked(self, node: nodes.Element) -> str:
        inside = self.inside(node)
        if not inside.strip():
            return inside
        if node.tagname in TAGS:
            return f"<{TAGS[node.tagname]}>{inside}</{TAGS[node.tagname]}>"
        mark = MARKS.get(node.tagname, "")
        return f"{mark}{inside}{mark}"

    def inline_literal(self, node: nodes.Element) -> str:
        return code_span(" ".join(node.astext().split("\n")))

    def inline_math(self, node: nodes.Element) -> str:
        return f"${node.astext().strip()}$"

    def inline_problematic(self, node: nodes.Element) -> str:
        return escape(node.astext())

    def inline_system_message(self, node: nodes.Element) -> str:
        return ""  # it is on the receipt

    def inline_generated(self, node: nodes.Element) -> str:
        return ""  # numbers that docutils put before headings

    def inline_substitution_definition(self, node: nodes.Element) -> str:
        return ""

    def inline_footnote_reference(self, node: nodes.Element) -> str:
        return f"[^{label(node.astext())}]"

    inline_citation_reference = inline_footnote_reference

    def inline_image(self, node: nodes.Element) -> str:
        if {"width", "height", "scale", "align"} & set(node.attributes):
            self.lose(N_("The size and alignment of pictures are not kept."))
        text = escape(" ".join(str(node.get("alt", "")).split()))
        return f"![{text}]({destination(node['uri'])})"

    def inline_reference(self, node: nodes.Element) -> str:
        inside = self.inside(node)
        if uri := node.get("refuri"):
            bare = node.astext() in (uri, uri.removeprefix("mailto:"))
            simple = bare and re.match(r"(https?://|mailto:)[^\s<>]+\Z", uri)
            return f"<{node.astext()}>" if simple else f"[{inside}]({destination(uri)})"
        target = node.get("refid", "")
        if target not in self.anchors:
            self.lose(
                N_("A reference within the text is now plain text: %(text)s"),
                text=node.astext()[:80],
            )
            return inside
        self.wanted.add(target)
        return f"[{inside}]({self.place(target)})"

    def place(self, name: str) -> str:
        """What stands for a heading's id until our own rendering has said it."""
        return f"#\N{OBJECT REPLACEMENT CHARACTER}{name}\N{OBJECT REPLACEMENT CHARACTER}"


def label(text: str) -> str:
    """A footnote's name in Markdown, which has no blanks."""
    return re.sub(r"[\s\[\]^]+", "-", text.strip()) or "note"
