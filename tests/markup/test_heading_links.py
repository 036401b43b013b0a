"""Headings that link to themselves."""

import re

import html5lib
import pytest

from blog.markup import render
from blog.markup.heading_links import link_headings

LABEL = "Link to this section"


def linked(source: str) -> str:
    return link_headings(render(source).html, LABEL)


def test_a_heading_links_to_itself_and_its_text_occurs_once() -> None:
    html = linked("## Two words\n\nText.")
    assert html.startswith(
        '<h2 id="u-two-words"><a class="heading-link" href="#u-two-words">Two words</a></h2>'
    )
    assert html.endswith("<p>Text.</p>\n")


def test_every_heading_of_the_outline_gets_a_link() -> None:
    source = "## One\n\n### 二\n\n## *Three* `code`\n\n## [Linked](https://example.org)\n\n## One"
    targets = re.findall(r'class="heading-link" href="#([^"]*)"', linked(source))
    assert targets == [id for _, id, _ in render(source).outline]


def test_a_heading_with_a_link_gets_a_link_of_its_own_with_a_name() -> None:
    html = linked("## See [this](https://example.org)[^1]\n\n[^1]: A note.")
    heading = html.partition("</h2>")[0]
    assert heading.endswith(f'<a class="heading-link" href="#u-see-this" aria-label="{LABEL}"></a>')
    assert heading.count(LABEL) == 1


def test_an_abbreviation_in_a_heading_is_no_link() -> None:
    html = linked('## What <abbr title="HyperText">HTML</abbr> is')
    assert html.startswith('<h2 id="u-what-html-is"><a class="heading-link" ')
    assert html.rstrip().endswith("</abbr> is</a></h2>")


@pytest.mark.parametrize(
    "source",
    [
        "<h2>without an id</h2>",
        '`<h2 id="u-x">code</h2>`',
        '```html\n<h2 id="u-x">code</h2>\n```',
        "<p title='<h2 id=\"u-x\">title</h2>'>text</p>",
        "<h2 id='x'></h2>",
        "Just text.",
    ],
)
def test_nothing_else_becomes_a_link(source: str) -> None:
    assert linked(source) == render(source).html


@pytest.mark.parametrize(
    "source",
    [
        '<h3 lang="zh" id="own" title="a > b">自己的</h3>',
        "## <script>alert(1)</script> & <b>bold",
        '## {#"><img src=x onerror=alert(1)>}',
        "<h2 id='\"><svg onload=alert(1)>'>x</h2>",
        "## a\n<h2 id=b>nested <h3 id=c>deeper</h3></h2>",
    ],
)
def test_the_result_is_well_formed(source: str) -> None:
    plain, html = render(source).html, linked(source)
    parser = html5lib.HTMLParser()
    before, after = (parser.parseFragment(each) for each in (plain, html))
    assert "".join(after.itertext()) == "".join(before.itertext())
    tags = sorted(str(each.tag) for each in before.iter())
    assert (
        sorted(
            str(each.tag)
            for each in after.iter()
            if "heading-link" not in str(each.attrib.get("class"))
        )
        == tags
    )
    assert not re.search(r"<(svg|script)|onerror=[^&]*>[^<]*<img", html)
