"""Writes the Markdown file of an exported post, with YAML front matter that `blog import` reads."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from blog.models.posts.content import REVISED, Value, Values
from blog.models.transfer.export import ExportedPost

EMPTY: tuple[object, ...] = ("", [], {}, False)
TO_ESCAPE = re.compile(r"[%?#:\s\\]")


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that does not quote strings such as `true` and 1.10."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- overrides an attribute of PyYAML

    def ignore_aliases(self, data: object) -> bool:
        """Write repeated values in full."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|\Z"), None)


def _represent_scalar(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


for type_ in (bool, int, float):
    _Dumper.add_representer(type_, _represent_scalar)


def file_of(post: ExportedPost, working_copy: Values | None = None) -> bytes:
    """Return the file of a post: front matter, then the unchanged text.

    With `working_copy`, return the file of that text, marked as a draft.
    """
    text = working_copy or post.text
    fields = _fields(post, text)
    if working_copy is not None:
        fields["draft"] = True
    return f"---\n{dump(fields)}---\n{text['body']}".encode()


def dump(fields: Mapping[str, object]) -> str:
    """Return fields as YAML, in their order."""
    return yaml.dump(dict(fields), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30)


def _fields(post: ExportedPost, text: Values) -> dict[str, object]:
    """Return the non-empty fields, and those of the imported front matter that were kept.

    A kept field that the blog knows today, but not when the post was imported, takes its place
    among the known ones, where it will also be after this file is imported.
    """
    fields: dict[str, object] = {
        **_content(post, text),
        "kind": post.kind,
        "draft": not post.is_public,  # which other programs understand
        "withdrawn": post.state == "withdrawn" and text is post.text,
        "date": _moment(post.publish_at),
        "updated": _moment(post.as_of) if post.as_of != post.publish_at else "",
        "authors": post.authors,
        "tags": post.tags,
        "url": _escaped(post.path),
        "aliases": [_escaped(path) for path in post.old_paths],
        "guid": post.uid,
        "links": {old: new for old, new in post.links.items() if old != new},
    }
    kept = dict(post.extra)
    for field in REVISED.values():
        key = field.key_in(kept)
        if key and fields[field.key] in EMPTY:
            fields[field.key] = kept.pop(key)
    written = {name: value for name, value in fields.items() if value not in EMPTY}
    kept = {name: value for name, value in kept.items() if name not in written}
    return {**written, **kept}


def _content(post: ExportedPost, text: Values) -> dict[str, object]:
    """Return the content except the body, under the first front-matter key of each field."""
    special: dict[str, object] = {
        "cover": _cover(post, str(text["cover"])),
        "is_listed": not text["is_listed"],  # under the key `unlisted`
        "takes_comments": _comments(post, text["takes_comments"]),
    }
    return {
        field.key: special.get(name, text[name])
        for name, field in REVISED.items()
        if field.front_matter
    }


def _comments(post: ExportedPost, takes_comments: Value) -> str:
    """Return `true` or `false` unless it is what an import assumes of a post or a page."""
    return "" if takes_comments == (post.kind == "post") else str(takes_comments).lower()


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(" ") if moment else ""


def _cover(post: ExportedPost, cover: str) -> str:
    """Return the cover under its imported name, the last one that `links` maps to the cover."""
    return next((old for old, new in reversed(post.links.items()) if new == cover), cover)


def _escaped(path: str) -> str:
    """Percent-encode only the characters that have a meaning in a URL, for readability."""
    return TO_ESCAPE.sub(lambda match: f"%{ord(match[0]):02X}", path)
