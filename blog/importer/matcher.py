"""Finds which posts of a folder are already on this blog, by source file or by exported uid."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from blog.backup import front_matter
from blog.importer.source.collection import Collection
from blog.importer.source.source_post import SourcePost
from blog.models.transfer import export
from blog.models.transfer.import_posts import KnownPost


def source_path(folder: Path, post: SourcePost) -> str:
    """Return the absolute path of the post's file, as stored with the post (1000 characters)."""
    return (folder / post.file).as_posix()[-1000:]


def match(collection: Collection, known: Mapping[str, KnownPost]) -> dict[str, KnownPost]:
    """Return the posts of the folder that are on this blog, by file.

    `known` holds every post of this blog by source path, or by uid if it was not imported.
    """
    return dict(_matches(collection, known))


def _matches(
    collection: Collection, known: Mapping[str, KnownPost]
) -> Iterator[tuple[str, KnownPost]]:
    """Yield file and post; also if the folder was renamed, or is an export of this blog."""
    by_uid = {post.uid: post for post in known.values()}
    paths = {source_path(collection.folder, post) for post in collection.posts}
    matched_ids = {known[path].id for path in paths & known.keys()}
    for post in collection.posts:
        match = known.get(source_path(collection.folder, post))
        if match is None:
            suffix = f"/{collection.folder.name}/{post.file}"
            moved = (path for path in known if path.endswith(suffix) and not Path(path).exists())
            match = next((known[path] for path in moved), None)
        if match is None:
            same_uid = by_uid.get(post.guid)
            if same_uid and same_uid.id not in matched_ids:
                match = same_uid
                matched_ids.add(same_uid.id)
        if match:
            yield post.file, match


def unchanged_files(
    session: Any, collection: Collection, known_posts: Mapping[str, KnownPost]
) -> frozenset[str]:
    """Return the files that are identical, byte for byte, to what an export would write now."""
    pairs = ((post, known_posts.get(post.file)) for post in collection.posts if post.guid)
    return frozenset(
        post.file for post, known in pairs if known and post.sha256 == _export_hash(session, known)
    )


def _export_hash(session: Any, known: KnownPost) -> str:
    return hashlib.sha256(front_matter.file_of(export.post(session, known.id))).hexdigest()
