"""No text may hold up the house: every rule is bounded."""

import time
from contextlib import suppress

import pytest

from blog.markup import TooMuch, render
from blog.markup.limits import MAX_SOURCE

PATIENCE = 20  # seconds, for what takes a tenth of one: only a rule that has gone wild fails


def test_a_text_may_be_long_but_not_longer():
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
def test_more_than_a_page_can_hold_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(TooMuch, match=sentence):
        render(text)


def test_a_refusal_can_be_said_in_another_language():
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


@pytest.mark.parametrize("piece", PIECES)
def test_no_piece_repeated_takes_long(piece):
    assert seconds(piece, 15_000) < PATIENCE


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_four_times_the_text_does_not_take_sixteen_times_as_long(piece):
    assert seconds(piece, 160_000) < 11 * seconds(piece, 40_000) + 1


def test_quotations_lists_and_emphasis_within_one_another_end_somewhere():
    for text in ("> " * 5000 + "a", "- " * 5000 + "a", "*a **b " * 5000, "[" * 5000 + "]" * 5000):
        assert render(text).html.count("<") < 200_000
