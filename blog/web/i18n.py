"""Translation: message catalogues, and the language that a browser prefers."""

import functools
import gettext
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from blog.config import LANGUAGES, PACKAGE

LOCALE = PACKAGE / "locale"
SOURCE = "en"
BABEL_LOCALES = {"en": "en", "zh": "zh_Hans_CN"}  # our language codes -> Babel's locale identifiers


@functools.cache
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the message catalogue of a language, read once per process.

    The source language has an empty one: its messages are the keys themselves.
    """
    path = LOCALE / language / "LC_MESSAGES" / "blog.po"
    if language == SOURCE or not path.is_file():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(language: str, message: str, /, **params: object) -> str:
    """Translate a message marked with `N_`, and fill in its `%(name)s` placeholders."""
    text = catalogue(language).gettext(message)
    return text % params if params else text


def preferred_language(accept: str, default: str = SOURCE) -> str:
    """Return the first language of an Accept-Language header that the blog is translated into."""
    for part in accept[:200].split(","):
        code = part.split(";")[0].strip().split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return default
