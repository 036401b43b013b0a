"""Reads front matter field by field, under the names that the various site generators use."""

import re

from blog.models.posts.content import normalized_key

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
EMPTY: tuple[object, ...] = (None, "", [], {})


class Fields:
    """The fields of one post. Reading a field removes it; the remaining ones are kept unchanged."""

    def __init__(self, raw: dict[str, object]) -> None:
        self.remaining = dict(raw)
        self.used: set[str] = set()
        for table in ("extra", "taxonomies", "params"):
            self._unfold(table)

    def _unfold(self, table: str) -> None:
        """Move the fields of a nested table to the top level: Zola nests tags and custom fields."""
        inner = self.remaining.get(table)
        if isinstance(inner, dict):
            del self.remaining[table]
            self.remaining = {**inner, **self.remaining}

    def take(self, *names: str, scalar: bool = False) -> object:
        """Remove and return the first non-empty field with one of these names, else None.

        Names are lower case with hyphens and also match keys like `Header_Img`. With `scalar`,
        lists and tables are skipped.
        """
        for name in names:
            for key, value in self.remaining.items():
                is_skipped = scalar and isinstance(value, dict | list)
                if normalized_key(key) == name and value not in EMPTY and not is_skipped:
                    self.used.add(name)
                    return self.remaining.pop(key)
        return None

    def copy(self) -> "Fields":
        """Return the fields that remain, to read some of them without removing them."""
        return Fields(self.remaining)

    def peek(self, *names: str) -> str:
        """Return the same as `text`, but do not remove the field."""
        for name in names:
            for key, value in self.remaining.items():
                if normalized_key(key) == name and value and not isinstance(value, dict | list):
                    return _line(value)
        return ""

    def one_of(self, name: str, *words: str) -> str:
        """Remove and return the field if it is one of these words; else leave it and return ""."""
        value = self.peek(name).lower()
        return self.text(name).lower() if value in words else ""

    @property
    def rest(self) -> dict[str, object]:
        """The non-empty fields that were not read."""
        return {key: value for key, value in self.remaining.items() if value not in EMPTY}

    def text(self, *names: str) -> str:
        """Remove and return the first of these fields as one line of text, else ""."""
        return _line(self.take(*names, scalar=True))

    def switch(self, *names: str) -> bool | None:
        """Return a boolean field; None if it is absent or not a boolean."""
        value = self.text(*names).lower()
        if value in TRUE:
            return True
        return False if value in FALSE else None

    def names(self, *names: str, words: bool = False) -> list[str]:
        """Return all these fields as one list without duplicates.

        With `words`, a string without commas and semicolons is split at its blanks.
        """
        values: list[str] = []
        for name in names:
            values += _names(self.take(name), words)
        return list(dict.fromkeys(values))

    def addresses(self, *names: str) -> list[str]:
        """Return the same as `names`, but do not split strings: addresses may contain commas."""
        values = [value for name in names for value in _as_list(self.take(name))]
        return list(dict.fromkeys(filter(None, map(_line, values))))

    def picture(self, *names: str) -> str:
        """Return the first of these fields: a string, the first item of a list, or a table."""
        value = self.take(*names)
        if isinstance(value, list):
            value = value[0]
        if isinstance(value, dict):
            value = next(
                (value[key] for key in ("image", "src", "url", "path") if key in value), ""
            )
        return "" if isinstance(value, dict | list) else _line(value)


def _line(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def _as_list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _names(value: object, words: bool) -> list[str]:
    """Return the names in a table, in a list of strings, lists and tables, or in one string."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "title", "display_name") if key in value), "")
        return [_line(value)] if _line(value) else []
    if isinstance(value, list):
        return [name for item in value for name in _item_names(item)]
    return _split(_line(value), words)


def _item_names(value: object) -> list[str]:
    """Return the names in an item of a list. A string is one name, even with commas."""
    if isinstance(value, dict | list):
        return _names(value, words=False)
    return [_line(value)] if _line(value) else []


def _split(text: str, words: bool) -> list[str]:
    """Split `a; b`, `a, b` and `a，b`; with `words` also `a b`, as Jekyll does."""
    for mark in (r";", r"[,，、]"):
        if re.search(mark, text):
            return [part.strip() for part in re.split(mark, text) if part.strip()]
    if words:
        return text.split()
    return [text] if text else []
