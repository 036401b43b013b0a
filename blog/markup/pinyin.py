"""Converts Han characters to pinyin without tones, with pypinyin's readings in 2 MB instead of 57.

`make pinyin` writes pypinyin's tables to `readings/`. They are stored, so that a new release of
the library does not change the address of a title.
"""

import re
from collections.abc import Iterator
from functools import cache
from pkgutil import get_data

HAN = re.compile(
    "[\u3007\ue815-\ue864\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df"
    "\U0002a703-\U0002b81d\U0002b825-\U0002bf6e\U0002c029-\U0002ce93\U0002d016"
    "\U0002d11b-\U0002ebd9\U0002f80a-\U0002fa1f\U00030000-\U0003134a\U00031350-\U00032389]+"
)


def pinyin(text: str) -> str:
    """Replace each Han character by its reading, surrounded by spaces. Keep all other text."""
    return HAN.sub(lambda match: f" {' '.join(_read(match[0]))} ", text).strip()


def _read(han: str) -> Iterator[str]:
    while han:
        phrase = _longest_phrase(han)
        yield _exceptions().get(phrase) or " ".join(map(_syllable, phrase))
        han = han[len(phrase) :]


def _longest_phrase(han: str) -> str:
    """Return the longest dictionary phrase at the start of `han`, or its first character.

    The dictionary also has phrases with regular readings: in 起重庆, the phrase 起重 prevents the
    special reading of 重庆.
    """
    endings = _phrases().get(han[0], "")
    lengths = range(min(len(han), LONGEST), 1, -1)
    return next((han[:n] for n in lengths if f" {han[1:n]} " in endings), han[0])


def _syllable(char: str) -> str:
    """Return the reading of a single character, or the character itself if it is unknown."""
    table = _characters()
    at = table.find(char)
    start = table.rfind("\n", 0, at) + 1
    return table[start : table.find(" ", start)] if at >= 0 else char


LONGEST = 10  # characters of a phrase


@cache
def _characters() -> str:
    """Return lines such as `zhong 中种重…`. Searching this text takes 0.2 MB, a dict 4 MB."""
    return _table("characters")


@cache
def _phrases() -> dict[str, str]:
    """Return the endings of all phrases by their first character: 重 -> ` 庆 阳节 … `."""
    return {line[0]: f"{line[1:]} " for line in _table("phrases").splitlines()}


@cache
def _exceptions() -> dict[str, str]:
    """Return the phrases with irregular readings: 重庆 -> `chong qing`."""
    return dict(line.split(" ", 1) for line in _table("exceptions").splitlines())


def _table(name: str) -> str:
    return (get_data("blog.markup", f"readings/{name}.txt") or b"").decode()
