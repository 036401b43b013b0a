"""Determines where the old site served a post: its address, aliases and likely other paths."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from blog.config import N_
from blog.importer.addresses import permalinks
from blog.importer.source.fields import Fields
from blog.importer.source.scanner import TextFile


class Remarker(Protocol):
    """Adds a message (marked with `N_`) to the import report."""

    def __call__(self, kind: str, message: str, **params: str) -> None:
        """Add a remark of a kind, such as `address`."""


@dataclass(frozen=True)
class PostNames:
    """The values that placeholders of an address pattern may take from a post.

    `bare` is the file name without date and language, `typed_slug` the slug of the front matter,
    `is_filed` whether the file is in `_posts` or `_drafts`, and `is_bundle` whether it is the
    index file of its own folder.
    """

    file: TextFile
    title: str
    bare: str
    slug: str
    typed_slug: str
    categories: list[str]
    date: datetime | None
    is_filed: bool
    is_bundle: bool

    @property
    def placeholders(self) -> dict[str, str]:
        """Value by placeholder. `:title` is the file name in Jekyll and Hexo, the title in Hugo."""
        title = self.bare if self.is_filed else permalinks.urlize(self.title)
        categories = "/".join(map(permalinks.urlize, self.categories))
        return {
            "title": self.typed_slug or title,
            "post_title": self.bare,
            "slug": self.typed_slug or self.slug,
            "name": self.bare,
            "filename": self.bare,
            "slugorfilename": self.typed_slug or self.bare,
            "categories": categories,
            "category": categories.partition("/")[0],
        }


class OldAddresses:
    """Reads the addresses of a post from its front matter."""

    def __init__(self, fields: Fields, names: PostNames, remark: Remarker) -> None:
        self.fields, self.names, self.remark = fields, names, remark

    def live(self, shape: str, pattern: str) -> str | None:
        """Return the address in the front matter, else the one that the pattern gives, else None.

        `shape` is the format of the front matter, such as `toml`.
        """
        own = self.fields.text("path", "url", "permalink", "save-as")
        if not own:
            return self._expand(pattern)
        if shape == "toml" and "url" not in self.fields.used:
            own = own.rstrip("/") + "/"  # Zola's `path`: Zola always serves a page with a slash
        own = own.removesuffix("index.html")
        path = self._expand_own(own) if _is_pattern(own) else permalinks.clean(own)
        if path is None:
            self._report_unusable(own)
        return path

    def _expand_own(self, own: str) -> str | None:
        """Expand a permalink that is a pattern or the name of one, which Jekyll allows."""
        try:
            return self._expand(permalinks.check(own))
        except permalinks.BadPattern:
            return permalinks.clean(own)

    def _expand(self, pattern: str) -> str | None:
        return (
            permalinks.expand(pattern, self.names.date, self.names.placeholders)
            if pattern
            else None
        )

    def _report_unusable(self, address: str) -> None:
        message = N_("The address %(path)s cannot be used.")
        self.remark("address", message, path=address[:200])

    def aliases(self, path: str | None) -> list[str]:
        """Return further addresses that redirected to the post, without `path`."""
        aliases: dict[str, None] = {}
        for typed in self.fields.addresses("aliases", "alias", "redirect-from"):
            alias = permalinks.clean(typed)
            if alias is None:
                self._report_unusable(typed)
            elif alias != path:
                aliases[alias] = None
        return list(aliases)

    def guesses(self, shape: str) -> list[str]:
        """Return the paths of the post under the default settings of the usual site generators."""
        if self.names.is_filed:
            patterns = (permalinks.NAMED["pretty"], "/:year/:month/:day/:title/")
            return _unique(map(self._expand, patterns))
        if shape == "headers":
            return _unique([permalinks.clean(f"{self.names.slug}.html")])
        below_root = self._folders()
        if below_root is None and shape != "toml":
            return []
        folders = self.names.file.parents if below_root is None else below_root
        if self.names.is_bundle:
            folders = folders[:-1]
        last = self.names.typed_slug or self.names.bare
        return _unique([permalinks.clean("/".join([*folders, last]) + "/")])

    def _folders(self) -> list[str] | None:
        """Return the folders between the site root and the file; None if the root is unknown."""
        parents = self.names.file.parents
        for top in ("content", "source"):
            if top in parents:
                return parents[parents.index(top) + 1 :]
        return None


def _is_pattern(own: str) -> bool:
    return own in permalinks.NAMED or ":" in own.partition("://")[0]


def _unique(paths: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(filter(None, paths)))
