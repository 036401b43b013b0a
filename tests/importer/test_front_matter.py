"""Front matter, dates and address patterns of old blogs."""

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
def test_every_shape_is_told_from_the_text(
    text: str, shape: str, title: str | None, body: str | None
) -> None:
    found = split(text)
    assert (found.shape, found.fault) == (shape, "")
    assert found.body == (text if body is None else body)
    assert Fields(found.fields).text("title") == (title or "")


def test_values_stay_as_they_were_typed() -> None:
    found = split("---\ntags: [1.10, yes, 0x1f, 2020-01-01, 12:30]\nnothing: ~\nno: 'null'\n---\n")
    assert found.fields["tags"] == ["1.10", "yes", "0x1f", "2020-01-01", "12:30"]
    assert found.fields["nothing"] is None
    assert found.fields["no"] == "null"


def test_broken_yaml_is_reported_and_read_line_by_line() -> None:
    found = split("---\ntitle: A: b\ntags:\n  - x\n  - y\nweird: [open\n---\nText")
    assert "mapping values" in found.fault
    assert found.fields == {"title": "A: b", "tags": ["x", "y"], "weird": "[open"}
    assert found.body == "Text"


def test_a_draft_stays_one_where_its_front_matter_is_broken() -> None:
    stray = split("---\ntitle: A\n\tdraft: true\n---\nText")
    assert stray.fault and stray.fields == {"title": "A", "draft": "true"}
    unended = split("---\ntitle: A\ndraft: true\n\nText")
    assert unended.fault and unended.fields == {"title": "A", "draft": "true"}
    assert unended.body == "\nText"


def test_broken_toml_is_reported_and_read_line_by_line() -> None:
    found = split('+++\ntitle = "A"\nweird = \n+++\nText')
    assert found.fault and found.fields == {"title": "A"}


@pytest.mark.parametrize(
    "block",
    [
        "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n"
        + "".join(
            f"{chr(c + 1)}: &{chr(c + 1)} [{', '.join(['*' + chr(c)] * 8)}]\n"
            for c in range(98, 110)
        ),
        "a: &a\n  b: *a\n",
        "title: x\na: " + "[" * 5000 + "\n",
        "title: x\nrun: !!python/object/apply:os.system ['true']\n",
    ],
    ids=["laughs", "itself", "deep", "python"],
)
def test_front_matter_that_means_harm_does_none(block: str) -> None:
    found = split(f"---\n{block}---\nText")
    assert found.body.endswith("Text")
    assert len(str(found.fields)) < 100_000


def test_a_foreign_tag_is_read_without_it() -> None:
    assert split("---\ntitle: !ruby/object:Foo bar\n---\n").fields["title"] == "bar"


PIECES = st.lists(
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


@given(PIECES.map("".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\nB", f"+++\n{text}\n+++\nB"):
        found = split(whole)
        assert whole.endswith(found.body)


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
def test_a_date_is_read_in_the_blogs_zone_unless_it_names_its_own(typed: str, moment: str) -> None:
    found = dates.parse(typed, SHANGHAI)
    assert found and found.astimezone(UTC).isoformat() == moment


@pytest.mark.parametrize("typed", ["", None, "soon", "2020-02-30", "0001-01-01", "99999-1-1", {}])
def test_what_is_no_date_is_none(typed: object) -> None:
    assert dates.parse(typed, UTC) is None


@given(st.text(max_size=40) | st.from_regex(dates.WRITTEN))
def test_no_date_breaks_the_reader(typed: str) -> None:
    found = dates.parse(typed, UTC)
    assert found is None or found.tzinfo is not None


WORDS = {"title": "a-title", "slug": "s", "categories": "", "name": "n"}
WHEN = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


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
def test_a_pattern_makes_the_address(pattern: str, path: str) -> None:
    assert permalinks.expand(permalinks.check(pattern), WHEN, WORDS) == path


def test_a_pattern_with_an_unknown_part_is_refused_by_its_name() -> None:
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
def test_a_typed_address_becomes_a_path(typed: str, path: str | None) -> None:
    assert permalinks.clean(typed) == path
