"""The one Jinja environment: every name escaped, sentences in the language of the page."""

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import babel.dates
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
from blog.config import LANGUAGES, N_, Config, Told
from blog.languages import BABEL, catalogue

DATES = {
    "en": {"long": "d MMMM y", "medium": "d MMM y", "month": "MMMM y", "time": "d MMM y, HH:mm"},
    "zh": {
        "long": "y年M月d日",
        "medium": "y年M月d日",
        "month": "y年M月",
        "time": "y年M月d日 HH:mm",
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
    return made


def warm(made: Environment) -> None:
    """Read every template and catalogue now: no request waits for a disk or a compiler, and an
    owner's slip ends the start."""
    for name in made.list_templates(extensions=["html", "xml", "txt"]):
        try:
            made.get_template(name)
        except TemplateSyntaxError as slip:
            message = N_("The template %(file)s cannot be read, line %(line)s: %(why)s")
            raise Told(message, file=slip.filename, line=slip.lineno, why=slip.message) from slip
    for language in LANGUAGES:
        catalogue(language)


@pass_context
def sentence(context: Context, message: str, /, **params: Any) -> str:
    return _filled(context, catalogue(context["language"]).gettext(message), params)


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
    language = context["language"]
    pattern = DATES[language][form]
    local = moment.astimezone(zone_of(context["site"].timezone))
    return babel.dates.format_datetime(local, pattern, locale=BABEL[language])


def isodate(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def zone_of(name: str) -> tzinfo:
    return ZoneInfo(name)
