"""A submission read into a typed object, or into errors to show again beside what was typed."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from zoneinfo import ZoneInfo

from sanic import Request

from blog.config import N_
from blog.models.base import Refusal
from blog.web.i18n import translate

T = TypeVar("T")
# No keyboard types these, no feed may carry them, and PostgreSQL refuses some: control characters
# but tab and line end, halves of pairs, and what XML calls no character.
UNWRITTEN = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
)


class Field(Generic[T]):
    """One field: how its text becomes a value. A plain field is a line of text."""

    many = False

    def __init__(self, *, required: bool = False, most: int = 1000) -> None:
        self.required = required
        self.most = most

    def clean(self, texts: list[str]) -> Any:
        """What is shown again: the text as typed, with one kind of line end."""
        text = texts[0] if texts else ""
        return text.replace("\r\n", "\n").replace("\r", "\n").translate(UNWRITTEN)

    def read(self, typed: Any) -> Any:
        """The value. Raises `Refusal` with the sentence for whoever typed it."""
        if self.required and not typed.strip():
            raise Refusal(N_("Please fill this in."))
        if len(typed) > self.most:
            raise Refusal(N_("This is longer than %(number)s characters."), number=self.most)
        return self.convert(typed)

    def convert(self, typed: str) -> Any:
        return typed


class Text(Field[str]):
    """One line or many, with the white space around it gone."""

    def convert(self, typed: str) -> str:
        return typed.strip()


class Verbatim(Field[str]):
    """Kept to the last space: a body of text, a password."""


class Choice(Field[str]):
    """One of some values."""

    def __init__(self, *choices: str, required: bool = True) -> None:
        super().__init__(required=required)
        self.choices = choices

    def convert(self, typed: str) -> str:
        if typed not in self.choices and (typed or self.required):
            raise Refusal(N_("Choose one of these."))
        return typed


class Number(Field[int]):
    """A whole number."""

    def convert(self, typed: str) -> int:
        try:
            number = int(typed.strip()) if typed.isascii() else None
        except ValueError:
            number = None
        if number is None or abs(number) > 2**31:
            raise Refusal(N_("Enter a whole number."))
        return number


class Check(Field[bool]):
    """A box that is ticked or not."""

    def clean(self, texts: list[str]) -> bool:
        return bool(texts) and texts[0] not in ("", "0", "off")

    def read(self, typed: bool) -> bool:
        return typed


class Numbers(Field[list[int]]):
    """Several whole numbers, such as the ids of ticked boxes. What is none is left out."""

    many = True

    def clean(self, texts: list[str]) -> list[str]:
        return [text for text in texts if text.isascii() and text.isdigit() and len(text) < 10]

    def read(self, typed: list[str]) -> list[int]:
        return [int(text) for text in typed]


class Moment(Field[datetime | None]):
    """A local date and time of the form's zone, as `<input type=datetime-local>` sends it."""

    def convert(self, typed: str) -> datetime | None:
        if not typed.strip():
            return None
        try:
            moment = datetime.fromisoformat(typed.strip())
            if moment.tzinfo is None and not 1900 < moment.year < 9000:
                raise ValueError
        except ValueError as error:
            raise Refusal(N_("Enter a date and a time.")) from error
        return moment


class Form:
    """Fields are class attributes. `values` is what was typed, `data` what it means.

    `errors` maps a field to its sentence in the reader's language; "" is the form as a whole.
    """

    fields: ClassVar[dict[str, Field[Any]]] = {}

    def __init_subclass__(cls) -> None:
        found = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **found}

    def __init__(self, language: str, values: Mapping[str, Any] | None = None) -> None:
        self.language = language
        self.values: dict[str, Any] = dict(values or {})
        self.data: dict[str, Any] = {}
        self.faults: dict[str, Refusal] = {}

    @classmethod
    def blank(cls, request: Request, **values: Any) -> Self:
        """A form as it is first shown."""
        return cls(request.ctx.language, values)

    @classmethod
    def read(cls, request: Request) -> Self:
        """What was submitted, of the declared fields only."""
        form = cls(request.ctx.language)
        given: Any = request.get_form(keep_blank_values=True)
        for name, field in cls.fields.items():
            texts = given.getlist(name, []) if given else []  # `get` is only the first of them
            form.values[name] = field.clean([str(text) for text in texts])
            try:
                form.data[name] = field.read(form.values[name])
            except Refusal as refusal:
                form.faults[name] = refusal
        return form

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def errors(self) -> dict[str, str]:
        return {
            name: translate(self.language, fault.message, **fault.params)
            for name, fault in self.faults.items()
        }

    def check(self, name: str, rule: Callable[[Any], Any]) -> Self:
        """Ask a model's rule about one field, so that each fault is told at the first try."""
        if name in self.data:
            try:
                rule(self.data[name])
            except Refusal as refusal:
                self.faults[name] = refusal
        return self

    def refuse(self, refusal: Refusal) -> Self:
        """Show a broken rule of a model beside its field, or above the form."""
        name = refusal.field if refusal.field in self.fields else ""
        self.faults[name] = refusal
        return self


def local(moment: datetime | None, zone: str) -> str:
    """A moment as `<input type=datetime-local>` wants it."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if moment else ""


def in_zone(moment: datetime | None, zone: str) -> datetime | None:
    """What was typed, in the site's zone."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(zone))
