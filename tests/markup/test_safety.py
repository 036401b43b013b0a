"""Sanitising: no text of an author or a guest can put scripts or foreign requests on a page."""

from pathlib import Path
from urllib.parse import urlsplit

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog import markup
from blog.markup.clean import AUTHOR_TAGS, GUEST_TAGS
from blog.markup.formulas import BRANCHES, LEAVES
from blog.markup.limits import TooMuch

HTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
VECTORS = Path(__file__).with_name("vectors.txt").read_text().splitlines()
ATTRIBUTES = """
    href src cite srcset sizes alt title id class name lang dir width height loading decoding start
    reversed type value colspan rowspan headers scope abbr span open datetime max min low high
    optimum tabindex rel checked disabled
"""
WAYS_IN = {
    "as it is": "{}",
    "in a line": "before {} after",
    "in emphasis": "**{}**",
    "in a link's text": "[{}](/x)",
    "as a link's target": "[x]({})",
    "as a link's target in brackets": "[x](<{}>)",
    "as a link's title": '[x](/x "{}")',
    "as a reference": "[x]\n\n[x]: {}",
    "as an autolink": "<{}>",
    "after a bare address": "https://example.org/{}",
    "as a picture's text": "![{}](/x)",
    "as a picture's source": "![x]({})",
    "in code": "`{}`",
    "as a code block": "```html\n{}\n```",
    "as a code block's language": "```{}\nx\n```",
    "in a heading": "# {}",
    "as a heading's id": "# x {{#{}}}",
    "in a footnote": "x[^1]\n\n[^1]: {}",
    "as a footnote's name": "x[^{0}]\n\n[^{0}]: y",
    "in a table": "| a |\n|---|\n| {} |",
    "in a task": "- [x] {}",
    "in a formula": "${}$",
    "in a block of math": "$$\n{}\n$$",
    "in a formula's text": r"$\text{{{}}}$",
    "in an open attribute": '<div title="\n\n{}\n\n',
    "in a formula in an open attribute": '<div title="\n\n$\\text{{{}}}$\n\n',
    "in a comment": "<!-- {} -->",
    "after an open style": "<style>\n\n{}",
    "in a list in a quotation": "> - {}",
}
# These contexts differ most from each other. The others are slow: together they take seconds.
QUICK_WAYS = {
    "as it is",
    "as a link's target",
    "as a picture's source",
    "as a code block's language",
    "in a formula's text",
    "in an open attribute",
}


def faults(html: str, tags: frozenset[str]) -> list[str]:
    """Return the elements and attributes in `html`, as a browser parses it, that are forbidden."""
    tree = html5lib.parseFragment(html, container="div")
    return [fault for node in tree.iter() if node is not tree for fault in _faults_of(node, tags)]


def _faults_of(node, tags):
    if not isinstance(node.tag, str):
        return ["a comment"]
    if node.tag.startswith(MATHML):
        allowed = BRANCHES | LEAVES
        bad = {name for name in node.attrib if name.startswith("on") or "href" in name}
        return [f"<{node.tag}>"] * (node.tag[len(MATHML) :] not in allowed) + sorted(bad)
    tag = node.tag.removeprefix(HTML)
    if tag == "input":
        return [] if node.attrib.keys() <= {"type", "disabled", "checked"} else ["an own input"]
    found = [] if tag in tags | {"div", "input"} else [f"<{tag}>"]
    found += [name for name in node.attrib if name not in ATTRIBUTES.split()]
    return found + [
        f"{name}={value}" for name, value in node.attrib.items() if _is_script(name, value)
    ]


def _is_script(name: str, value: str) -> bool:
    """Whether a browser would run the address as a script. It ignores control characters."""
    if name not in ("href", "src", "cite", "srcset"):
        return False
    bare = "".join(char for char in value if char > " ")
    return urlsplit(bare).scheme not in ("", "http", "https", "mailto")


def render(source: str, trust: str) -> str:
    try:
        return markup.render(source, trust=trust).html
    except TooMuch:
        return ""


@pytest.mark.parametrize(
    "way",
    [way if way in QUICK_WAYS else pytest.param(way, marks=pytest.mark.slow) for way in WAYS_IN],
)
def test_no_attack_vector_survives(way):
    for vector in VECTORS:
        source = WAYS_IN[way].format(vector)
        assert not faults(render(source, "author"), AUTHOR_TAGS), source
        assert not faults(render(source, "guest"), GUEST_TAGS), source


def test_the_checker_detects_forbidden_html():
    assert faults("<script>x</script>", AUTHOR_TAGS) == ["<script>"]
    assert faults("<p onclick=x>", AUTHOR_TAGS) == ["onclick"]
    assert faults('<a href="java\tscript:x">', AUTHOR_TAGS) == ["href=java\tscript:x"]
    assert faults("<math><mi href=x></math>", AUTHOR_TAGS) == ["href"]
    assert faults("<input value=x>", AUTHOR_TAGS) == ["an own input"]
    assert faults("<math><annotation-xml></math>", AUTHOR_TAGS)
    assert faults("<svg></svg>", AUTHOR_TAGS)


FRAGMENTS = [*VECTORS, "$", "$$", "`", "```", "|", "\n", "\n\n", "- [x] ", "[^1]", "[^1]: ", "# "]
FRAGMENTS += [
    "**",
    "_",
    "[",
    "](",
    ")",
    "<",
    ">",
    '"',
    "'",
    "&#",
    ";",
    "中",
    "。",
    '<div title="',
    " ",
]
typed = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=12).map("".join)


@given(typed)
def test_no_combination_of_fragments_is_dangerous(source):
    assert not faults(render(source, "author"), AUTHOR_TAGS)
    assert not faults(render(source, "guest"), GUEST_TAGS)


@given(typed)
def test_rendered_html_is_canonical(source):
    """The step after the sanitiser relies on balanced tags in canonical form."""
    html = render(source, "author")
    for tag in ("div", "table", "span", "p", "a", "label", "pre"):
        assert html.count(f"<{tag}>") + html.count(f"<{tag} ") == html.count(f"</{tag}>")


@given(typed, st.dictionaries(st.sampled_from(["/x", "x", "y"]), st.sampled_from(VECTORS)))
def test_a_mapped_link_is_as_safe_as_a_written_one(source, links):
    html = markup.render(f"[a](/x) ![b](x) <a href=y>c</a>\n\n{source[:200]}", links).html
    assert not faults(html, AUTHOR_TAGS)


def test_a_guest_gets_neither_pictures_nor_tables_nor_html():
    html = render(
        "![a](/x.png) <b>b</b>\n\n| a |\n|---|\n| b |\n\n# c\n\n$x$[^1]\n\n[^1]: n", "guest"
    )
    for tag in ("<img", "<b>", "<table", "<h1", "<h2", "<math", "<sup", "id="):
        assert tag not in html


def test_a_guest_s_links_have_nofollow():
    assert 'rel="nofollow ugc noopener"' in render("[x](https://example.org)", "guest")
    assert "rel=" not in render("[x](https://example.org)", "author")


def test_styles_and_scripts_are_removed_with_their_content():
    html = render(
        "<style>\n\np { color: red }\n\n</style>\n\n<script>\nvar x = 1;\n</script>\n\ntext",
        "author",
    )
    assert html.strip() == "<p>text</p>"


def test_an_author_s_html_is_kept():
    source = '<details open><summary lang="en">a</summary>\n\n**b**\n\n</details>'
    assert render(source, "author").count("<strong>") == 1
    assert '<details open=""><summary lang="en">a</summary>' in render(source, "author")


def test_a_frame_becomes_a_link():
    html = render('<iframe width="9" src="https://video.example/1?a=1&amp;b=2"></iframe>', "author")
    assert '<a href="https://video.example/1?a=1&amp;b=2">' in html


def test_noscript_content_is_shown():
    assert "<img" in render(
        '<div><noscript>\n<img alt="a" src="/a.png">\n</noscript></div>', "author"
    )


def test_ids_in_a_text_have_a_prefix():
    html = render('<p id="main">x</p>\n\n# main\n\n<a name="main"></a> [up](#main)', "author")
    assert html.count('"u-main"') == 3
    assert 'href="#u-main"' in html
    assert '"main"' not in html


def test_only_known_classes_are_kept():
    html = render(
        '<p class="site-header highlight x">a</p><span class="k admin">b</span>', "author"
    )
    assert 'class="highlight"' in html
    assert 'class="k"' in html
    assert "admin" not in html
    assert "site-header" not in html


@pytest.mark.parametrize(
    "address", ["https:far.org/x.png", "/\\far.org/x.png", "ht&#10;tps:far.org/x"]
)
def test_no_form_of_an_external_address_is_requested_by_a_browser(address):
    assert "<img" not in render(f'<img src="{address}">', "author")
    assert "<img" in render('<img src="/media/x.png">', "author")
