"""What stands above the text of a written-out post: YAML, in the words that `blog import` reads."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from blog.models.transfer.export import ExportBatch, ExportedText

IN_NEED = re.compile(r"[%?#:\s\\]")


class _Dumper(yaml.SafeDumper):
    """Scalars are written as they were typed: `comments: true` stays unquoted, 1.10 stays 1.10."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- yaml's own way of saying it

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists stand indented below their name."""
        super().increase_indent(flow, False)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|\Z"), None)


def _plain(dumper: yaml.SafeDumper, value: Any) -> yaml.Node:
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", said)


for kind in (bool, int, float):
    _Dumper.add_representer(kind, _plain)


def file_of(post: ExportBatch, words: ExportedText | None = None) -> bytes:
    """The whole file: what is said of the post, then its text exactly as typed.

    With `words`, they stand in for what readers see.
    """
    fields = _fields(post, words or post.words)
    if words is not None:
        fields["draft"] = True
    return f"---\n{dump(fields)}---\n{(words or post.words).body}".encode()


def dump(fields: Mapping[str, Any]) -> str:
    return yaml.dump(dict(fields), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=2**30)


def _fields(post: ExportBatch, words: ExportedText) -> dict[str, Any]:
    ours = {
        "title": words.title,
        "kind": post.kind,
        "draft": not post.is_public,  # which every program understands
        "withdrawn": post.state == "withdrawn" and words is post.words,
        "date": _moment(post.publish_at),
        "updated": _moment(post.as_of) if post.as_of != post.publish_at else "",
        "authors": post.authors,
        "tags": post.tags,
        "summary": words.summary,
        "language": words.language,
        "cover": _as_typed(post, words.cover),
        "url": _written(post.path),
        "slug": words.slug,
        "aliases": [_written(path) for path in post.leads],
        "unlisted": not words.is_listed,
        "comments": words.takes_comments if words.takes_comments != _usual(post) else "",
        "guid": post.uid,
        "links": {old: new for old, new in post.links.items() if old != new},
    }
    said = {name: value for name, value in ours.items() if value not in ("", [], {}, False)}
    if ours["comments"] is False:
        said["comments"] = False
    return {**said, **{name: value for name, value in post.extra.items() if name not in said}}


def _usual(post: ExportBatch) -> bool:
    return post.kind == "post"


def _moment(moment: Any) -> str:
    return moment.isoformat(" ") if moment else ""


def _as_typed(post: ExportBatch, cover: str) -> str:
    """The picture's own name in the old blog, which `links` leads on from: the cover's is last."""
    return next((old for old, new in reversed(post.links.items()) if new == cover), cover)


def _written(path: str) -> str:
    """Readable in any script; what would mean something in an address is escaped."""
    return IN_NEED.sub(lambda found: f"%{ord(found[0]):02X}", path)
