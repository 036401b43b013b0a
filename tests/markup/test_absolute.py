"""Links and pictures in feeds are absolute, whatever form they have in the text."""

import html5lib
import pytest

from blog.markup import clean, render
from blog.markup.absolute import ADDRESSES, absolute_links
from blog.markup.limits import names

BASE = "https://ink.example/posts/x"
# Attributes of HTML that hold an address.
URL_ATTRIBUTES = names(
    "action background cite classid codebase data formaction href icon longdesc manifest ping "
    "poster profile src srcset usemap"
)


def test_links_and_pictures_are_absolute() -> None:
    html = (
        '<p><a href="/about">a</a> <img alt="" src="/media/aa/b.webp"> <a href="#fn1">1</a> '
        '<a href="//else.example/">b</a> <code>&lt;a href="/x"&gt;</code></p>'
    )
    assert absolute_links(html, BASE) == (
        '<p><a href="https://ink.example/about">a</a> '
        '<img alt="" src="https://ink.example/media/aa/b.webp"> '
        '<a href="https://ink.example/posts/x#fn1">1</a> '
        '<a href="https://else.example/">b</a> <code>&lt;a href="/x"&gt;</code></p>'
    )


def test_srcset_addresses_are_absolute() -> None:
    html = '<img src="/media/a.jpg" srcset="/media/a-800.webp 800w, //else.example/a 1600w">, /x'
    assert absolute_links(html, BASE) == (
        '<img src="https://ink.example/media/a.jpg" srcset="https://ink.example/media/a-800.webp'
        ' 800w, https://else.example/a 1600w">, /x'
    )


@pytest.mark.parametrize(
    ("relative", "absolute"),
    [
        ("picture.png", "https://ink.example/posts/picture.png"),
        ("./picture.png", "https://ink.example/posts/picture.png"),
        ("../x", "https://ink.example/x"),
        ("../../../x", "https://ink.example/x"),
        ("?q=1&amp;r=2", "https://ink.example/posts/x?q=1&amp;r=2"),
        ("#u-小标题", "https://ink.example/posts/x#u-小标题"),
        ("/%E5%BC%82?a=&quot;b&quot;", "https://ink.example/%E5%BC%82?a=&quot;b&quot;"),
        ("https://else.example/x", "https://else.example/x"),
        ("mailto:ann@ink.example", "mailto:ann@ink.example"),
        ("//else.example/x?y=//z", "https://else.example/x?y=//z"),
        ("/\\else.example/x", "https://else.example/x"),
        ("\\\\else.example/x", "https://else.example/x"),
        ("///else.example/x", "https://else.example/x"),
        ("//[", "//["),
        ("http://[", "http://["),
    ],
)
def test_an_address_starts_from_the_page_that_shows_the_text(relative: str, absolute: str) -> None:
    html = absolute_links(f'<a title="1 &lt; 2 > 1" href="{relative}">', BASE)
    assert html == f'<a title="1 &lt; 2 > 1" href="{absolute}">'


def test_every_attribute_with_an_address_that_the_sanitiser_allows_is_known() -> None:
    allowed = set().union(*clean.AUTHOR_ATTRIBUTES.values(), *clean.GUEST_ATTRIBUTES.values())
    assert allowed & URL_ATTRIBUTES <= ADDRESSES


@pytest.mark.parametrize("trust", ["author", "guest"])
def test_rendered_text_has_no_relative_address_left(trust: str) -> None:
    body = (
        "[a](/b) ![c](d.png) [e](../f) [g](#h)\n\n## H\n\n> [i](j)\n\n| [k](l) |\n|---|\n| x |\n\n"
        "`[m](n)` $x^2$ [o](p 'q <r> s')\n\n"
        '<a href="t" title=\'<a href="u">\'>v</a>'
    )
    html = absolute_links(render(body, trust=trust).html, BASE)
    assert [value for value in addresses_in(html) if not value.startswith("https://")] == []
    assert len(addresses_in(html)) > 3


def addresses_in(html: str) -> list[str]:
    """Return the addresses in HTML, as a browser reads it."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return [
        value
        for element in tree.iter()
        for name, value in element.attrib.items()
        if name in URL_ATTRIBUTES
    ]
