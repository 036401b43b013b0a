"""The kinds of jobs that the sandbox process does. Their time limits are in `protocol`."""

from collections.abc import Callable

from blog import markup
from blog.sandbox import images
from blog.sandbox.protocol import Frame, Head


def render(head: Head, raw: bytes) -> Frame:
    """Render the Markdown text in `head["source"]`."""
    sizes = {address: (width, height) for address, (width, height) in head["sizes"].items()}
    rendered = markup.render(
        head["source"], head["links"], trust=head["trust"], sizes=sizes, title=head["title"]
    )
    return {"rendered": rendered.to_json()}, b""


def picture(head: Head, raw: bytes) -> Frame:
    """Re-encode the uploaded picture `raw`. The reply holds both sizes, one after the other."""
    image = images.prepare(raw, head["name"], head["max_pixels"])
    return {"picture": image.metadata}, image.data + image.narrow


JOBS: dict[str, Callable[[Head, bytes], Frame]] = {"render": render, "picture": picture}
