"""Limits on texts, and rendering times that grow linearly."""

import time
from contextlib import suppress

import pytest

from blog.markup import TooMuch, render
from blog.markup.limits import MAX_SOURCE

TIMEOUT = 20  # seconds; normal texts take 0.1 s, so only a rule with runaway cost exceeds it


def test_a_text_has_a_maximum_length():
    assert render("a " * (MAX_SOURCE // 2)).words == MAX_SOURCE // 2
    for text in ("a" * (MAX_SOURCE + 1), "字" * (MAX_SOURCE // 3 + 1)):
        with pytest.raises(TooMuch, match="longer than 500 kB"):
            render(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# a\n\n" * 1001, "headings"),
        ("$x$ " * 1001, "formulas"),
        ("|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|\n" * 200, "cells"),
        ("|a|b|\n|-|-|\n|c|d|\n\n" * 5000, "cells"),
        ("<div>" * 200, "nested"),
        ("<div>" * 6000, "more HTML"),
    ],
)
def test_a_text_over_a_limit_is_refused_with_a_message(text, sentence):
    with pytest.raises(TooMuch, match=sentence):
        render(text)


def test_a_refusal_can_be_translated():
    with pytest.raises(TooMuch) as caught:
        render("# a\n\n" * 1001)
    assert caught.value.message == "The text has more than %(limit)s headings."
    assert caught.value.params == {"limit": 1000}


PIECES = [
    *("[", "[a](", "![", "> ", "- ", "*a ", "**a_b ", "**，a", "_a", "`a``b", "<", "<b", "</b>"),
    *("~~a", "$a", "$$a ", "\\$a$", "http://a(", "http://a.b，", "[^1]", "[^1]: a\n\n", "^[a"),
    *("字\n", "&#x", "<!--", "<![CDATA[", "<iframe ", "<noscript ", "[a]: b\n", "a  \n", "|\n"),
    *("- [x] a\n", "```\n", "<a:", "mailto:", "<a href='", '<sup class="footnote-ref">', "# a\n"),
    *("a\n=\n", "\t", "<b></b>", "<p>", "\\", "{#a}", "![a](b)", "<https://a.b>", "*a*", "&amp;"),
]


def seconds(piece: str, length: int) -> float:
    text = piece * (length // len(piece))
    started = time.process_time()
    with suppress(TooMuch):
        render(text)
    return time.process_time() - started


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_no_repeated_piece_takes_long(piece):
    assert seconds(piece, 15_000) < TIMEOUT


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_rendering_time_does_not_grow_quadratically(piece):
    assert seconds(piece, 160_000) < 11 * seconds(piece, 40_000) + 1


def test_the_nesting_of_quotations_lists_and_emphasis_is_limited():
    for text in ("> " * 5000 + "a", "- " * 5000 + "a", "*a **b " * 5000, "[" * 5000 + "]" * 5000):
        assert render(text).html.count("<") < 200_000
