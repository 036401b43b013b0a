"""What is on the machine already: which files and links `blog deploy` has written before."""

import contextlib
import os
from pathlib import Path

from blog.deploy.config_files import MARK, Deployment


def other_sites(target: Deployment) -> list[str]:
    """Return the domains of the other sites that `blog deploy` has set up here."""
    sites = target.below_root(target.site.parent)
    names = sorted(path.name for path in sites.iterdir()) if sites.is_dir() else []
    return [
        name
        for name in names
        if name != target.domain and is_ours(target, target.site.with_name(name))
    ]


def text_of(target: Deployment, path: Path) -> str:
    """Return the text of a file, even of a binary one, or "" if there is none."""
    destination = target.below_root(path)
    return destination.read_text(errors="replace") if destination.exists() else ""


def is_ours(target: Deployment, path: Path) -> bool:
    """Whether `blog deploy` has written the file."""
    with contextlib.suppress(OSError):
        return MARK in text_of(target, path)
    return False


def exists(target: Deployment, path: Path) -> bool:
    """Whether the path exists. A broken symbolic link counts, too."""
    return os.path.lexists(target.below_root(path))


def is_our_link(target: Deployment, path: Path) -> bool:
    """Whether the path is a symbolic link as `blog deploy` makes it."""
    destination = target.below_root(path)
    if not destination.is_symlink():
        return False
    return os.path.normpath(path.parent / destination.readlink()) == str(target.links()[path])
