"""How a setting of the office is declared: once, with its type, default, words and rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from blog.config import N_
from blog.models.base import Refusal

LONGEST = {"line": 400, "lines": 20_000, "text": 20_000, "colour": 7, "hidden": 40_000}


def setting(default: Any, group: str, label: str, help: str, **more: Any) -> Any:
    """A setting of the office. Its type, bool, int or str, is that of its default.

    `more` may name `options` (value to label), a `check` (raises `Refusal` for what it is given),
    `kind` ("lines" or "text" for a long text, "colour", "hidden" for what no form shows), `least`
    and `most` (of a number, or of letters).
    """
    return field(default=default, metadata={"group": group, "label": label, "help": help, **more})


@dataclass(frozen=True)
class Setting:
    """A declared setting, as the page of settings and their history need it."""

    name: str
    default: Any
    group: str
    label: str
    help: str
    options: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Any], Any] | None = None
    kind: str = "line"
    least: int | None = None
    most: int | None = None

    @property
    def type(self) -> type:
        return type(self.default)

    @property
    def longest(self) -> int:
        """Letters of a text."""
        return self.most or LONGEST[self.kind]

    def tidy(self, value: Any) -> Any:
        """As it is kept: one kind of line end, no white space around it."""
        if not isinstance(value, str):
            return value
        lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if self.kind == "line":
            return " ".join(value.split())
        return "\n".join(line.rstrip() for line in lines).strip()

    def refuse(self, value: Any) -> None:
        """Raise `Refusal`, at the field of this setting, for a value that it cannot have."""
        try:
            self._refuse(value)
        except Refusal as refusal:
            raise Refusal(refusal.message, self.name, **refusal.params) from refusal

    def _refuse(self, value: Any) -> None:
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
    """The settings of a dataclass, in the order of their declaration."""
    return tuple(Setting(one.name, one.default, **one.metadata) for one in fields(kind))
