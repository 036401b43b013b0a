"""Splits front matter (YAML, TOML, JSON or Pelican headers) from the text of an old post."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

import yaml

T = TypeVar("T")
MAX_LENGTH = 64_000  # characters
MAX_DEPTH = 12
MAX_VALUES = 2_000
YAML_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
TOML_BLOCK = re.compile(r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*(?:\r?\n|\Z)", re.S | re.M)
OPEN_BLOCK = re.compile(r"((?:[\w-]+:.*\r?\n|[ \t]+.*\r?\n|-[ \t].*\r?\n)+)---+[ \t]*(?:\r?\n|\Z)")
LINE_END = r"(?:\r?\n|\Z)"
UNCLOSED_BLOCK = re.compile(
    r"---[ \t]*\r?\n((?:[\w-]+:.*\r?\n|[ \t]+\S.*\r?\n|-[ \t].*\r?\n)+)(?=\r?\n|\Z)"
)
HEADERS = re.compile(rf"((?:[A-Za-z][\w-]*:.*{LINE_END}(?:[ \t]{{4,}}\S.*{LINE_END})*)+){LINE_END}")
HEADER_LINE = re.compile(r"([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t]{4,}\S.*)*)")
YAML_LINE = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*))?$((?:\n[ \t]*-[ \t]+.*)*)", re.M)
# Fields that count even with a wrong indentation, so that a stray tab never publishes a draft.
INDENTED_LINE = re.compile(
    r"^[ \t]+(draft|published|status|hidden)[ \t]*:[ \t]+(\S.*)$", re.M | re.I
)
TOML_LINE = re.compile(r"^([A-Za-z][\w-]*)[ \t]*=.*$", re.M)


@dataclass(frozen=True)
class FrontMatter:
    """The fields and the text of a file.

    `shape` is the format, such as `yaml`, and `fault` describes an error in the front matter.
    """

    body: str
    fields: dict[str, object] = field(default_factory=dict)
    shape: str = "none"
    fault: str = ""


class _Loader(yaml.SafeLoader):
    """A YAML loader that returns scalars as strings, so that the tag 1.10 does not become 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- overrides an attribute of PyYAML


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|\Z"), None)


def _without_tag(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> object:
    """Construct a node with an unknown tag, such as one of Ruby, as if it had no tag."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]  # a scalar is all that is left


_Loader.add_multi_constructor("", _without_tag)


def split(text: str) -> FrontMatter:
    """Split a file into front matter and text.

    Never raises: of invalid front matter, the fields that can be read are returned.
    """
    for pattern, format in FORMATS:
        if match := pattern.match(text, 0, MAX_LENGTH):
            front_matter = _parse(format, match[1], text[match.end() :])
            if front_matter:
                return front_matter
    return _json(text) or _headers(text) or FrontMatter(text)


def _parse(format: "_Format", block: str, body: str) -> FrontMatter | None:
    """Parse a block. Returns None if it is not front matter, but text between two rules."""
    block = block.replace("\r\n", "\n")
    fields: object
    try:
        fields, fault = format.read(block), ""
        if fields is None and not block.strip():
            fields = {}
        if isinstance(fields, dict):
            fields = plain(fields)
    except Exception as error:  # the parsers raise many types of exceptions on invalid input
        fields, fault = format.salvage(block), _first_line(error)
    if not isinstance(fields, dict) or (fault and not fields):
        return None
    return FrontMatter(body, fields, format.name, fault)


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return str(problem).splitlines()[0][:200]


def _read_yaml(block: str) -> object:
    return yaml.load(block, Loader=_Loader)  # noqa: S506 -- a subclass of SafeLoader


def _salvage_yaml(block: str) -> dict[str, object]:
    """Parse every line that can be parsed by itself; other values become strings."""
    fields: dict[str, object] = {}
    for line in YAML_LINE.finditer(block):
        value = line[3].strip("\n") if line[3] and not line[2] else line[2] or ""
        fields[line[1]] = _yaml_value(value)
    for name, value in INDENTED_LINE.findall(block):
        fields.setdefault(name.lower(), _yaml_value(value))
    return fields


def _yaml_value(text: str) -> object:
    """Parse one value; return the text if it is invalid, or a table because of a colon."""
    try:
        value = plain(_read_yaml(text))
    except Exception:
        return text.strip()
    return text.strip() if isinstance(value, dict) else value


def _salvage_toml(block: str) -> dict[str, object]:
    fields: dict[str, object] = {}
    for line in TOML_LINE.finditer(block):
        try:
            fields.update(plain(tomllib.loads(line[0])))
        except (ValueError, RecursionError):
            continue
    return fields


class _Format(NamedTuple):
    """A format of front matter. `salvage` reads what it can from an invalid block."""

    name: str
    read: Callable[[str], object]
    salvage: Callable[[str], dict[str, object]]


YAML = _Format("yaml", _read_yaml, _salvage_yaml)
TOML = _Format("toml", tomllib.loads, _salvage_toml)
FORMATS = ((YAML_BLOCK, YAML), (TOML_BLOCK, TOML))


def _json(text: str) -> FrontMatter | None:
    """Split a JSON object, which Hugo allows, from the text."""
    if not text.startswith("{") or '"' not in text[:200]:
        return None
    try:
        values, end = json.JSONDecoder().raw_decode(text[:MAX_LENGTH])
        fields = plain(values)
    except (ValueError, RecursionError):
        return None
    return FrontMatter(text[end:].removeprefix("\r").removeprefix("\n"), fields, "json")


def _headers(text: str) -> FrontMatter | None:
    """Split front matter without a pair of rules around it.

    Reads a block that is not closed, Hexo's old form without an opening rule, and Pelican's
    `Title: …` lines.
    """
    if (match := UNCLOSED_BLOCK.match(text, 0, MAX_LENGTH)) and _has_title(match[1]):
        front_matter = _parse(YAML, match[1], text[match.end() :])
        return front_matter and replace(front_matter, fault=front_matter.fault or "it has no end")
    if (match := OPEN_BLOCK.match(text, 0, MAX_LENGTH)) and _has_title(match[1]):
        return _parse(YAML, match[1], text[match.end() :])
    match = HEADERS.match(text, 0, MAX_LENGTH)
    if not match or not _has_title(match[1]):
        return None
    lines = HEADER_LINE.findall(match[1].replace("\r\n", "\n"))
    fields: dict[str, object] = {key: " ".join(value.split()) for key, value in lines}
    return FrontMatter(text[match.end() :], fields, "headers")


def _has_title(block: str) -> bool:
    """Whether the block has a title: without one, it may be a text that begins with "Note: …"."""
    return bool(re.search(r"^title:", block, re.I | re.M))


def plain(value: T) -> T:
    """Return the value as JSON types. Raises `ValueError` if it is too deep or too large."""
    return cast(T, _plain(value, [MAX_VALUES], MAX_DEPTH))


def _plain(value: object, values_left: list[int], depth: int) -> object:
    """Convert recursively. `values_left` holds one number, which all calls count down."""
    values_left[0] -= 1
    if values_left[0] < 0 or depth < 0:
        raise ValueError("it is too long")
    if isinstance(value, dict):
        return {str(key): _plain(item, values_left, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, values_left, depth - 1) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)
