"""How Han is read, in pinyin without tones: the same readings as pypinyin's, in 2 MB and not 57.

The tables in `readings/` are pypinyin's own, written down by `make pinyin`: a new release of a
library must not give another address to the same title.
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
    """`text` with the reading of each Han character set off by spaces; the rest as it stands."""
    return HAN.sub(lambda found: f" {' '.join(_read(found[0]))} ", text).strip()


def _read(han: str) -> Iterator[str]:
    while han:
        phrase = _longest_phrase(han)
        yield _exceptions().get(phrase) or " ".join(map(_syllable, phrase))
        han = han[len(phrase) :]


def _longest_phrase(han: str) -> str:
    """The longest word of the dictionary that `han` begins with; without one, its first character.

    Words that read as their characters do count, too: 起重 before 庆 keeps 重庆 from being read.
    """
    rests = _phrases().get(han[0], "")
    lengths = range(min(len(han), LONGEST), 1, -1)
    return next((han[:n] for n in lengths if f" {han[1:n]} " in rests), han[0])


def _syllable(char: str) -> str:
    """The reading that a character has by itself; the character, where it is not known."""
    table = _characters()
    at = table.find(char)
    start = table.rfind("\n", 0, at) + 1
    return table[start : table.find(" ", start)] if at >= 0 else char


LONGEST = 10  # characters of a phrase


@cache
def _characters() -> str:
    """Lines such as `zhong 中种重…`: a text that is searched takes 0.2 MB, a dictionary 4."""
    return _table("characters")


@cache
def _phrases() -> dict[str, str]:
    """For each character, the rests of the phrases that it begins: 重 -> ` 庆 阳节 … `."""
    return {line[0]: f"{line[1:]} " for line in _table("phrases").splitlines()}


@cache
def _exceptions() -> dict[str, str]:
    """Phrases that do not read as their characters do: 重庆 -> `chong qing`."""
    return dict(line.split(" ", 1) for line in _table("exceptions").splitlines())


def _table(name: str) -> str:
    return (get_data("blog.markup", f"readings/{name}.txt") or b"").decode()
