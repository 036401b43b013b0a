"""Converts inline elements of reStructuredText to Markdown, and escapes plain text."""

import re

from docutils import nodes

from blog.config import N_

SPECIAL = re.compile(r"[\\`*\[\]<$~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|!(?=\[)")
LINE_START = re.compile(
    r"^([ \t]*)(?:(>|[#+-](?=\s|$)|(?:=+|-+)(?=\s*$))|(\d{1,9})([.)])(?=\s|$))", re.M
)
Loss = tuple[str, dict[str, str]]  # a message marked with `N_`, and its parameters
MARKS = {"emphasis": "*", "strong": "**", "title_reference": "*"}
TAGS = {"subscript": "sub", "superscript": "sup"}


def escape(text: str) -> str:
    """Escape every character of plain text that has a meaning in Markdown."""
    return SPECIAL.sub(r"\\\g<0>", text)


def escape_starts(text: str) -> str:
    """Escape characters that have a meaning only at the start of a line."""
    return LINE_START.sub(_escape_start, text)


def _escape_start(match: re.Match[str]) -> str:
    indent, marker, number, delimiter = match.groups()
    return f"{indent}\\{marker}" if marker else f"{indent}{number}\\{delimiter}"


def code_span(text: str) -> str:
    """Return a code span with more backticks around it than in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def destination(uri: str) -> str:
    """Return an address as the destination of a Markdown link."""
    if re.search(r"[\s()<>]", uri):
        return "<" + re.sub(r"[<>\n]", lambda match: f"%{ord(match[0]):02X}", uri) + ">"
    return uri


class InlineWriter:
    """Converts inline nodes, and collects losses and the anchors that links refer to."""

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self.wanted_anchors: set[str] = set()
        self.anchors: dict[str, str] = {}

    def lose(self, message: str, **params: str) -> None:
        """Report lost markup. `message` is marked with `N_`."""
        self.losses.append((message, params))

    def inline(self, node: nodes.Node) -> str:
        """Convert one node with its `inline_…` method, else with the marks of its type."""
        if isinstance(node, nodes.Text):
            return escape(node.astext())
        if isinstance(node, nodes.Element):
            convert = getattr(self, f"inline_{node.tagname}", None)
            return str(convert(node)) if convert else self._marked(node)
        return ""

    def inside(self, node: nodes.Element) -> str:
        """Convert the children of a node."""
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
        """Convert to a code span."""
        return code_span(" ".join(node.astext().split("\n")))

    def inline_math(self, node: nodes.Element) -> str:
        """Convert a formula."""
        return f"${node.astext().strip()}$"

    def inline_problematic(self, node: nodes.Element) -> str:
        """Show markup that docutils could not interpret as plain text."""
        return escape(node.astext())

    def inline_system_message(self, node: nodes.Element) -> str:
        """Skip a message of docutils: it is in the import report."""
        return ""

    def inline_generated(self, node: nodes.Element) -> str:
        """Skip section numbers, which docutils generates."""
        return ""

    def inline_substitution_definition(self, node: nodes.Element) -> str:
        """Skip a definition, which has been substituted."""
        return ""

    def inline_footnote_reference(self, node: nodes.Element) -> str:
        """Convert a reference to a footnote or a citation."""
        return f"[^{label(node.astext())}]"

    inline_citation_reference = inline_footnote_reference

    def inline_image(self, node: nodes.Element) -> str:
        """Convert an image; its size and alignment are lost."""
        if {"width", "height", "scale", "align"} & set(node.attributes):
            self.lose(N_("The size and alignment of pictures are not kept."))
        text = escape(" ".join(str(node.get("alt", "")).split()))
        return f"![{text}]({destination(node['uri'])})"

    def inline_reference(self, node: nodes.Element) -> str:
        """Convert a link. A link to a heading gets a placeholder; other internal links are lost."""
        inside = self.inside(node)
        if uri := node.get("refuri"):
            shows_uri = node.astext() in (uri, uri.removeprefix("mailto:"))
            is_autolink = shows_uri and re.match(r"(https?://|mailto:)[^\s<>]+\Z", uri)
            return f"<{node.astext()}>" if is_autolink else f"[{inside}]({destination(uri)})"
        target = node.get("refid", "")
        if target not in self.anchors:
            self.lose(
                N_("A reference within the text is now plain text: %(text)s"),
                text=node.astext()[:80],
            )
            return inside
        self.wanted_anchors.add(target)
        return f"[{inside}]({self.placeholder(target)})"

    def placeholder(self, name: str) -> str:
        """Return the link to a heading until the renderer has assigned its id."""
        return f"#\N{OBJECT REPLACEMENT CHARACTER}{name}\N{OBJECT REPLACEMENT CHARACTER}"


def label(text: str) -> str:
    """Return the name of a footnote in Markdown, where it contains no blanks or brackets."""
    return re.sub(r"[\s\[\]^]+", "-", text.strip()) or "note"
