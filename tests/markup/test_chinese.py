"""Markdown in Chinese text: emphasis, line breaks and bare URLs."""

import re

import pytest

from blog.markup import render


def html(source: str) -> str:
    return render(source).html.strip().removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(
    ("source", "bold"),
    [
        ("**重点。**后文", "重点。"),
        ("这是**「重点」**吗", "「重点」"),
        ("**“引”**字", "“引”"),
        ("他说**“引”**字", "“引”"),
        ("前**（括号）**后", "（括号）"),
        ("使用**`code`**函数", "<code>code</code>"),
        ("使用**foo()**函数", "foo()"),
        ("**注意：**English", "注意："),
        ("English**，标点**后", "，标点"),
        ("前文**[链](/x)**后", '<a href="/x">链</a>'),
        ("**一**、**二**，**三**", "二"),
        ("**《书》**，**「话」**", "「话」"),
        ("**あ。**い", "あ。"),
        ("**100%**的", "100%"),
        ("……**重点**……", "重点"),
        ("——**「重点」**——", "「重点」"),
    ],
)
def test_double_stars_next_to_full_width_punctuation_are_bold(source, bold):
    assert f"<strong>{bold}</strong>" in html(source)
    assert "*" not in html(source)


@pytest.mark.parametrize("source", ["前*「斜」*后", "前***「重」***后", "前~~「删」~~后"])
def test_other_emphasis_works_next_to_full_width_punctuation(source):
    assert not re.search(r"[*~]", html(source))


@pytest.mark.parametrize(
    "source", ["2 * 3 * 4", "中 ** 文 **", "a*“b”*", "参数_名称_后", "snake_case_x"]
)
def test_other_stars_are_not_emphasis(source):
    assert html(source) == source


@pytest.mark.parametrize(
    ("source", "joined"),
    [
        ("一行\n二行", "一行二行"),
        ("逗号，\n后文", "逗号，后文"),
        ("前文\n「引」", "前文「引」"),
        ("他说\n“引”", "他说“引”"),
        ("**一行**\n二行", "<strong>一行</strong>二行"),
        ("一行[^1]\n二行\n\n[^1]: 注", "二行"),
        ("ひらがな\nカタカナ", "ひらがなカタカナ"),
    ],
)
def test_a_line_break_between_han_characters_is_not_a_space(source, joined):
    assert joined in html(source)
    assert "\n二" not in html(source)


@pytest.mark.parametrize(
    "source",
    ["中文\nEnglish", "English\n中文", "one\ntwo", "한국어\n문장", "“a”\n“b”", "一\n`二`x"],
)
def test_a_line_break_elsewhere_is_a_space(source):
    assert "\n" in render(source).html.strip() or "二</code>x" in html(source)


def test_a_hard_break_between_han_characters_is_kept():
    assert html("一行  \n二行") == "一行<br>\n二行"


@pytest.mark.parametrize("mark", "，。）、；：！？」』】》〉〕…—”’　（「")
def test_a_bare_url_ends_before_full_width_punctuation(mark):
    made = html(f"见 https://example.org/a?b=c{mark}后文 mailto:a@example.org{mark}后")
    assert f'<a href="https://example.org/a?b=c">https://example.org/a?b=c</a>{mark}后文' in made
    assert f">mailto:a@example.org</a>{mark}" in made or f">a@example.org</a>{mark}" in made


def test_a_bare_url_may_contain_han_characters_in_its_path():
    made = html("https://zh.wikipedia.org/wiki/异步 是")
    assert 'href="https://zh.wikipedia.org/wiki/%E5%BC%82%E6%AD%A5"' in made


def test_a_host_ends_before_a_han_character():
    assert html("去https://example.org看看").startswith('去<a href="https://example.org">')
    assert 'href="https://xn--fsqu00a.xn--0zwm56d/"' in html("https://例子.测试/")


def test_file_names_are_not_linked():
    assert "<a" not in html("main.rs README.md example.com user@example.org ftp://x.org //x.org")


def test_markdown_below_a_single_br_is_rendered():
    assert "<strong>重点。</strong>" in html("<br>\n**重点。**  \n后文")
