"""Where the old site served a post: its own address, aliases, and what its makers default to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from blog.config import N_
from blog.importer.addresses import permalinks
from blog.importer.source.fields import Fields
from blog.importer.source.scanner import TextFile


class Remarker(Protocol):
    """Takes one sentence for the receipt."""

    def __call__(self, kind: str, message: str, **params: str) -> None: ...


@dataclass(frozen=True)
class Names:
    """What an address pattern may name of a post."""

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
    def words(self) -> dict[str, str]:
        """Jekyll's and Hexo's `:title` is the file's name, Hugo's the title."""
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


class Addresses:
    """Reads the addresses out of a post's front matter."""

    def __init__(self, fields: Fields, names: Names, remark: Remarker) -> None:
        self.fields, self.names, self.remark = fields, names, remark

    def live(self, shape: str, pattern: str) -> str | None:
        """The post's own address, else what the pattern makes, else none."""
        own = self.fields.text("path", "url", "permalink", "save-as")
        if not own:
            return self._expand(pattern)
        if shape == "toml" and "url" not in self.fields.used:
            own = own.rstrip("/") + "/"  # Zola's `path`: it always serves a page with a slash
        own = own.removesuffix("index.html")
        path = self._own_pattern(own) if _is_pattern(own) else permalinks.clean(own)
        if path is None:
            self._refuse(own)
        return path

    def _own_pattern(self, own: str) -> str | None:
        """Jekyll lets a post's permalink be a pattern, or the name of one."""
        try:
            return self._expand(permalinks.check(own))
        except permalinks.BadPattern:
            return permalinks.clean(own)

    def _expand(self, pattern: str) -> str | None:
        return permalinks.expand(pattern, self.names.date, self.names.words) if pattern else None

    def _refuse(self, address: str) -> None:
        message = N_("The address %(path)s cannot be used.")
        self.remark("address", message, path=address[:200])

    def aliases(self, path: str | None) -> list[str]:
        """Further addresses that the old site answered; `path` is not one of them."""
        found: dict[str, None] = {}
        for typed in self.fields.addresses("aliases", "alias", "redirect-from"):
            alias = permalinks.clean(typed)
            if alias is None:
                self._refuse(typed)
            elif alias != path:
                found[alias] = None
        return list(found)

    def guesses(self, shape: str) -> list[str]:
        """Where the old site served it if its makers left the usual settings alone."""
        if self.names.is_filed:
            patterns = (permalinks.NAMED["pretty"], "/:year/:month/:day/:title/")
            return _known(map(self._expand, patterns))
        if shape == "headers":
            return _known([permalinks.clean(f"{self.names.slug}.html")])
        inside = self._folders()
        if inside is None and shape != "toml":
            return []
        folders = self.names.file.parents if inside is None else inside
        if self.names.is_bundle:
            folders = folders[:-1]
        last = self.names.typed_slug or self.names.bare
        return _known([permalinks.clean("/".join([*folders, last]) + "/")])

    def _folders(self) -> list[str] | None:
        """The folders below the one that stands for the site's root."""
        parents = self.names.file.parents
        for top in ("content", "source"):
            if top in parents:
                return parents[parents.index(top) + 1 :]
        return None


def _is_pattern(own: str) -> bool:
    return own in permalinks.NAMED or ":" in own.partition("://")[0]


def _known(paths: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(filter(None, paths)))
