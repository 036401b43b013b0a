"""Regenerates the tables in blog/markup/readings/ from the installed pypinyin: `make pinyin`.

Review the difference: a title with a changed reading gets a different address from then on.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pypinyin import lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from tests.support.source_tree import ROOT

FOLDER = ROOT / "blog/markup/readings"


def tables() -> dict[Path, str]:
    content = {"characters": characters(), "phrases": phrases(), "exceptions": exceptions()}
    return {FOLDER / f"{name}.txt": "\n".join(lines) + "\n" for name, lines in content.items()}


def characters() -> Iterator[str]:
    by_syllable = defaultdict(list)
    for code in sorted(PINYIN_DICT):
        by_syllable[lazy_pinyin(chr(code))[0]].append(chr(code))
    return (f"{syllable} {''.join(by_syllable[syllable])}" for syllable in sorted(by_syllable))


def phrases() -> Iterator[str]:
    endings = defaultdict(list)
    for phrase in sorted(PHRASES_DICT):
        endings[phrase[0]].append(phrase[1:])
    return (f"{first} {' '.join(endings[first])}" for first in sorted(endings))


def exceptions() -> Iterator[str]:
    for phrase in sorted(PHRASES_DICT):
        regular = [syllable for han in phrase for syllable in lazy_pinyin(han)]
        if lazy_pinyin(phrase) != regular:
            yield f"{phrase} {' '.join(lazy_pinyin(phrase))}"


def main() -> None:
    for path, text in tables().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
