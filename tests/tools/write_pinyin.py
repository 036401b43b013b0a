"""Writes the tables of blog/markup/readings/ anew from the installed pypinyin: `make pinyin`.

A title that reads otherwise afterwards gets another address from then on: look at the difference.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pypinyin import lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from tests.support.source_tree import ROOT

FOLDER = ROOT / "blog/markup/readings"


def tables() -> dict[Path, str]:
    made = {"characters": characters(), "phrases": phrases(), "exceptions": exceptions()}
    return {FOLDER / f"{name}.txt": "\n".join(lines) + "\n" for name, lines in made.items()}


def characters() -> Iterator[str]:
    bearers = defaultdict(list)
    for code in sorted(PINYIN_DICT):
        bearers[lazy_pinyin(chr(code))[0]].append(chr(code))
    return (f"{syllable} {''.join(bearers[syllable])}" for syllable in sorted(bearers))


def phrases() -> Iterator[str]:
    rests = defaultdict(list)
    for phrase in sorted(PHRASES_DICT):
        rests[phrase[0]].append(phrase[1:])
    return (f"{first} {' '.join(rests[first])}" for first in sorted(rests))


def exceptions() -> Iterator[str]:
    for phrase in sorted(PHRASES_DICT):
        alone = [syllable for han in phrase for syllable in lazy_pinyin(han)]
        if lazy_pinyin(phrase) != alone:
            yield f"{phrase} {' '.join(lazy_pinyin(phrase))}"


def main() -> None:
    for path, text in tables().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
