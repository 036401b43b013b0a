"""What stands above the text of an old post: YAML, TOML, JSON or Pelican's headers, or nothing."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

LONGEST = 64_000  # characters
DEEPEST = 12
MOST_VALUES = 2_000
YAML_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
TOML_BLOCK = re.compile(r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*(?:\r?\n|\Z)", re.S | re.M)
OPEN_BLOCK = re.compile(r"((?:[\w-]+:.*\r?\n|[ \t]+.*\r?\n|-[ \t].*\r?\n)+)---+[ \t]*(?:\r?\n|\Z)")
LINE_END = r"(?:\r?\n|\Z)"
UNENDED = re.compile(
    r"---[ \t]*\r?\n((?:[\w-]+:.*\r?\n|[ \t]+\S.*\r?\n|-[ \t].*\r?\n)+)(?=\r?\n|\Z)"
)
HEADERS = re.compile(rf"((?:[A-Za-z][\w-]*:.*{LINE_END}(?:[ \t]{{4,}}\S.*{LINE_END})*)+){LINE_END}")
ONE_HEADER = re.compile(r"([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t]{4,}\S.*)*)")
ONE_YAML = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*))?$((?:\n[ \t]*-[ \t]+.*)*)", re.M)
# Whoever indented these wrongly meant them all the same: no draft is published by a stray tab.
STRAY = re.compile(r"^[ \t]+(draft|published|status|hidden)[ \t]*:[ \t]+(\S.*)$", re.M | re.I)
ONE_TOML = re.compile(r"^([A-Za-z][\w-]*)[ \t]*=.*$", re.M)


@dataclass(frozen=True)
class FrontMatter:
    """What was said of a text, and the text. `fault` says what is wrong with the former."""

    body: str
    fields: dict[str, Any] = field(default_factory=dict)
    shape: str = "none"
    fault: str = ""


class _Loader(yaml.SafeLoader):
    """YAML whose scalars stay as typed: a tag 1.10 is not 1.1, and no date is wrong."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- yaml's own way of saying it


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|\Z"), None)


def _as_typed(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    """A node with a foreign tag, such as Ruby's, is taken without it."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]  # a scalar is all that is left


_Loader.add_multi_constructor("", _as_typed)


def split(text: str) -> FrontMatter:
    """Front matter and text. Never raises: what is broken is taken as far as it can be read."""
    for shape, block, read, salvage in SHAPES:
        if found := block.match(text, 0, LONGEST):
            taken = _take(shape, found[1], text[found.end() :], read, salvage)
            if taken:
                return taken
    return _json(text) or _headers(text) or FrontMatter(text)


def _take(
    shape: str, block: str, body: str, read: Callable[[str], Any], salvage: Callable[[str], Any]
) -> FrontMatter | None:
    """None where the block is no front matter at all, only text between two rules."""
    block = block.replace("\r\n", "\n")
    try:
        fields, fault = read(block), ""
        if fields is None and not block.strip():
            fields = {}
        if isinstance(fields, dict):
            fields = plain(fields)
    except Exception as error:  # the parsers raise a dozen kinds on bad input
        fields, fault = salvage(block), _first_line(error)
    if not isinstance(fields, dict) or (fault and not fields):
        return None
    return FrontMatter(body, fields, shape, fault)


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return str(problem).splitlines()[0][:200]


def _read_yaml(block: str) -> Any:
    return yaml.load(block, Loader=_Loader)  # noqa: S506 -- a SafeLoader, made plainer


def _salvage_yaml(block: str) -> dict[str, Any]:
    """Each line that can be read by itself; a value that cannot is taken as typed."""
    fields: dict[str, Any] = {}
    for found in ONE_YAML.finditer(block):
        value = found[3].strip("\n") if found[3] and not found[2] else found[2] or ""
        fields[found[1]] = _yaml_value(value)
    for name, value in STRAY.findall(block):
        fields.setdefault(name.lower(), _yaml_value(value))
    return fields


def _yaml_value(text: str) -> Any:
    """A value by itself; as typed where it is broken, or where a colon made it a table."""
    try:
        value = plain(_read_yaml(text))
    except Exception:
        return text.strip()
    return text.strip() if isinstance(value, dict) else value


def _salvage_toml(block: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for found in ONE_TOML.finditer(block):
        try:
            fields.update(plain(tomllib.loads(found[0])))
        except (ValueError, RecursionError):
            continue
    return fields


SHAPES: tuple[tuple[str, re.Pattern[str], Callable[[str], Any], Callable[[str], Any]], ...] = (
    ("yaml", YAML_BLOCK, _read_yaml, _salvage_yaml),
    ("toml", TOML_BLOCK, tomllib.loads, _salvage_toml),
)


def _json(text: str) -> FrontMatter | None:
    """Hugo's third form: an object, then the text."""
    if not text.startswith("{") or '"' not in text[:200]:
        return None
    try:
        fields, end = json.JSONDecoder().raw_decode(text[:LONGEST])
        fields = plain(fields)
    except (ValueError, RecursionError):
        return None
    return FrontMatter(text[end:].removeprefix("\r").removeprefix("\n"), fields, "json")


def _headers(text: str) -> FrontMatter | None:
    """Pelican's `Title: …` lines, Hexo's old form that opens without a rule, or one left open."""
    if (found := UNENDED.match(text, 0, LONGEST)) and _says_title(found[1]):
        taken = _take("yaml", found[1], text[found.end() :], _read_yaml, _salvage_yaml)
        return taken and replace(taken, fault=taken.fault or "it has no end")
    if (found := OPEN_BLOCK.match(text, 0, LONGEST)) and _says_title(found[1]):
        return _take("yaml", found[1], text[found.end() :], _read_yaml, _salvage_yaml)
    found = HEADERS.match(text, 0, LONGEST)
    if not found or not _says_title(found[1]):
        return None
    lines = ONE_HEADER.findall(found[1].replace("\r\n", "\n"))
    fields = {key: " ".join(value.split()) for key, value in lines}
    return FrontMatter(text[found.end() :], fields, "headers")


def _says_title(block: str) -> bool:
    """A text may begin with "Note: …"; front matter names a title."""
    return bool(re.search(r"^title:", block, re.I | re.M))


def plain(value: Any) -> Any:
    """The value in JSON's terms. Raises ValueError for what is too deep or too much."""
    return _plain(value, [MOST_VALUES], DEEPEST)


def _plain(value: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise ValueError("it is too long")
    if isinstance(value, dict):
        return {str(key): _plain(each, left, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, left, depth - 1) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "year") else str(value)
