"""Front matter read field by field, whichever generator's names it uses."""

import re
from typing import Any

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
EMPTY: tuple[Any, ...] = (None, "", [], {})
COVERS = (
    *("cover", "image", "header-img", "featured-image", "featuredimage", "feature-image"),
    *("thumbnail", "banner", "images", "hero", "og-image", "top-img"),
)


class Fields:
    """Front matter in hand: what is taken is gone, and what is left is kept as it was."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.left = dict(raw)
        self.used: set[str] = set()
        for table in ("extra", "taxonomies", "params"):
            self._unfold(table)

    def _unfold(self, table: str) -> None:
        """Zola keeps tags and its owner's own fields in tables of their own."""
        inner = self.left.get(table)
        if isinstance(inner, dict):
            del self.left[table]
            self.left = {**inner, **self.left}

    def take(self, *names: str, scalar: bool = False) -> Any:
        """The first field of these names that says something; `header_img` is `Header-Img`."""
        for name in names:
            for key, value in self.left.items():
                unfit = scalar and isinstance(value, dict | list)
                if _same(key) == name and value not in EMPTY and not unfit:
                    self.used.add(name)
                    return self.left.pop(key)
        return None

    def peek(self, *names: str) -> str:
        """Like `text`, and leaves the field where it is."""
        for name in names:
            for key, value in self.left.items():
                if _same(key) == name and value and not isinstance(value, dict | list):
                    return _line(value)
        return ""

    def one_of(self, name: str, *words: str) -> str:
        """The field if it says one of these words; a field that says anything else stays."""
        said = self.peek(name).lower()
        return self.text(name).lower() if said in words else ""

    @property
    def rest(self) -> dict[str, Any]:
        """What nobody took and says something."""
        return {key: value for key, value in self.left.items() if value not in EMPTY}

    def text(self, *names: str) -> str:
        return _line(self.take(*names, scalar=True))

    def switch(self, *names: str) -> bool | None:
        """What a yes-or-no field says; None where it is absent or says neither."""
        said = self.text(*names).lower()
        return True if said in TRUE else False if said in FALSE else None

    def names(self, *names: str, words: bool = False) -> list[str]:
        """All these fields as one list, each name once. `words`: blanks part a bare string."""
        found: list[str] = []
        for name in names:
            found += _names(self.take(name), words)
        return list(dict.fromkeys(found))

    def addresses(self, *names: str) -> list[str]:
        """Like `names`, but commas and blanks belong to an address."""
        found = [each for name in names for each in _each(self.take(name))]
        return list(dict.fromkeys(filter(None, map(_line, found))))

    def picture(self) -> str:
        """The cover: a string, the first of a list, or a table that names an image."""
        value = self.take(*COVERS)
        if isinstance(value, list):
            value = value[0]
        if isinstance(value, dict):
            value = next(
                (value[key] for key in ("image", "src", "url", "path") if key in value), ""
            )
        return "" if isinstance(value, dict | list) else _line(value)


def _same(key: str) -> str:
    return key.strip().lower().replace("_", "-")


def _line(value: Any) -> str:
    """One line of text."""
    return "" if value is None else " ".join(str(value).split())


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _names(value: Any, words: bool) -> list[str]:
    """Names out of a list (of lists, of tables with a name), or of one string."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "title", "display_name") if key in value), "")
        return [_line(value)] if _line(value) else []
    if isinstance(value, list):
        return [name for each in value for name in _one(each)]
    return _parted(_line(value), words)


def _one(value: Any) -> list[str]:
    """A member of a list is one name, commas and all."""
    if isinstance(value, dict | list):
        return _names(value, words=False)
    return [_line(value)] if _line(value) else []


def _parted(text: str, words: bool) -> list[str]:
    """`a; b`, `a, b` and `a，b`; with `words` also `a b`, as Jekyll reads it."""
    for mark in (r";", r"[,，、]"):
        if re.search(mark, text):
            return [part.strip() for part in re.split(mark, text) if part.strip()]
    return text.split() if words else [text] if text else []
