"""Converts LaTeX formulas to MathML that contains only allowed elements and attributes.

latex2mathml lets text through as markup (`\\text{</math><script>`) and creates any links
(`\\href{javascript:}`). So only the tree of its output is used: allowed elements with allowed
attributes, and their text escaped.
"""

import re
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import Converter

from blog.markup.limits import MAX_FORMULA, names

LEAVES = frozenset({"mi", "mn", "mo", "mtext", "mspace", "ms"})
BRANCHES = names(
    "math mrow mfrac msqrt mroot msub msup msubsup munder mover munderover mmultiscripts "
    "mprescripts none mtable mtr mtd mlabeledtr mstyle mpadded mphantom menclose merror"
)
WORDS = re.compile(r"[a-z0-9+-]{1,30}(?: [a-z0-9]{1,30}){0,30}", re.I)
LENGTH = re.compile(r"[+-]?\d{0,4}(?:\.\d{1,4})?(?:em|ex|px|pt|mu|%|width|height)?")
COLOUR = re.compile(r"#[0-9a-f]{3,6}|[a-z]{1,20}", re.I)
LENGTHS = re.compile(rf"{LENGTH.pattern}(?: {LENGTH.pattern}){{0,30}}")
ATTRIBUTES = {
    **dict.fromkeys(
        names(
            "displaystyle scriptlevel stretchy fence symmetric largeop movablelimits separator "
            "accent accentunder form mathvariant columnalign columnlines rowlines frame notation"
        ),
        WORDS,
    ),
    **dict.fromkeys(
        names("width height depth lspace rspace voffset minsize maxsize mathsize linethickness"),
        LENGTH,
    ),
    **dict.fromkeys(["rowspacing", "columnspacing"], LENGTHS),
    **dict.fromkeys(["mathcolor", "mathbackground"], COLOUR),
}
CHILDREN = {
    **dict.fromkeys(["mfrac", "mroot", "msub", "msup", "munder", "mover"], 2),
    **dict.fromkeys(["msubsup", "munderover"], 3),
}
MAX_FORMULA_DEPTH = 60
# Texts written for client-side math escape it from Markdown: `\\{` for `\{`, `\*` for `*`.
ESCAPED_TWICE = re.compile(r"\\(?=\\[{}])|\\(?=\*)")
MACRO = re.compile(r"\\(?:re)?newcommand|\\providecommand|\\def(?![a-z])|\\let(?![a-z])", re.I)


def mathml(latex: str, display: str) -> str:
    """Return a `<math>` element, or the source in `<code>` if the LaTeX is invalid.

    `display` is "inline" or "block".
    """
    try:
        return _math(_tree(latex, display), display)
    except Exception:  # latex2mathml raises many kinds of errors for invalid LaTeX
        return as_source(latex)


def as_source(latex: str) -> str:
    """Return the LaTeX source in a `<code>` element."""
    return f"<code>{escape(latex.strip())}</code>"


def _tree(latex: str, display: str) -> Element:
    if len(latex) > MAX_FORMULA or latex.count("{") > 500 or MACRO.search(latex):
        raise ValueError("too long, or it defines macros")
    unescaped = ESCAPED_TWICE.sub("", latex) if display == "inline" else latex
    return Converter(display=display).convert_to_element(unescaped.strip())


def _math(tree: Element, display: str) -> str:
    inside = "".join(_element(child, 1) for child in tree)
    shown = ' display="block"' if display == "block" else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{shown}>{inside}</math>'


def _element(node: Element, depth: int) -> str:
    if depth > MAX_FORMULA_DEPTH:
        raise ValueError("nested too deeply")
    tag = node.tag if node.tag in BRANCHES or node.tag in LEAVES else "mrow"
    if len(node) != CHILDREN.get(tag, len(node)):
        raise ValueError("an incomplete command, such as a fraction without a denominator")
    text = escape(unescape(node.text or "")) if tag in LEAVES else ""
    # A leaf may contain text only: inside mi, mo, mn, ms and mtext, parsers switch back to HTML.
    inside = "" if tag in LEAVES else "".join(_element(child, depth + 1) for child in node)
    return f"<{tag}{_attributes(node)}>{text}{inside}</{tag}>"


def _attributes(node: Element) -> str:
    allowed = ((name, value) for name, value in node.attrib.items() if name in ATTRIBUTES)
    return "".join(f' {n}="{escape(v)}"' for n, v in allowed if ATTRIBUTES[n].fullmatch(v))
