"""The kinds of heavy work, as the child does them. Each has its limits in `frames`."""

from collections.abc import Callable
from typing import Any

from blog import markup
from blog.sandbox import images
from blog.sandbox.protocol import Frame


def render(head: dict[str, Any], raw: bytes) -> Frame:
    sizes = {name: (width, height) for name, (width, height) in head["sizes"].items()}
    how = {"trust": head["trust"], "sizes": sizes, "title": head["title"]}
    rendered = markup.render(head["source"], head["links"], **how)
    return {"rendered": rendered.to_json()}, b""


def picture(head: dict[str, Any], raw: bytes) -> Frame:
    made = images.prepare(raw, head["name"], head["max_pixels"])
    return {"picture": made.values}, made.data + made.narrow


JOBS: dict[str, Callable[[dict[str, Any], bytes], Frame]] = {"render": render, "picture": picture}
