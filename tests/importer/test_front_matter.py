"""Tests of parsing front matter, dates and address patterns of old blogs."""

import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog.importer.addresses import permalinks
from blog.importer.source import dates
from blog.importer.source.fields import Fields
from blog.importer.source.front_matter import split

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "shape", "title", "body"),
    [
        ("---\ntitle: A\n---\nB", "yaml", "A", "B"),
        ("---\r\ntitle: A\r\n--- \r\n\r\nB\r\n", "yaml", "A", "\r\nB\r\n"),
        ("---\ntitle: A\n...\nB", "yaml", "A", "B"),
        ("---\n---\nB", "yaml", None, "B"),
        ('+++\ntitle = "A"\n+++\n\nB', "toml", "A", "\nB"),
        ('{"title": "A"}\n\nB', "json", "A", "\nB"),
        ("Title: A\nDate: 2020-01-01\n\nB", "headers", "A", "B"),
        ("Title: A\nSummary: one\n    two\n\nB", "headers", "A", "B"),
        ("title: A\ntags:\n- x\n---\nB", "yaml", "A", "B"),
        ("# A\n\nB", "none", None, "# A\n\nB"),
        ("---\njust a text between rules\n---\nB", "none", None, None),
        ("Note: this is no title\n\nB", "none", None, None),
        ("--- \n", "none", None, "--- \n"),
    ],
)
def test_front_matter_of_every_format_is_split_from_the_text(
    text: str, shape: str, title: str | None, body: str | None
) -> None:
    result = split(text)
    assert (result.shape, result.fault) == (shape, "")
    assert result.body == (text if body is None else body)
    assert Fields(result.fields).text("title") == (title or "")


def test_values_stay_the_same_strings() -> None:
    result = split("---\ntags: [1.10, yes, 0x1f, 2020-01-01, 12:30]\nnothing: ~\nno: 'null'\n---\n")
    assert result.fields["tags"] == ["1.10", "yes", "0x1f", "2020-01-01", "12:30"]
    assert result.fields["nothing"] is None
    assert result.fields["no"] == "null"


def test_invalid_yaml_is_reported_and_read_line_by_line() -> None:
    result = split("---\ntitle: A: b\ntags:\n  - x\n  - y\nweird: [open\n---\nText")
    assert "mapping values" in result.fault
    assert result.fields == {"title": "A: b", "tags": ["x", "y"], "weird": "[open"}
    assert result.body == "Text"


def test_a_draft_with_invalid_front_matter_stays_a_draft() -> None:
    indented = split("---\ntitle: A\n\tdraft: true\n---\nText")
    assert indented.fault and indented.fields == {"title": "A", "draft": "true"}
    unclosed = split("---\ntitle: A\ndraft: true\n\nText")
    assert unclosed.fault and unclosed.fields == {"title": "A", "draft": "true"}
    assert unclosed.body == "\nText"


def test_invalid_toml_is_reported_and_read_line_by_line() -> None:
    result = split('+++\ntitle = "A"\nweird = \n+++\nText')
    assert result.fault and result.fields == {"title": "A"}


@pytest.mark.parametrize(
    "block",
    [
        "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n"
        + "".join(
            f"{chr(c + 1)}: &{chr(c + 1)} [{', '.join(['*' + chr(c)] * 8)}]\n"
            for c in range(98, 110)
        ),
        "a: &a\n  b: *a\n",
        pytest.param("title: x\na: " + "[" * 5000 + "\n", marks=pytest.mark.slow),
        "title: x\nrun: !!python/object/apply:os.system ['true']\n",
    ],
    ids=["laughs", "itself", "deep", "python"],
)
def test_malicious_front_matter_is_harmless(block: str) -> None:
    result = split(f"---\n{block}---\nText")
    assert result.body.endswith("Text")
    assert len(str(result.fields)) < 100_000


def test_an_unknown_yaml_tag_is_ignored() -> None:
    assert split("---\ntitle: !ruby/object:Foo bar\n---\n").fields["title"] == "bar"


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "---",
            "+++",
            "{",
            "}",
            "...",
            "title: x",
            "title = 'x'",
            "Title: y",
            "- a",
            "&a *a",
            "[",
            "\t",
        ]
        + ["\n"] * 8
        + [
            "\r\n",
            "!!timestamp 2020-99-99",
            "!!int x",
            "? :",
            "<<: 1",
            "\0",
            "你好",
            ": :",
            "'",
            '"',
        ]
    )
    | st.text(alphabet=string.printable, max_size=8)
)


@given(FRAGMENTS.map("".join))
def test_any_text_is_split_without_an_error(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\nB", f"+++\n{text}\n+++\nB"):
        result = split(whole)
        assert whole.endswith(result.body)


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2020-01-02", "2020-01-01T16:00:00+00:00"),
        ("2020-01-02 03:04", "2020-01-01T19:04:00+00:00"),
        ("2020-1-2 3:04:05", "2020-01-01T19:04:05+00:00"),
        ("2020/01/02", "2020-01-01T16:00:00+00:00"),
        ("2020年1月2日", "2020-01-01T16:00:00+00:00"),
        ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05+00:00"),
        ("2020-01-02 03:04:05.123 -0500", "2020-01-02T08:04:05.123000+00:00"),
        ("2020-01-02 03:04:05+09:30", "2020-01-01T17:34:05+00:00"),
        ("2020-01-02 03:04 Europe/Paris", "2020-01-02T02:04:00+00:00"),
        ("Thu, 02 Jan 2020 03:04:05 -0700", "2020-01-02T10:04:05+00:00"),
    ],
)
def test_a_date_without_a_time_zone_is_in_the_time_zone_of_the_blog(
    typed: str, moment: str
) -> None:
    parsed = dates.parse(typed, SHANGHAI)
    assert parsed and parsed.astimezone(UTC).isoformat() == moment


@pytest.mark.parametrize("typed", ["", None, "soon", "2020-02-30", "0001-01-01", "99999-1-1", {}])
def test_an_invalid_date_is_none(typed: object) -> None:
    assert dates.parse(typed, UTC) is None


@given(st.text(max_size=40) | st.from_regex(dates.DATE_TIME))
def test_any_text_is_parsed_as_a_date_without_an_error(typed: str) -> None:
    parsed = dates.parse(typed, UTC)
    assert parsed is None or parsed.tzinfo is not None


NAMES = {"title": "a-title", "slug": "s", "categories": "", "name": "n"}
DATE = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/:year/:month/:day/:title/", "/2020/01/02/a-title/"),
        ("/:categories/:short_year/:i_month/:title.html", "/20/1/a-title.html"),
        ("date", "/2020/01/02/a-title.html"),
        ("pretty", "/2020/01/02/a-title/"),
        ("/p/:slug:output_ext", "/p/s.html"),
        (":y_day/:name", "/002/n"),
    ],
)
def test_a_pattern_is_expanded_to_an_address(pattern: str, path: str) -> None:
    assert permalinks.expand(permalinks.check(pattern), DATE, NAMES) == path


def test_an_unknown_placeholder_in_a_pattern_is_named() -> None:
    with pytest.raises(permalinks.BadPattern, match=":monht"):
        permalinks.check("/:year/:monht/:title/")


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("2022/01/02/Rust-1.0", "/2022/01/02/Rust-1.0"),
        ("/a//b/../c/", "/a/c/"),
        ("https://old.example/%E4%BD%A0/?x#y", "/你/"),
        ("/", None),
        ("http://[broken", None),
        ("/a%0Ab", None),
        ("/" + "a" * 600, None),
    ],
)
def test_an_address_is_cleaned_to_a_path(typed: str, path: str | None) -> None:
    assert permalinks.clean(typed) == path
