"""Rendering of Markdown: elements, ids, links, pictures, plain text, excerpts and slugs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from blog.markup import Rendered, chinese, excerpt, render, slugify
from blog.markup.highlight import CLASSES
from tests.support.paths import ROOT


def html(source: str, links: dict[str, str] | None = None) -> str:
    return render(source, links).html.strip()


def test_a_paragraph_is_a_paragraph():
    assert html("Hello *there*,\n**you**.") == "<p>Hello <em>there</em>,\n<strong>you</strong>.</p>"


def test_a_table_can_be_scrolled_and_keeps_its_alignment():
    made = html("| a | b |\n|--:|:-:|\n| 1 | 2 |")
    assert made.startswith('<div class="table-scroll" tabindex="0"><table>')
    assert '<td class="align-right">1</td>\n<td class="align-center">2</td>' in made
    assert made.endswith("</table></div>")


def test_a_task_list_has_disabled_checkboxes():
    made = html("- [x] done **well**\n- [ ] to do\n- [y] no task")
    assert (
        '<label><input type="checkbox" disabled checked> done <strong>well</strong></label>' in made
    )
    assert '<label><input type="checkbox" disabled> to do</label>' in made
    assert "<li>[y] no task</li>" in made


def test_a_footnote_links_to_its_text_and_back():
    made = html("a[^x] b[^x]\n\n[^x]: note")
    assert '<a href="#u-fn1" id="u-fnref1">[1]</a>' in made
    assert '<li id="u-fn1" class="footnote-item">' in made
    assert 'href="#u-fnref1"' in made


def test_strikethrough_and_a_hard_break():
    assert html("~~a~~\\\nb") == "<p><s>a</s><br>\nb</p>"


def test_headings_get_ids_and_an_outline():
    rendered = render("## One `x` [y](/z)\n\n### 中文 标题\n\n## One x y\n\n## ?!")
    assert rendered.outline == [
        (2, "u-one-x-y", "One x y"),
        (3, "u-中文-标题", "中文 标题"),
        (2, "u-one-x-y-1", "One x y"),
        (2, "u-section", "?!"),
    ]
    for level, id, _ in rendered.outline:
        assert f'<h{level} id="{id}">' in rendered.html


@given(st.lists(st.sampled_from(["a", "a 1", "A", "a-1", "a-1-1", "中", "?"]), max_size=30))
def test_no_two_headings_share_an_id(titles):
    ids = [id for _, id, _ in render("\n\n".join(f"## {title}" for title in titles)).outline]
    assert len(set(ids)) == len(titles)


def test_a_thousand_equal_headings_get_unique_ids():
    assert render("## a\n\n" * 1000).outline[-1] == (2, "u-a-999", "a")


def test_a_heading_can_set_its_own_id():
    rendered = render("## Why? {#why}\n\nsee [there](#why)")
    assert rendered.outline == [(2, "u-why", "Why?")]
    assert 'href="#u-why"' in rendered.html


def test_headings_move_down_a_level_if_a_text_has_an_h1():
    rendered = render("# a\n\n## b\n\n###### c\n\n<h1>d</h1>")
    assert [level for level, _, _ in rendered.outline] == [2, 3, 6]
    assert "<h1" not in rendered.html
    assert render("## a").outline[0][0] == 2


def test_code_in_a_known_language_is_highlighted():
    assert '<code class="language-python"><span class="k">def</span>' in html(
        "```python\ndef f(): 0\n```"
    )
    assert '<code class="language-rust">' in html("```rust,ignore\nfn f() {}\n```")
    assert html("```nonsense\na<b\n```").endswith("<code>a&lt;b\n</code></pre>")
    assert html("    indented").endswith("<code>indented\n</code></pre>")


PLAIN = {
    "n",
    "nx",
    "x",
    "py",
    "w",
    "esc",
    "g",
}  # names, spaces, and classes that our lexers do not use


def test_the_stylesheet_has_every_class_of_highlighted_code():
    sheet = (ROOT / "static/css/code.css").read_text()
    assert set(re.findall(r"\.([a-z0-9]+)\b", sheet)) >= CLASSES - PLAIN


def test_very_long_code_is_not_highlighted():
    assert "<span" not in html("```python\n" + "x = 1\n" * 10_000 + "```")


def test_math_is_rendered_as_mathml():
    made = html("$x^2$ and\n\n$$\n\\frac{a}{b}\n$$")
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><msup>' in made
    assert 'display="block"><mrow><mfrac>' in made
    assert "data-made" not in made


@pytest.mark.parametrize("end", ["1", "￥5", "\\\\"])
def test_math_at_the_start_of_a_paragraph_is_recognized(end):
    assert html(f"$x$ 等于{end}").startswith("<p><math")


@pytest.mark.parametrize("text", ["把$PATH和$HOME", "$A and ${B}", "from $a to $b_c"])
def test_shell_variables_are_not_formulas(text):
    assert html(text) == f"<p>{text}</p>"


def test_amounts_of_money_are_not_formulas():
    assert html("from $5 to $6, and US$20 (HK$156)") == "<p>from $5 to $6, and US$20 (HK$156)</p>"


@pytest.mark.parametrize("latex", [r"\frac{a}", r"a_b_c", r"\newcommand{\a}{b}\a", "{" * 2000])
def test_invalid_math_shows_its_source(latex):
    assert f"<code>{latex}</code>" in html(f"a ${latex}$ b")


FORMULAS = r"""
x^2 \quad a_{ij} \quad x_i^2 \quad {}_a \quad f'(x) \quad x'^2 \quad \sqrt[3]{x} \quad \sqrt{x}
\sum_{i=0}^n i \quad \int_0^\infty e^{-x}\,dx \quad \lim_{x \to 0} f(x) \quad \prod \nolimits_a
\begin{pmatrix} a & b \\ c & d \end{pmatrix} \quad \begin{cases} 1 & x > 0 \\ 0 \end{cases}
\binom{n}{k} \quad \overline{AB} \quad \hat{x} \quad \vec{v} \quad \underbrace{a+b}_{c}
\mathbb{R} \quad \left( \frac{1}{2} \right) \quad \text{若 } x \in A \quad \operatorname{argmax}_x
\boxed{x}
\begin{aligned} a &= b \\ &= c \end{aligned} \quad \xrightarrow{f} \quad \dfrac{a}{b} \quad \pmod{n}
"""


@pytest.mark.parametrize("latex", re.split(r"\\quad|\n", FORMULAS.strip()))
def test_common_formulas_are_rendered(latex):
    made = html(f"${latex.strip()}$")
    assert made.startswith("<p><math")
    assert latex.count("\\text") == made.count("<mtext")


def test_math_escaped_for_a_client_side_renderer_is_rendered():
    assert '<mo stretchy="false">{</mo>' in html(r"$\\{0, 1\\}$")


def test_pictures_are_loaded_lazily():
    assert (
        html("![a](/b.png)") == '<p><img src="/b.png" alt="a" loading="lazy" decoding="async"></p>'
    )
    assert 'loading="lazy"' in html('<img src="/b.png" loading="eager">')


def test_our_own_picture_has_its_size_and_a_narrow_version():
    address = "/media/ab/abc.png"
    made = render(f"![]({address})", sizes={address: (1600, 900)}).html
    assert 'width="1600" height="900"' in made
    assert f'srcset="/media/ab/abc-960.webp 960w, {address} 1600w"' in made
    assert "srcset" not in render(f"![]({address})", sizes={address: (960, 900)}).html


def test_links_are_mapped_as_written_in_the_source():
    links = {"@/other.md": "/posts/other", "图 1.png": "/media/aa/a.png", "b%20c.md": "/c"}
    made = html(
        '[a](@/other.md) ![](<图 1.png>) <a href="b c.md">c</a> <img src="图%201.png">', links
    )
    assert '<a href="/posts/other">a</a>' in made
    assert made.count('src="/media/aa/a.png"') == 2
    assert '<a href="/c">c</a>' in made


def test_a_mapped_link_keeps_its_fragment():
    assert 'href="/posts/x#u-part"' in html("[a](./x.md#part)", {"./x.md": "/posts/x"})
    assert 'href="/y"' in html("[a](./x.md#part)", {"./x.md": "/posts/x", "./x.md#part": "/y"})


def test_a_mapped_link_cannot_be_a_script():
    assert "javascript" not in html("[a](/x)", {"/x": "java\nscript:alert(1)"})


def test_pictures_and_links_of_a_text_are_listed():
    rendered = render(
        '[a](/x) <a href="/y?a=1&amp;b">b</a> ![c](/z.png) [d](#here)', {"/x": "/new"}
    )
    assert rendered.links == ["/new", "/y?a=1&b"]
    assert rendered.pictures == ["/z.png"]


def test_the_plain_text_is_what_a_reader_sees():
    raw = '<div title="no > no">e</div><style>no</style>'
    source = f"# T\n\na *b*[^1]\n\n- c &amp; d\n\n{raw}\n\n[^1]: f"
    assert render(source).text == "T\na b\nc & d\ne\nf"


def test_words_are_latin_words_and_han_characters():
    rendered = render("Sanic's `async` 框架，很快。")
    assert rendered.words == 2 + 4
    assert rendered.minutes == 1
    assert render("字" * 4000).minutes == 10
    assert render("word " * 2300).minutes == 10


def test_a_rendered_text_can_be_stored_as_json():
    rendered = render("# 标题\n\n[a](/b) ![](/c)")
    assert Rendered.from_json(rendered.to_json()) == rendered


def test_an_excerpt_ends_between_words():
    assert excerpt("one two three", 9) == "one two…"
    assert excerpt("one two", 9) == "one two"
    assert excerpt("阻塞和异步，不是一回事", 6) == "阻塞和异步…"
    assert excerpt("用 Sanic 写博客", 6) == "用…"
    assert excerpt("a\n\n b") == "a b"
    assert excerpt("x" * 200, 10) == "x" * 9 + "…"


@given(st.text(), st.integers(2, 50))
def test_an_excerpt_is_never_too_long(text, length):
    assert len(excerpt(text, length)) <= length


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Sanic 与 异步", "sanic-yu-yi-bu"),
        ("重复的重点", "chong-fu-de-zhong-dian"),
        ("Café — naïve, isn't it?", "cafe-naive-isnt-it"),
        ("ＷＳＧＩ", "wsgi"),
        ("？！", "post"),
        ("", "post"),
    ],
)
def test_a_slug_is_plain_ascii(title, slug):
    assert slugify(title) == slug


@given(st.text())
def test_a_slug_is_always_an_address(title):
    slug = slugify(title)
    assert 1 <= len(slug) <= 80
    assert slug.isascii()
    assert slug == slug.lower().strip("-")
    assert slug.replace("-", "").isalnum()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])))
def test_any_text_can_be_rendered(source):
    assert isinstance(render(source), Rendered)
    assert isinstance(render(source, trust="guest"), Rendered)


def test_a_lone_surrogate_is_rendered():
    assert html("a \ud83d b") == "<p>a ? b</p>"


LATIN = st.text(
    st.sampled_from("aB1 *_~`[]()!<>&;#-+.\"'\\\n\u00a0\u201c\u2019\u2026\u00fc"), max_size=60
)


@given(LATIN)
def test_text_without_han_is_rendered_as_by_commonmark(source):
    ours = MarkdownIt("commonmark")
    ours.inline = chinese.ChineseInlineParser()
    ours.inline.ruler.disable(["linkify", "strikethrough"])
    ours.core.ruler.push("join_lines", chinese.join_lines)
    assert ours.render(source) == MarkdownIt("commonmark").render(source)


@pytest.mark.parametrize("source", ["# Tea *time*\n\nHot.", "Tea time\n===\n\nHot."])
def test_a_leading_heading_equal_to_the_title_is_removed(source):
    rendered = render(source, title="Tea time")
    assert (rendered.html.strip(), rendered.outline) == ("<p>Hot.</p>", [])


def test_a_heading_other_than_the_title_is_kept():
    rendered = render("# Coffee\n\n## Tea time", title="Tea time")
    assert [text for _, _, text in rendered.outline] == ["Coffee", "Tea time"]


def test_a_link_with_a_jekyll_tag_is_mapped_to_the_post():
    links = {"{% post_url 2020-01-01-tea %}": "/posts/tea"}
    html = render("[Tea]({% post_url 2020-01-01-tea %}#hot)", links).html
    assert html == '<p><a href="/posts/tea#hot">Tea</a></p>\n'
