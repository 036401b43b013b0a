"""Which address each post gets here, settled for all of them before the first is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blog.config import N_
from blog.importer.source.source_post import SourcePost
from blog.models.addresses.address import LONGEST, is_reserved, key_of


@dataclass
class AllocatedPath:
    """A post's address, and the old ones that lead to it. `own`: it is the one it always had."""

    address: str
    own: bool = False
    leads: list[str] = field(default_factory=list)


class PathAllocator:
    """Gives out addresses. `taken`: keys in use here, with their post's file, or ""."""

    def __init__(self, taken: Mapping[str, str]) -> None:
        self.holders = dict(taken)
        self.of: dict[str, AllocatedPath] = {}

    def settle(self, posts: Iterable[SourcePost], kept: Mapping[str, str]) -> None:
        """Old addresses first, then new ones, then what leads to them.

        So a guess never stands in the way of an address. `kept`: what posts had here, by file.
        """
        posts = list(posts)
        for post in posts:
            if post.path is None and post.file in kept:
                self._give(post, kept[post.file])
        for post in posts:
            self._old(post)
        for post in posts:
            if post.file not in self.of:
                self._give(post, kept.get(post.file) or self._free(default_path(post)))
        for post in posts:
            self._lead(post)
        for post in posts:
            place = self.of[post.file]
            place.leads += [path for path in post.guesses if self._takes(path, post)]

    def _old(self, post: SourcePost) -> None:
        """The address it had, unless something else stands there."""
        if post.path is None or post.file in self.of:
            return
        if not is_usable(post.path):
            post.remark("address", N_("%(path)s is reserved for the blog itself."), path=post.path)
        elif (holder := self.holders.get(key_of(post.path), post.file)) != post.file:
            self._collides(post, post.path, holder)
        else:
            self._give(post, post.path, own=True)

    def _give(self, post: SourcePost, path: str, *, own: bool = False) -> None:
        self.holders[key_of(path)] = post.file
        self.of[post.file] = AllocatedPath(path, own or path == post.path)

    def _free(self, path: str) -> str:
        number, wanted = 1, path
        while key_of(wanted) in self.holders or not is_usable(wanted):
            number += 1
            wanted = f"{path}-{number}"
        return wanted

    def _lead(self, post: SourcePost) -> None:
        place = self.of[post.file]
        for alias in post.aliases:
            holder = self.holders.get(key_of(alias), post.file)
            if not is_usable(alias):
                post.remark("address", N_("%(path)s is reserved for the blog itself."), path=alias)
            elif holder != post.file:
                self._collides(post, alias, holder)
            elif self._takes(alias, post):
                place.leads.append(alias)

    def _takes(self, path: str, post: SourcePost) -> bool:
        """True where the path is new; another spelling of the post's own needs no row."""
        if not is_usable(path) or key_of(path) in self.holders:
            return False
        self.holders[key_of(path)] = post.file
        return True

    def _collides(self, post: SourcePost, path: str, holder: str) -> None:
        if holder:
            message = N_("The address %(path)s already belongs to %(file)s.")
            post.remark("address", message, path=path, file=holder)
        else:
            message = N_("The address %(path)s already belongs to another post here.")
            post.remark("address", message, path=path)


def default_path(post: SourcePost) -> str:
    """The pattern of new addresses."""
    return f"/{post.slug}" if post.kind == "page" else f"/posts/{post.slug}"


def is_usable(path: str) -> bool:
    """True for what the address table would take."""
    return (
        len(path) <= LONGEST and path.isprintable() and "//" not in path and not is_reserved(path)
    )
