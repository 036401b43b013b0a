"""Where the links of an old post lead now: the text stays, a map from old target to new is made."""

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
# Our own routes under the names that other generators give them.
FEEDS = ("/feed", "/rss", "/atom", "/atom.xml", "/feed.xml", "/index.xml", "/rss.xml", "/feed.atom")
ROUTES = {"/": "/", **dict.fromkeys(FEEDS, "/feed.atom")}
LIQUID = re.compile(
    r"""\{%-?\s*(?:post_url|link)\s+(?P<name>[^%}]+?)\s*-?%\}"""
    r"""|\{\{[<%]\s*(?:rel)?ref\s+"(?P<ref>[^"]+)"\s*[>%]\}\}"""
    r"""|\{\{-?\s*["'](?P<text>[^"']+)["']\s*\|\s*(?:relative_url|absolute_url)\s*-?\}\}"""
)
SITE = re.compile(r"\{\{-?\s*site\.(?:baseurl|url)\s*-?\}\}|\{(?:filename|static|attach)\}")
TEMPLATED = re.compile(r"(?:\]\(|^\[[^\]\n]+\]:)[ \t]*(\{[{%][^\n]*?[%}]\}[^\s)]*)", re.M)
TEXTS = ("", ".md", ".markdown", ".rst", "/index.md", ".html")


@dataclass(frozen=True)
class Way:
    """Where a target leads. `to` is ours if `ours`, `file` the picture's if `picture`."""

    kind: Kind
    to: str = ""
    file: Path | None = None


class LinkResolver:
    """Knows every post of the collection by its file, and by each address it ever had."""

    def __init__(
        self,
        folder: Path,
        posts: Iterable[SourcePost],
        places: Mapping[str, AllocatedPath],
        old_url: str = "",
    ) -> None:
        self.folder, self.places = folder, places
        self.old = urlsplit(old_url.rstrip("/") if "//" in old_url else f"//{old_url.strip('/')}")
        self.files: dict[str, SourcePost] = {}
        self.addresses: dict[str, SourcePost] = {}
        self.names: dict[str, SourcePost] = {}
        for post in posts:
            self._learn(post)

    def _learn(self, post: SourcePost) -> None:
        self.files[post.file] = post
        self.names.setdefault(posixpath.splitext(posixpath.basename(post.file))[0], post)
        for path in filter(None, (post.path, *post.aliases, *post.guesses)):
            self.addresses.setdefault(key_of(path), post)

    def way(self, post: SourcePost, target: str) -> Way:
        """Where `target`, as the rendered text has it, leads; without its anchor."""
        return self._as_said(post, target) or self._found(post, target)

    def _as_said(self, post: SourcePost, target: str) -> Way | None:
        """An export of ours says it; where a post has moved since, its new address is taken."""
        said = post.links.get(target, "")
        if not said.startswith("/"):
            return None
        file = self.folder / said.lstrip("/")
        if image_finder.is_picture(said) and within(file, self.folder) and file.is_file():
            return Way("picture", file=file)
        found = self.addresses.get(key_of(unquote(said)))
        return Way("ours", href(self.places[found.file].address) if found else said)

    def _found(self, post: SourcePost, target: str) -> Way:
        bare, templated = self._untemplated(unquote(target))
        inner = self._inner(bare)
        if inner is None:
            return Way("abroad")
        path = inner.partition("?")[0]
        found = (
            self._post(post, path)
            if not templated
            else self.names.get(path) or self._post(post, path)
        )
        if found:
            return Way("ours", href(self.places[found.file].address))
        if path.startswith("/") and key_of(path) in ROUTES:
            return Way("ours", ROUTES[key_of(path)])
        file = self._picture(post, path)
        return Way("picture", file=file) if file else Way("dangling")

    def _untemplated(self, target: str) -> tuple[str, bool]:
        """The target with its generator's marks resolved; True if it names a post's file."""
        plain = SITE.sub("", target)
        if found := LIQUID.search(plain):
            name = found["name"] or found["ref"] or found["text"]
            return name.strip() + plain[found.end() :], True
        return plain, False

    def _inner(self, target: str) -> str | None:
        """The part of an address that is within the old site; None for one that is not."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if not parts.scheme and not parts.netloc:
            return target
        if parts.scheme not in ("", "http", "https") or not self.old.netloc:
            return None
        within = parts.path == self.old.path or parts.path.startswith(f"{self.old.path}/")
        if parts.netloc.lower() != self.old.netloc.lower() or not within:
            return None
        return parts.path.removeprefix(self.old.path) or "/"

    def _post(self, post: SourcePost, path: str) -> SourcePost | None:
        """By file beside the text, by file from a root, by address."""
        if not path.strip("/"):
            return None
        if path.startswith("@/"):
            return self._from_roots(post, path[2:])
        if not path.startswith("/"):
            here = posixpath.join(posixpath.dirname(post.file), path)
            return self._file(here) or self._from_roots(post, path) or self._by_address(post, path)
        return self._from_the_root(post, path)

    def _from_the_root(self, post: SourcePost, path: str) -> SourcePost | None:
        return self.addresses.get(key_of(path)) or self._from_roots(post, path.lstrip("/"))

    def _file(self, path: str) -> SourcePost | None:
        plain = posixpath.normpath(path)
        return next((self.files[plain + end] for end in TEXTS if plain + end in self.files), None)

    def _from_roots(self, post: SourcePost, path: str) -> SourcePost | None:
        """From every folder above the text that may be the root of the old site."""
        where = posixpath.dirname(post.file)
        while path.strip("/"):
            if found := self._file(posixpath.join(where, path)):
                return found
            if not where:
                break
            where = posixpath.dirname(where)
        return None

    def _by_address(self, post: SourcePost, path: str) -> SourcePost | None:
        """As a browser would have read it on the old page."""
        for own in filter(None, (post.path, *post.guesses)):
            joined = unquote(urljoin(quote(own), quote(path)))
            if found := self._from_the_root(post, joined):
                return found
        return None

    def _picture(self, post: SourcePost, path: str) -> Path | None:
        if not image_finder.is_picture(path):
            return None
        return image_finder.find(path, post.file, self.folder) or self._beside_another(post, path)

    def _beside_another(self, post: SourcePost, path: str) -> Path | None:
        """A picture under another post's address lies in that post's folder."""
        for own in filter(None, (post.path, *post.guesses)):
            folder, _, name = unquote(urljoin(quote(own), quote(path))).rpartition("/")
            neighbour = self.addresses.get(key_of(folder))
            if neighbour and (found := image_finder.find(name, neighbour.file, self.folder)):
                return found
        return None


def templated(body: str) -> list[str]:
    """Targets that are written as their generator's tags, which are no links to Markdown."""
    return list(dict.fromkeys(TEMPLATED.findall(body)))
