"""Writes the Markdown file of an exported post, with YAML front matter that `blog import` reads."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from blog.models.transfer.export import ExportedPost, ExportedText

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


def file_of(post: ExportedPost, working_copy: ExportedText | None = None) -> bytes:
    """Return the file of a post: front matter, then the unchanged text.

    With `working_copy`, return the file of that text, marked as a draft.
    """
    text = working_copy or post.text
    fields = _fields(post, text)
    if working_copy is not None:
        fields["draft"] = True
    return f"---\n{dump(fields)}---\n{text.body}".encode()


def dump(fields: Mapping[str, object]) -> str:
    """Return fields as YAML, in their order."""
    return yaml.dump(dict(fields), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30)


def _fields(post: ExportedPost, text: ExportedText) -> dict[str, object]:
    """Return the non-empty fields, and those of the imported front matter that were kept."""
    fields: dict[str, object] = {
        "title": text.title,
        "kind": post.kind,
        "draft": not post.is_public,  # which other programs understand
        "withdrawn": post.state == "withdrawn" and text is post.text,
        "date": _moment(post.publish_at),
        "updated": _moment(post.as_of) if post.as_of != post.publish_at else "",
        "authors": post.authors,
        "tags": post.tags,
        "summary": text.summary,
        "language": text.language,
        "cover": _cover(post, text.cover),
        "url": _escaped(post.path),
        "slug": text.slug,
        "aliases": [_escaped(path) for path in post.old_paths],
        "unlisted": not text.is_listed,
        "comments": text.takes_comments
        if text.takes_comments != _default_takes_comments(post)
        else "",
        "guid": post.uid,
        "links": {old: new for old, new in post.links.items() if old != new},
    }
    written = {name: value for name, value in fields.items() if value not in ("", [], {}, False)}
    if fields["comments"] is False:
        written["comments"] = False
    kept = {name: value for name, value in post.extra.items() if name not in written}
    return {**written, **kept}


def _default_takes_comments(post: ExportedPost) -> bool:
    return post.kind == "post"


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(" ") if moment else ""


def _cover(post: ExportedPost, cover: str) -> str:
    """Return the cover under its imported name, the last one that `links` maps to the cover."""
    return next((old for old, new in reversed(post.links.items()) if new == cover), cover)


def _escaped(path: str) -> str:
    """Percent-encode only the characters that have a meaning in a URL, for readability."""
    return TO_ESCAPE.sub(lambda match: f"%{ord(match[0]):02X}", path)
