"""Which language a text is written in, told by its letters."""

import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
LATIN_WORD = re.compile(r"[A-Za-z]+")
NOT_PROSE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|^(?: {4}|\t).*$|`[^`\n]+`|<[^>\n]*>", re.S | re.M)
CHINESE_FROM = 0.2  # share of Han characters among characters and words


def language_of(title: str, body: str) -> str:
    """Chinese where enough of what is to be read is Han; code and tags do not count.

    Empty where there is nothing to tell it by.
    """
    prose = title + "\n" + NOT_PROSE.sub(" ", body[:200_000])
    han, latin = len(HAN.findall(prose)), len(LATIN_WORD.findall(prose))
    if not (han or latin):
        return ""
    return "zh" if han >= CHINESE_FROM * (han + latin) else "en"
