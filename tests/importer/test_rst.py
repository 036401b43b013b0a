"""Tests of converting reStructuredText to Markdown, without reading files or passing HTML."""

from pathlib import Path

import pytest

from blog.importer.rst.converter import ConvertedDocument, to_markdown
from blog.markup import render


def markdown(text: str) -> str:
    return to_markdown(text).markdown


def losses(document: ConvertedDocument) -> str:
    return "\n".join(message % params for message, params in document.losses)


@pytest.mark.parametrize(
    ("restructured", "expected"),
    [
        ("*a* **b** ``c``", "*a* **b** `c`"),
        ("``a`b``", "``a`b``"),
        (r"2 * 3 [x] _y_ <b> $5 \\", r"2 \* 3 \[x\] \_y\_ \<b> \$5 \\"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("`site <http://a.example/x>`_", "[site](http://a.example/x)"),
        ("http://a.example/x", "<http://a.example/x>"),
        ("H\\ :sub:`2`\\ O", "H<sub>2</sub>O"),
        (":math:`x^2`", "$x^2$"),
        ("* a\n\n  * b\n\n* c", "- a\n  - b\n- c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("* a\n\n  b", "- a\n\n  b"),
        ("term\n   what it is", "**term**\n\nwhat it is"),
        ("text::\n\n   code  here", "text:\n\n```\ncode  here\n```"),
        (".. code-block:: python\n   :linenos:\n\n   x = 1", "```python\nx = 1\n```"),
        (".. code:: text\n\n   ```", "````text\n```\n````"),
        ("    quoted\n\n    -- Me", "> quoted\n>\n> — Me"),
        (".. note:: Take care.", "> **Note**\n>\n> Take care."),
        (".. note:: 这里要小心，不然会出错。", "> **注意**\n>\n> 这里要小心，不然会出错。"),
        (".. image:: a b.png\n   :alt: An *x*", r"![An \*x\*](ab.png)"),
        (".. math::\n\n   x = 1", "$$\nx = 1\n$$"),
        ("| one\n|   two", "one\\\n&emsp;two"),
        ("a\n\n----\n\nb", "a\n\n***\n\nb"),
        (">>> 1 + 1\n2", "```pycon\n>>> 1 + 1\n2\n```"),
        ("say |it|\n\n.. |it| replace:: *that*", "say *that*"),
        ("Note [1]_\n\n.. [1] Said so.", "Note [^1]\n\n[^1]: Said so."),
        ("- 1\n\n.. comment", "- 1"),
        ("See `Here`_.\n\nHere\n====\n\nx", "See [Here](#u-here).\n\n## Here\n\nx"),
        (":a: b", "- **a:** b"),
        ("-x  what", "- `-x` what"),
        (
            "para one\n\\# not a heading\n1\\. not a list",
            "para one\n\\# not a heading\n1\\. not a list",
        ),
    ],
)
def test_each_element_is_converted(restructured: str, expected: str) -> None:
    assert markdown(f"First.\n\n{restructured}\n\nLast.") == f"First.\n\n{expected}\n\nLast.\n"


def test_a_simple_table_becomes_a_pipe_table() -> None:
    table = "===  ===\nA    B\n===  ===\n1    x|y\n===  ===\n"
    assert markdown(table) == "| A | B |\n| --- | --- |\n| 1 | x\\|y |\n"


def test_a_table_with_spans_keeps_its_cells_and_reports_losses() -> None:
    table = (
        "+---+---+\n| a | b |\n+===+===+\n| over  |\n+---+---+\n| l | x |\n"
        "|   |   |\n|   | y |\n+   +---+\n|   | z |\n+---+---+\n"
    )
    document = to_markdown(table)
    assert document.markdown.splitlines()[2:] == ["| over |  |", "| l | x<br>y |", "|  | z |"]
    assert "span several" in losses(document) and "more than one paragraph" in losses(document)


def test_adjacent_lists_stay_separate() -> None:
    html = render(markdown("1. a\n2. b\n\na) c\nb) d\n")).html
    assert html.count("<ol>") == 2


def test_title_and_fields_become_front_matter() -> None:
    document = to_markdown("Title\n=====\n\n:date: 2020-01-01\n:tags: a, b\n\nText.\n")
    assert (document.title, document.fields) == ("Title", {"date": "2020-01-01", "tags": "a, b"})
    assert document.markdown == "Text.\n"


def test_no_file_is_read_and_no_html_is_passed_through(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden words")
    document = to_markdown(
        f".. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n"
        f".. csv-table::\n   :file: {secret}\n\n.. literalinclude:: {secret}\n\n"
        ".. raw:: html\n\n   <script>alert(1)</script>\n"
    )
    assert "hidden words" not in document.markdown
    assert "<script>" not in render(document.markdown).html
    for directive in ("include", "raw", "csv-table"):
        assert f'"{directive}" directive' in losses(document)


def test_an_unknown_directive_becomes_code_and_is_reported() -> None:
    document = to_markdown("Before.\n\n.. youtube:: abc123\n\nAfter.\n")
    assert "```rst\n.. youtube:: abc123\n```" in document.markdown
    assert 'Unknown directive type "youtube"' in losses(document)


def test_markdown_syntax_in_plain_text_is_escaped() -> None:
    text = "2 < 3 & a_b *\\ [x](y) ![z] $a$ ~~b~~ `\n+ plus\n> more\n--- dashes &copy;"
    html = render(markdown(f"{text}\n")).text
    for piece in ("[x](y)", "![z]", "$a$", "~~b~~", "+ plus", "> more", "&copy;"):
        assert piece in html


@pytest.mark.parametrize(
    "text", ["", "\n\n", "=====\n", "|x", ".. [1]\n", "`", "\x0c", "a\n=\nb\n-\n"]
)
def test_odd_texts_are_converted_without_an_error(text: str) -> None:
    assert isinstance(to_markdown(text).markdown, str)
