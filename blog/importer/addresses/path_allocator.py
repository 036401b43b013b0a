"""Allocates the address of every imported post, before the first post is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from blog.config import N_
from blog.importer.source.source_post import SourcePost
from blog.models.addresses.address import LONGEST, is_reserved, key_of


@dataclass
class AllocatedPath:
    """The address of a post, and the old paths that redirect to it.

    `own` means that the post keeps the address of the old site.
    """

    address: str
    own: bool = False
    old_paths: list[str] = field(default_factory=list)


class PathAllocator:
    """Allocates addresses.

    `taken` maps the keys of used addresses to the file of their post, or to "" if their post is not
    one of the imported ones.
    """

    def __init__(self, taken: Mapping[str, str]) -> None:
        self.holders = dict(taken)
        self.paths: dict[str, AllocatedPath] = {}

    def allocate(self, posts: Iterable[SourcePost], current: Mapping[str, str]) -> None:
        """Allocate old addresses first, then new ones, then aliases, then guessed paths.

        In this order a guessed path never takes the address of another post. `current` maps the
        files of posts that were imported before to their addresses on this blog.
        """
        posts = list(posts)
        for post in posts:
            if post.path is None and post.file in current:
                self._give(post, current[post.file])
        for post in posts:
            self._keep_old_address(post)
        for post in posts:
            if post.file not in self.paths:
                self._give(post, current.get(post.file) or self._first_free(default_path(post)))
        for post in posts:
            self._redirect_aliases(post)
        for post in posts:
            guesses = [path for path in post.guesses if self._reserve(path, post)]
            self.paths[post.file].old_paths += guesses

    def _keep_old_address(self, post: SourcePost) -> None:
        """Give the post its old address, unless it is reserved or belongs to something else."""
        if post.path is None or post.file in self.paths:
            return
        if not is_usable(post.path):
            post.remark("address", N_("%(path)s is reserved for the blog itself."), path=post.path)
        elif (holder := self.holders.get(key_of(post.path), post.file)) != post.file:
            self._report_collision(post, post.path, holder)
        else:
            self._give(post, post.path, own=True)

    def _give(self, post: SourcePost, path: str, *, own: bool = False) -> None:
        self.holders[key_of(path)] = post.file
        self.paths[post.file] = AllocatedPath(path, own or path == post.path)

    def _first_free(self, path: str) -> str:
        number, candidate = 1, path
        while key_of(candidate) in self.holders or not is_usable(candidate):
            number += 1
            candidate = f"{path}-{number}"
        return candidate

    def _redirect_aliases(self, post: SourcePost) -> None:
        for alias in post.aliases:
            holder = self.holders.get(key_of(alias), post.file)
            if not is_usable(alias):
                post.remark("address", N_("%(path)s is reserved for the blog itself."), path=alias)
            elif holder != post.file:
                self._report_collision(post, alias, holder)
            elif self._reserve(alias, post):
                self.paths[post.file].old_paths.append(alias)

    def _reserve(self, path: str, post: SourcePost) -> bool:
        """Reserve a path for a redirect to the post.

        Returns False if it is not usable or taken, also by another spelling of the post's address.
        """
        if not is_usable(path) or key_of(path) in self.holders:
            return False
        self.holders[key_of(path)] = post.file
        return True

    def _report_collision(self, post: SourcePost, path: str, holder: str) -> None:
        if holder:
            message = N_("The address %(path)s already belongs to %(file)s.")
            post.remark("address", message, path=path, file=holder)
        else:
            message = N_("The address %(path)s already belongs to another post here.")
            post.remark("address", message, path=path)


def default_path(post: SourcePost) -> str:
    """Return the address of a post that has no old one."""
    return f"/{post.slug}" if post.kind == "page" else f"/posts/{post.slug}"


def is_usable(path: str) -> bool:
    """Whether the address table accepts the path."""
    return (
        len(path) <= LONGEST and path.isprintable() and "//" not in path and not is_reserved(path)
    )
