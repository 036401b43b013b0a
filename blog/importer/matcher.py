"""Which posts of a folder stand here already: by their file, or by the name an export gave them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from blog.backup import front_matter
from blog.importer.source.collection import Collection
from blog.importer.source.source_post import SourcePost
from blog.models.transfer import export
from blog.models.transfer.import_posts import KnownPost


def source(folder: Path, post: SourcePost) -> str:
    return (folder / post.file).as_posix()[-1000:]


def again(collection: Collection, settled: Mapping[str, KnownPost]) -> dict[str, KnownPost]:
    """The posts of this folder that are here, by file."""
    return dict(_again(collection, settled))


def _again(
    collection: Collection, settled: Mapping[str, KnownPost]
) -> Iterator[tuple[str, KnownPost]]:
    """The folder may have been moved since, or be what this blog was written out into."""
    names = {each.uid: each for each in settled.values()}
    taken = {source(collection.folder, post) for post in collection.posts} & settled.keys()
    ids = {settled[path].id for path in taken}
    for post in collection.posts:
        found = settled.get(source(collection.folder, post))
        if found is None:
            end = f"/{collection.folder.name}/{post.file}"
            gone = (path for path in settled if path.endswith(end) and not Path(path).exists())
            found = next((settled[path] for path in gone), None)
        if found is None and (named := names.get(post.guid)) and named.id not in ids:
            found = named
            ids.add(named.id)
        if found:
            yield post.file, found


def unchanged(
    session: Any, collection: Collection, here: Mapping[str, KnownPost]
) -> frozenset[str]:
    """The files that are to the byte what an export would write now."""
    known = ((post, here.get(post.file)) for post in collection.posts if post.guid)
    return frozenset(
        post.file for post, each in known if each and post.sha256 == _written(session, each.id)
    )


def _written(session: Any, id: int) -> str:
    return hashlib.sha256(front_matter.file_of(export.post(session, id))).hexdigest()
