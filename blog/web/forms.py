"""HTML forms: typed fields, validation, and error messages shown next to the fields."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from zoneinfo import ZoneInfo

from sanic import Request
from sanic.request import RequestParameters

from blog.config import N_
from blog.models.base import Refusal
from blog.web.i18n import translate

T_co = TypeVar("T_co", covariant=True)
Submitted = str | bool | list[str]  # what a form shows again
Values = dict[str, Any]  # by field name; each field has a type of its own
# Characters that are removed from text: control characters except tab and line end, surrogates, and
# code points that XML forbids. Feeds must not contain them, and PostgreSQL rejects some.
FORBIDDEN = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
)


class Field(ABC, Generic[T_co]):
    """One field of a form: how submitted text becomes a value of type `T_co`."""

    def __init__(self, *, required: bool = False, most: int = 1000) -> None:
        """`most` is the maximum length in characters."""
        self.required = required
        self.most = most

    @abstractmethod
    def clean(self, texts: list[str]) -> Submitted:
        """Return what the form shows again; `texts` are the values submitted under this name."""

    @abstractmethod
    def read(self, typed: Any) -> T_co:
        """Convert what `clean` returned. Raises `Refusal` with a message for the user."""


class _TextField(Field[T_co]):
    """A field that is typed as text."""

    def clean(self, texts: list[str]) -> str:
        """Return the text as typed, with line ends as LF and without forbidden characters."""
        text = texts[0] if texts else ""
        return text.replace("\r\n", "\n").replace("\r", "\n").translate(FORBIDDEN)

    def read(self, typed: str) -> T_co:
        """Check that the text is there and not too long, and convert it."""
        if self.required and not typed.strip():
            raise Refusal(N_("Please fill this in."))
        if len(typed) > self.most:
            raise Refusal(N_("This is longer than %(number)s characters."), number=self.most)
        return self.convert(typed)

    @abstractmethod
    def convert(self, typed: str) -> T_co:
        """Convert the text. Raises `Refusal` with a message for the user."""


class Text(_TextField[str]):
    """One or more lines of text, without surrounding white space."""

    def convert(self, typed: str) -> str:
        """Strip the text."""
        return typed.strip()


class Verbatim(_TextField[str]):
    """Text in which every space counts: the body of a post, a password."""

    def convert(self, typed: str) -> str:
        """Return the text unchanged."""
        return typed


class Choice(_TextField[str]):
    """One of a fixed set of values."""

    def __init__(self, *choices: str, required: bool = True) -> None:
        super().__init__(required=required)
        self.choices = choices

    def convert(self, typed: str) -> str:
        """Return the value if it is one of the choices, or empty where that is allowed."""
        if typed not in self.choices and (typed or self.required):
            raise Refusal(N_("Choose one of these."))
        return typed


class Number(_TextField[int]):
    """A whole number that fits into a database column."""

    def convert(self, typed: str) -> int:
        """Parse the number."""
        try:
            number = int(typed.strip()) if typed.isascii() else None
        except ValueError:
            number = None
        if number is None or abs(number) > 2**31:
            raise Refusal(N_("Enter a whole number."))
        return number


class Checkbox(Field[bool]):
    """A check box."""

    def clean(self, texts: list[str]) -> bool:
        """Return whether the box is ticked."""
        return bool(texts) and texts[0] not in ("", "0", "off")

    def read(self, typed: bool) -> bool:
        """Return whether the box is ticked."""
        return typed


class NumberList(Field[list[int]]):
    """Several whole numbers, such as the IDs of ticked boxes; anything else is ignored."""

    def clean(self, texts: list[str]) -> list[str]:
        """Return those texts that are numbers."""
        return [text for text in texts if text.isascii() and text.isdigit() and len(text) < 10]

    def read(self, typed: list[str]) -> list[int]:
        """Parse the numbers."""
        return [int(text) for text in typed]


class LocalDateTime(_TextField[datetime | None]):
    """A local date and time, as `<input type=datetime-local>` sends it; see `in_zone`."""

    def convert(self, typed: str) -> datetime | None:
        """Parse the date and time; without a time zone unless the text has one."""
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
    """A form; a subclass declares its fields as class attributes.

    `values` holds what the form shows (after a submission: what was typed), `data` the converted
    values of valid fields (`form["name"]`), and `faults` what is wrong, by field; "" is the form as
    a whole. `errors` has the messages of `faults` in the reader's language. `missing` names the
    fields that were not sent, such as check boxes that are not ticked.
    """

    fields: ClassVar[dict[str, Field[object]]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the fields of the class, after those it inherits."""
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, language: str, values: Mapping[str, object] | None = None) -> None:
        self.language = language
        self.values: Values = dict(values or {})
        self.data: Values = {}
        self.faults: dict[str, Refusal] = {}
        self.missing: set[str] = set()

    @classmethod
    def blank(cls, request: Request, **values: object) -> Self:
        """Create a form that has not been submitted, with these initial values."""
        return cls(request.ctx.language, values)

    @classmethod
    def read(cls, request: Request) -> Self:
        """Create a form from a submission; fields that it does not declare are ignored."""
        form = cls(request.ctx.language)
        submitted: RequestParameters | None = request.get_form(keep_blank_values=True)
        for name, field in cls.fields.items():
            # `get` would return only the first value.
            texts = submitted.getlist(name, []) if submitted else []
            if not texts:
                form.missing.add(name)
            form.values[name] = field.clean([str(text) for text in texts])
            try:
                form.data[name] = field.read(form.values[name])
            except Refusal as refusal:
                form.faults[name] = refusal
        return form

    def __getitem__(self, name: str) -> Any:
        """Return the converted value of a field. Raises `KeyError` if it is not valid."""
        return self.data[name]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the submission."""
        return not self.faults

    @property
    def errors(self) -> dict[str, str]:
        """The message of each fault, translated, by field."""
        return {
            name: translate(self.language, fault.message, **fault.params)
            for name, fault in self.faults.items()
        }

    def check(self, name: str, rule: Callable[..., object]) -> Self:
        """Call `rule(value)` on a valid field, and record the `Refusal` that it may raise.

        Checking a model's rules one by one shows all faults at the first attempt.
        """
        if name in self.data:
            try:
                rule(self.data[name])
            except Refusal as refusal:
                self.faults[name] = refusal
        return self

    def refuse(self, refusal: Refusal) -> Self:
        """Record a fault: next to its field, or above the form if it names no field of this one."""
        name = refusal.field if refusal.field in self.fields else ""
        self.faults[name] = refusal
        return self


def local_input_value(moment: datetime | None, zone: str) -> str:
    """Format a moment as the value of an `<input type=datetime-local>`; "" for None."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if moment else ""


def in_zone(moment: datetime | None, zone: str) -> datetime | None:
    """Place a moment that was typed without a time zone in the site's."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(zone))
