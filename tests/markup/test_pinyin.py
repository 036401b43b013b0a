"""Pinyin readings, compared with those of pypinyin, from which our tables were generated."""

import os
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from blog.markup import pinyin as readings
from blog.markup.pinyin import pinyin
from tests.support.source_tree import MODULES, ROOT
from tests.tools.write_pinyin import tables

CONTENT = [ROOT / "content", ROOT / "docs", *map(Path, [os.environ.get("BLOG_TEST_CONTENT", "")])]
PHRASES = sorted(PHRASES_DICT)
HEADLINE = re.compile(r"^(?:#+|title:|-|tags:|categories:)(.*[\u4e00-\u9fff].*)$", re.M)
SEPARATOR = "龘"  # is in no phrase, so no phrase continues past it


def read(text: str) -> list[str]:
    return pinyin(text).split()


@pytest.mark.slow
def test_every_phrase_has_the_reading_of_pypinyin():
    assert [phrase for phrase in PHRASES if read(phrase) != lazy_pinyin(phrase)] == []


@pytest.mark.slow
def test_every_character_has_the_reading_of_pypinyin():
    assert [han for han in map(chr, PINYIN_DICT) if read(han) != lazy_pinyin(han)] == []


def test_characters_without_a_reading_are_kept():
    others = [chr(code) for code in range(0x3000, 0xA000) if code not in PINYIN_DICT]
    assert [char for char in others if pinyin(char) != char.strip()] == []


@given(st.lists(st.one_of(st.sampled_from(PHRASES), st.sampled_from("的了行长重，a ")), max_size=8))
def test_adjacent_phrases_have_the_reading_of_pypinyin(phrases):
    text = "".join(phrases) + SEPARATOR
    assert read(text) == " ".join(lazy_pinyin(text)).split()


def test_headings_and_tags_of_our_posts_have_the_reading_of_pypinyin():
    files = [file for folder in CONTENT if folder.name for file in sorted(folder.rglob("*.md"))]
    lines = {line for file in files for line in HEADLINE.findall(file.read_text(errors="replace"))}
    assert len(lines) > 100
    assert [line for line in lines if read(line) != " ".join(lazy_pinyin(line)).split()] == []


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [("开到隆重庆", "long chong qing", "long zhong qing"), ("下不了", "xia bu liao", "xia bu le")],
)
def test_an_incomplete_proverb_keeps_the_readings_of_its_phrases(text, ours, theirs):
    """The only difference: at the start of 36 proverbs, pypinyin ignores the phrases in them."""
    assert pinyin(text).endswith(ours)
    assert " ".join(lazy_pinyin(text)).endswith(theirs)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("重庆的重点", "chong qing de zhong dian"),
        ("银行行长", "yin hang hang zhang"),
        ("起重庆祝", "qi zhong qing zhu"),
        ("绿色旅行", "lv se lv xing"),
        ("閱讀臺灣", "yue du tai wan"),
        ("〇二年", "ling er nian"),
        ("用Sanic写 blog", "yong Sanic xie  blog"),
        ("\U00020000\U0002a6d6?", "he \U0002a6d6 ?"),
        ("no Han", "no Han"),
    ],
)
def test_readings(text, reading):
    assert pinyin(text) == reading


@pytest.mark.slow
def test_the_tables_are_up_to_date():
    assert [path.name for path, text in tables().items() if path.read_text() != text] == []


def test_a_slug_does_not_load_pypinyin():
    """Its dictionaries took 57 MB in each worker, and loading them blocked the event loop."""
    names = {(name, module.relative_path) for module in MODULES for name in module.imports}
    assert [where for name, where in names if name.startswith("pypinyin")] == []


def test_the_first_chinese_title_costs_little_memory():
    for table in (readings._characters, readings._phrases, readings._exceptions):
        table.cache_clear()
    tracemalloc.start()
    pinyin("重庆的银行")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
