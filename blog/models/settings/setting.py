"""How a setting is declared: `setting()` gives its default, label, help text and validation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

from blog.config import N_
from blog.models.base import Refusal

# The maximal number of characters of a text, by kind.
LONGEST = {"line": 400, "lines": 20_000, "text": 20_000, "colour": 7, "hidden": 40_000}
SettingValue = bool | int | str
V = TypeVar("V", bound=SettingValue)


def setting(
    default: V,
    group: str,
    label: str,
    help: str,
    *,
    options: Mapping[str, str] | None = None,
    check: Callable[[V], object] | None = None,
    kind: str = "line",
    least: int | None = None,
    most: int | None = None,
) -> V:
    """Declare a setting as a dataclass field. Its type (bool, int or str) is that of the default.

    `options` maps the allowed values to labels. `check` raises `Refusal` for an invalid value.
    `kind` is "line", "lines" or "text" (a long text), "colour", or "hidden" (not in any form).
    `least` and `most` limit a number; `most` also limits the characters of a text.
    """
    metadata = {
        "default": default,
        "group": group,
        "label": label,
        "help": help,
        "options": options or {},
        "check": check,
        "kind": kind,
        "least": least,
        "most": most,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Setting:
    """The declaration of a setting; the arguments of `setting()` and the name of the field."""

    name: str
    default: SettingValue
    group: str
    label: str
    help: str
    options: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Any], object] | None = None
    kind: str = "line"
    least: int | None = None
    most: int | None = None

    @property
    def type(self) -> type:
        """The type of the setting: bool, int or str."""
        return type(self.default)

    @property
    def longest(self) -> int:
        """The maximal number of characters of a text."""
        return self.most or LONGEST[self.kind]

    def tidy(self, value: SettingValue) -> SettingValue:
        """Normalize a text as it is stored: line ends as `\\n`, no surrounding white space."""
        if not isinstance(value, str):
            return value
        lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if self.kind == "line":
            return " ".join(value.split())
        return "\n".join(line.rstrip() for line in lines).strip()

    def refuse(self, value: object) -> None:
        """Raise `Refusal`, with the field of this setting, for an invalid value."""
        try:
            self._refuse(value)
        except Refusal as refusal:
            raise Refusal(refusal.message, self.name, **refusal.params) from refusal

    def _refuse(self, value: object) -> None:
        if type(value) is not self.type:
            raise Refusal(N_("This value is not allowed for this setting."))
        if self.options and value not in self.options:
            raise Refusal(N_("Choose one of these."))
        if isinstance(value, int) and self.type is int:
            self._refuse_number(value)
        if isinstance(value, str) and len(value) > self.longest:
            raise Refusal(N_("This is longer than %(number)s characters."), number=self.longest)
        if self.check:
            self.check(value)

    def _refuse_number(self, value: int) -> None:
        least, most = self.least or 0, self.most
        if value < least or (most is not None and value > most):
            if most is None:
                raise Refusal(N_("Enter a number of at least %(least)s."), least=least)
            raise Refusal(N_("Enter a number from %(least)s to %(most)s."), least=least, most=most)


@cache
def declared(kind: type) -> tuple[Setting, ...]:
    """Return the settings that a dataclass declares, in that order."""
    return tuple(Setting(item.name, **item.metadata) for item in fields(kind))
