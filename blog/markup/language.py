"""Detects whether a text is written in Chinese or English, by its characters."""

import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
LATIN_WORD = re.compile(r"[A-Za-z]+")
NOT_PROSE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|^(?: {4}|\t).*$|`[^`\n]+`|<[^>\n]*>", re.S | re.M)
MIN_HAN_SHARE = 0.2  # of Han characters among Han characters and Latin words


def language_of(title: str, body: str) -> str:
    """Return "zh", "en", or "" if the text has neither Han characters nor Latin words.

    Code and tags do not count.
    """
    prose = title + "\n" + NOT_PROSE.sub(" ", body[:200_000])
    han, latin = len(HAN.findall(prose)), len(LATIN_WORD.findall(prose))
    if not (han or latin):
        return ""
    return "zh" if han >= MIN_HAN_SHARE * (han + latin) else "en"
