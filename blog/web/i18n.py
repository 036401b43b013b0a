"""Sentences in the languages of the blog, read from their catalogues once."""

import functools
import gettext
from io import BytesIO
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from blog.config import LANGUAGES, PACKAGE

LOCALE = PACKAGE / "locale"
SOURCE = "en"
BABEL = {"en": "en", "zh": "zh_Hans_CN"}


@functools.cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; the source language needs none."""
    path = LOCALE / language / "LC_MESSAGES" / "blog.po"
    if language == SOURCE or not path.is_file():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(language: str, message: str, /, **params: Any) -> str:
    """A sentence marked with `N_`, in a language, with its places filled."""
    text = catalogue(language).gettext(message)
    return text % params if params else text


def wanted(accept: str, default: str = SOURCE) -> str:
    """The first language of an Accept-Language header that the blog speaks."""
    for part in accept[:200].split(","):
        code = part.split(";")[0].strip().split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return default
