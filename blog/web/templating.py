"""The one Jinja environment: every name escaped, sentences in the language of the page."""

from datetime import datetime, tzinfo
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import get_month_names
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateSyntaxError,
    pass_context,
)
from jinja2.runtime import Context
from markupsafe import Markup, escape

from blog import __version__
from blog.config import LANGUAGES, N_, Config, UserError
from blog.web.i18n import BABEL, catalogue

KNOWN = 4096  # moments whose words are remembered: a page has dozens, and other pages the same
# How a moment is written: `{0}` is it, `{1}` and `{2}` are its month's name, whole and short.
DATES = {
    "en": {
        "long": "{0.day} {1} {0.year}",
        "medium": "{0.day} {2} {0.year}",
        "month": "{1} {0.year}",
        "time": "{0.day} {2} {0.year}, {0:%H:%M}",
    },
    "zh": {
        "long": "{0.year}年{0.month}月{0.day}日",
        "medium": "{0.year}年{0.month}月{0.day}日",
        "month": "{0.year}年{0.month}月",
        "time": "{0.year}年{0.month}月{0.day}日 {0:%H:%M}",
    },
}


def environment(config: Config) -> Environment:
    """An owner's own templates come first, then the site's, then the rooms'."""
    made = Environment(
        loader=FileSystemLoader([str(folder) for folder in config.template_dirs]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,  # a plain dict: all of them stay, and none is counted
        extensions=["jinja2.ext.i18n"],
    )
    made.globals.update(
        _=sentence,
        gettext=sentence,
        ngettext=sentences,
        date=date,
        isodate=isodate,
        version=__version__,
        languages=LANGUAGES,
    )
    made.filters.update(date=date, isodate=isodate)  # half the price of a call
    return made


def warm(made: Environment) -> None:
    """Read every template and catalogue now: no request waits for a disk or a compiler, and an
    owner's slip ends the start."""
    for name in made.list_templates(extensions=["html", "xml", "txt"]):
        try:
            made.get_template(name)
        except TemplateSyntaxError as slip:
            message = N_("The template %(file)s has an error in line %(line)s: %(why)s")
            raise UserError(
                message, file=slip.filename, line=slip.lineno, why=slip.message
            ) from slip
    for language in LANGUAGES:
        catalogue(language)
        get_month_names(locale=BABEL[language])  # reads the file of that language


@pass_context
def sentence(context: Context, message: str, /, **params: Any) -> str:
    text = catalogue(context["language"]).gettext(message)
    return _filled(context, text, params) if params else text


@pass_context
def sentences(context: Context, one: str, many: str, number: int, /, **params: Any) -> str:
    text = catalogue(context["language"]).ngettext(one, many, number)
    return _filled(context, text, {"num": number, **params})


def _filled(context: Context, text: str, params: dict[str, Any]) -> str:
    """Plain text stays escapable; around HTML the sentence is escaped and the HTML kept."""
    if any(isinstance(value, Markup) for value in params.values()):
        return Markup(escape(text)) % params  # noqa: S704 -- escaped in the same breath
    return text % params if params else text


@pass_context
def date(context: Context, moment: datetime, form: str = "long") -> str:
    """A day (or month, or time) in the language of the page and the site's time zone."""
    return _known(moment, context["site"].timezone, context["language"], form)


@lru_cache(KNOWN)
def _known(moment: datetime, zone: str, language: str, form: str) -> str:
    return written(moment.astimezone(zone_of(zone)), language, form)


def written(moment: datetime, language: str, form: str) -> str:
    """A moment of its own zone. Babel takes ten times as long for each."""
    whole, short = months(language)[moment.month - 1]
    return DATES[language][form].format(moment, whole, short)


@cache
def months(language: str) -> list[tuple[str, str]]:
    """The names of the twelve months, whole and short."""
    names = [get_month_names(width, "format", BABEL[language]) for width in ("wide", "abbreviated")]
    return [(names[0][number], names[1][number]) for number in range(1, 13)]


@lru_cache(KNOWN)
def isodate(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def zone_of(name: str) -> tzinfo:
    return ZoneInfo(name)
