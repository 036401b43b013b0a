"""The text processing of search: folding, tokens, parsed queries, highlights and snippets."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, create_engine
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from blog.models.search.query import MAX_LENGTH, MAX_TERMS, parse
from blog.models.search.schema import Pieces
from blog.models.search.search_sqlite import Fts5
from blog.models.search.snippet import ELLIPSIS, highlight, snippet
from blog.models.search.tokenizer import PLAIN, Folded, fold, pieces, tokens
from tests.support.odd_text import ODD, PURE

# --- folding ---


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＷＳＧＩ", "wsgi"),
        ("naïve Café", "NAIVE cafe"),
        ("nai\u0308ve", "naïve"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("Łódź ÆØ", "lodz aeo"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("각", "각"),
        ("ﬁle", "file"),
        ("soft\xadhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("⾨", "門"),
    ],
)
def test_width_case_and_accents_are_folded(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("か", "が"), ("и", "й"), ("は", "ハ"), ("门", "門")])
def test_different_letters_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_plain_characters_fold_to_one_character_each() -> None:
    plain = re.compile(f"[{PLAIN}]")
    for char in filter(plain.match, map(chr, range(0x20000))):
        assert len(fold(char)) == 1, hex(ord(char))


@PURE
@given(ODD)
def test_folding_is_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@PURE
@given(ODD)
def test_every_position_in_a_folded_text_maps_back_to_the_original(text: str) -> None:
    folded = Folded(text)
    for at in range(len(folded.text)):
        start, end = folded.span(at, at + 1)
        assert folded.text[at] in fold(text[start:end])


# --- tokens ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("异步编程", "异 异步 步 步编 编 编程 程"),
        ("Python异步", "python 异 异步 步"),
        ("C++, C# 和F#语言", "c++ c# 和 f# 语 语言 言"),
        (".NET平台 ASP.NET", ". net 平 平台 台 asp . net"),
        ("async/await node.js", "async await node js"),
        ("c++17 i+++ a## snake_case", "c++ 17 i a snake case"),
        ("3.11 don't", "3 11 don t"),
        ("한국어 カナ", "한 한국 국 국어 어 カ カナ ナ"),
        ("猫", "猫"),
        ("¿? — !", ""),
    ],
)
def test_a_text_is_split_into_tokens(text: str, expected: str) -> None:
    assert " ".join(tokens(pieces(fold(text)))) == expected


@PURE
@given(ODD)
def test_tokens_contain_no_database_syntax(text: str) -> None:
    for token in tokens(pieces(fold(text))):
        assert re.fullmatch(r"(?:[a-z0-9+#.]|[^\x00-\x7f])+", token)
        assert not re.search(r"\s", token)


@pytest.fixture(scope="module")
def full_text_table() -> Iterator[Connection]:
    engine = create_engine("sqlite://", module=sqlite)
    with engine.connect() as connection:
        Fts5().create(connection)
        vocabulary = "CREATE VIRTUAL TABLE words USING fts5vocab(search_index, row)"
        connection.execute(sql(vocabulary))
        connection.commit()
        yield connection
    engine.dispose()


@PURE
@given(text=ODD)
def test_sqlite_does_not_split_our_tokens(full_text_table: Connection, text: str) -> None:
    body = pieces(fold(text))
    with Session(full_text_table) as session:
        Fts5().put(session, {1: Pieces([], [], body)})
        words = session.execute(sql("SELECT term, cnt FROM words")).all()
    assert dict(map(tuple, words)) == Counter(tokens(body))


# --- queries ---


def parsed_terms(query: str) -> list[str]:
    """Return the terms of a query, with `…` after an unfinished word."""
    return [" ".join(term.pieces) + ("…" if term.is_prefix else "") for term in parse(query).terms]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("borrow checker", ["borrow", "checker…"]),
        ('"borrow checker"', ["borrow checker"]),
        ("“小程序” 体验", ["小程序", "体验"]),
        ("「非阻塞」Python", ["非阻塞", "python…"]),
        ("async/await", ["async await…"]),
        ("Python异步编程", ["python", "异步编程"]),
        ("gevent，celery、nginx", ["gevent", "celery", "nginx…"]),
        ("C++", ["c++"]),
        ("x", ["x"]),
        ('"half a phra', ["half", "a", "phra…"]),
        ("rust rust Rust x", ["rust", "x"]),
        ('NEAR(a b) AND -c* {title}: "', ["near a", "b", "and", "c", "title"]),
        ("'; DROP TABLE post; --", ["drop", "table", "post"]),
        ("\0 \ud800 \u200b ,", []),
        ("", []),
    ],
)
def test_a_query_is_words_and_phrases_and_never_syntax(query: str, expected: list[str]) -> None:
    assert parsed_terms(query) == expected


def test_the_length_and_terms_of_a_query_are_limited() -> None:
    assert len(parse("x" * 5000).text) == MAX_LENGTH
    assert len(parse(" ".join(map(str, range(100)))).terms) == MAX_TERMS


@PURE
@given(ODD)
def test_any_text_can_be_parsed_as_a_query(query: str) -> None:
    parsed = parse(query)
    parsed.text.encode()
    assert all(term.tokens and term.canonical.strip() for term in parsed.terms)
    assert all(len(term.tokens) == 1 for term in parsed.loose)


# --- snippets ---


def bracketed(parts: list[tuple[str, bool]]) -> str:
    """Return the text of the parts with brackets around hits."""
    return "".join(f"[{text}]" if is_hit else text for text, is_hit in parts)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Ｎａïve Straße", "naive strasse", "[Ｎａïve] [Straße]"),
        ("用 gevent 做异步编程。", "异步 gev", "用 [gevent] 做[异步]编程。"),
        ("Async / await, async-await", "async/await", "[Async / await], [async-await]"),
        ("C and C++ and C#", "c++", "C and [C++] and C#"),
        ("C and C++ and C#", "c", "[C] and C++ and C#"),
        ("scathe cat, concat cats", '"cat"', "scathe [cat], concat cats"),
        ("ASP.NET and net", ".NET", "ASP[.NET] and net"),
        ("小程序与小程 序", "小程序", "[小程序]与小程 序"),
        ("ｶﾞｷﾞ", "ガ", "[ｶﾞ]ｷﾞ"),
    ],
)
def test_hits_are_marked_in_their_original_spelling(text: str, query: str, expected: str) -> None:
    assert bracketed(highlight(text, parse(query).terms)) == expected


def test_a_snippet_shows_the_hit_in_its_context() -> None:
    text = "First words. " * 40 + "Here a greenlet waits for its turn. " + "Last words. " * 40
    parts = snippet(text, parse("greenlet").terms)
    assert parts[0] == parts[-1] == ELLIPSIS
    assert ("greenlet", True) in parts
    assert bracketed(parts[1:]).startswith("First words. First words. Here a [greenlet]")
    assert 100 < len(bracketed(parts)) < 180


def test_a_snippet_shows_the_place_with_the_most_words_of_the_query() -> None:
    text = "borrow " + "filler " * 100 + "the borrow checker " + "filler " * 100
    assert "[borrow] [checker]" in bracketed(snippet(text, parse("borrow checker").terms))


def test_a_chinese_snippet_is_half_as_long_and_begins_with_a_sentence() -> None:
    text = "无关的话很长。" * 60 + "这里说到协程怎样切换。" + "还有别的话。" * 60
    parts = snippet(text, parse("协程").terms)
    assert bracketed(parts[1:]).startswith("无关的话很长。")
    assert "这里说到[协程]怎样切换。" in bracketed(parts)
    assert 60 < len(bracketed(parts)) < 95


def test_a_snippet_without_a_hit_is_the_beginning_of_the_text() -> None:
    assert snippet("Short text.", parse("absent").terms) == [("Short text.", False)]
    assert snippet("", parse("absent").terms) == []


@PURE
@given(ODD, st.integers(0, 30), ODD)
def test_a_snippet_is_part_of_the_text(text: str, times: int, query: str) -> None:
    text = text * times
    parts = snippet(text, parse(query).terms)
    shown = "".join(part for part, _ in parts)
    whole = [shown, shown.removeprefix("…"), shown.removesuffix("…"), shown[1:-1]]
    assert any(piece in text for piece in whole)
    assert all(part for part, _ in parts)
    assert bracketed(highlight(text, parse(query).terms)).replace("[", "").replace("]", "") == (
        text.replace("[", "").replace("]", "")
    )


@PURE
@given(st.text(st.sampled_from("aé異步编 c+#.net\nｶﾞ"), min_size=1, max_size=30))
def test_every_word_of_a_text_is_highlighted_in_it(text: str) -> None:
    for piece in pieces(fold(text)):
        if piece != ".":
            assert any(is_hit for _, is_hit in highlight(text, parse(f'"{piece}"').terms)), piece
