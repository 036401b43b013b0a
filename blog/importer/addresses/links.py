"""Resolves the links of old posts to posts of this blog, pictures in the folder or other sites.

The text of a post stays unchanged; the renderer gets a map from old targets to new addresses.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urljoin, urlsplit

from blog.importer import image_finder
from blog.importer.addresses.path_allocator import AllocatedPath
from blog.importer.source.scanner import within
from blog.importer.source.source_post import SourcePost
from blog.models.addresses.address import href, key_of

Kind = Literal["ours", "picture", "abroad", "dangling"]
# Routes of this blog, by the paths that other site generators use for them.
ATOM_FEEDS = ("/atom", "/atom.xml", "/feed.xml", "/feed.atom")
RSS_FEEDS = ("/feed", "/rss", "/index.xml", "/rss.xml")
ROUTES = {
    "/": "/",
    "/feed.json": "/feed.json",
    **dict.fromkeys(ATOM_FEEDS, "/feed.atom"),
    **dict.fromkeys(RSS_FEEDS, "/rss.xml"),
}
TEMPLATE_LINK = re.compile(
    r"""\{%-?\s*(?:post_url|link)\s+(?P<name>[^%}]+?)\s*-?%\}"""
    r"""|\{\{[<%]\s*(?:rel)?ref\s+"(?P<ref>[^"]+)"\s*[>%]\}\}"""
    r"""|\{\{-?\s*["'](?P<text>[^"']+)["']\s*\|\s*(?:relative_url|absolute_url)\s*-?\}\}"""
)
SITE_ROOT = re.compile(r"\{\{-?\s*site\.(?:baseurl|url)\s*-?\}\}|\{(?:filename|static|attach)\}")
TEMPLATED = re.compile(r"(?:\]\(|^\[[^\]\n]+\]:)[ \t]*(\{[{%][^\n]*?[%}]\}[^\s)]*)", re.M)
TEXT_SUFFIXES = ("", ".md", ".markdown", ".rst", "/index.md", ".html")


@dataclass(frozen=True)
class LinkTarget:
    """A resolved link.

    `ours` is a page of this blog at the address `to`, `picture` the file of a picture in the
    folder, `abroad` another site, and `dangling` a link without a target.
    """

    kind: Kind
    to: str = ""
    file: Path | None = None


class LinkResolver:
    """Finds posts of the collection by their file, file name, and each address they ever had."""

    def __init__(
        self,
        folder: Path,
        posts: Iterable[SourcePost],
        paths: Mapping[str, AllocatedPath],
        old_url: str = "",
    ) -> None:
        self.folder, self.paths = folder, paths
        self.old_site = urlsplit(
            old_url.rstrip("/") if "//" in old_url else f"//{old_url.strip('/')}"
        )
        self.files: dict[str, SourcePost] = {}
        self.addresses: dict[str, SourcePost] = {}
        self.names: dict[str, SourcePost] = {}
        for post in posts:
            self._add(post)

    def _add(self, post: SourcePost) -> None:
        self.files[post.file] = post
        self.names.setdefault(posixpath.splitext(posixpath.basename(post.file))[0], post)
        for path in filter(None, (post.path, *post.aliases, *post.guesses)):
            self.addresses.setdefault(key_of(path), post)

    def resolve(self, post: SourcePost, target: str) -> LinkTarget:
        """Resolve `target`, a link of the rendered text without its anchor."""
        return self._from_export(post, target) or self._from_old_site(post, target)

    def _from_export(self, post: SourcePost, target: str) -> LinkTarget | None:
        """Resolve a target that the front matter of an export maps to an address or a picture.

        If the post at that address gets a new address, the new one is returned.
        """
        exported = post.links.get(target, "")
        if not exported.startswith("/"):
            return None
        file = self.folder / exported.lstrip("/")
        if image_finder.is_picture(exported) and within(file, self.folder) and file.is_file():
            return LinkTarget("picture", file=file)
        linked = self.addresses.get(key_of(unquote(exported)))
        return LinkTarget("ours", href(self.paths[linked.file].address) if linked else exported)

    def _from_old_site(self, post: SourcePost, target: str) -> LinkTarget:
        plain, is_templated = self._without_template(unquote(target))
        inner = self._within_old_site(plain)
        if inner is None:
            return LinkTarget("abroad")
        path = inner.partition("?")[0]
        linked = self.names.get(path) if is_templated else None
        linked = linked or self._post(post, path)
        if linked:
            return LinkTarget("ours", href(self.paths[linked.file].address))
        if path.startswith("/") and key_of(path) in ROUTES:
            return LinkTarget("ours", ROUTES[key_of(path)])
        file = self._picture(post, path)
        return LinkTarget("picture", file=file) if file else LinkTarget("dangling")

    def _without_template(self, target: str) -> tuple[str, bool]:
        """Return the target without template tags, and whether a tag names the file of a post."""
        plain = SITE_ROOT.sub("", target)
        if match := TEMPLATE_LINK.search(plain):
            name = match["name"] or match["ref"] or match["text"]
            return name.strip() + plain[match.end() :], True
        return plain, False

    def _within_old_site(self, target: str) -> str | None:
        """Return the path of an address within the old site; None for any other address."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if not parts.scheme and not parts.netloc:
            return target
        if parts.scheme not in ("", "http", "https") or not self.old_site.netloc:
            return None
        base = self.old_site.path
        is_below = parts.path == base or parts.path.startswith(f"{base}/")
        if parts.netloc.lower() != self.old_site.netloc.lower() or not is_below:
            return None
        return parts.path.removeprefix(base) or "/"

    def _post(self, post: SourcePost, path: str) -> SourcePost | None:
        """Find a post by file beside the text, then by file below a root, then by address."""
        if not path.strip("/"):
            return None
        if path.startswith("@/"):
            return self._from_roots(post, path[2:])
        if not path.startswith("/"):
            beside = posixpath.join(posixpath.dirname(post.file), path)
            return (
                self._file(beside) or self._from_roots(post, path) or self._by_address(post, path)
            )
        return self._by_absolute_path(post, path)

    def _by_absolute_path(self, post: SourcePost, path: str) -> SourcePost | None:
        return self.addresses.get(key_of(path)) or self._from_roots(post, path.lstrip("/"))

    def _file(self, path: str) -> SourcePost | None:
        plain = posixpath.normpath(path)
        names = (plain + suffix for suffix in TEXT_SUFFIXES)
        return next((self.files[name] for name in names if name in self.files), None)

    def _from_roots(self, post: SourcePost, path: str) -> SourcePost | None:
        """Find a post by file, from every folder above the text, one of which is the site root."""
        root = posixpath.dirname(post.file)
        while path.strip("/"):
            if linked := self._file(posixpath.join(root, path)):
                return linked
            if not root:
                break
            root = posixpath.dirname(root)
        return None

    def _by_address(self, post: SourcePost, path: str) -> SourcePost | None:
        """Resolve a relative path as a browser did on the old page."""
        for own in filter(None, (post.path, *post.guesses)):
            joined = unquote(urljoin(quote(own), quote(path)))
            if linked := self._by_absolute_path(post, joined):
                return linked
        return None

    def _picture(self, post: SourcePost, path: str) -> Path | None:
        if not image_finder.is_picture(path):
            return None
        return image_finder.find(path, post.file, self.folder) or self._beside_other_post(
            post, path
        )

    def _beside_other_post(self, post: SourcePost, path: str) -> Path | None:
        """Find a picture below the address of another post, in the folder of that post."""
        for own in filter(None, (post.path, *post.guesses)):
            folder, _, name = unquote(urljoin(quote(own), quote(path))).rpartition("/")
            neighbour = self.addresses.get(key_of(folder))
            file = image_finder.find(name, neighbour.file, self.folder) if neighbour else None
            if file:
                return file
        return None


def templated(body: str) -> list[str]:
    """Return link targets written as template tags, which Markdown does not parse as links."""
    return list(dict.fromkeys(TEMPLATED.findall(body)))
