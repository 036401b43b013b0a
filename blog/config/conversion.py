"""Converts the text of a setting to the type of its default."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from blog.config.errors import BadSetting
from blog.config.languages import N_
from blog.config.paths import expanded


def converted(name: str, text: str, default: object) -> Any:
    """Convert `text` to the type of the setting's default. Raises `BadSetting`."""
    if isinstance(default, Path):
        return expanded(name, text).absolute()
    try:
        return PARSERS[type(default)](text)
    except (ValueError, KeyError) as error:
        raise BadSetting(TYPE_ERRORS[type(default)], name=name, text=text) from error


def _origins(text: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())


SWITCH = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}
PARSERS: dict[type, Callable[[str], object]] = {
    str: str,
    int: int,
    bool: lambda text: SWITCH[text.lower()],
    tuple: _origins,
}
TYPE_ERRORS = {
    int: N_("%(name)s=%(text)s is invalid: use a whole number."),
    bool: N_("%(name)s=%(text)s is invalid: use on or off."),
}
