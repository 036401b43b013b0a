"""Assembles the `ImportedPost` that is written to the database from a source post."""

from dataclasses import dataclass, field

from blog import media
from blog.importer.addresses.link_map import without_anchor
from blog.importer.addresses.path_allocator import AllocatedPath
from blog.importer.source.source_post import SourcePost
from blog.markup import Rendered, Size
from blog.models.base import now
from blog.models.transfer.import_posts import ImportedPost, NewUpload

# Attributes that have the same name in `SourcePost` and in `ImportedPost`.
SHARED = ("kind", "tags", "authors", "date", "updated", "extra")


@dataclass
class CopiedPictures:
    """The stored pictures of one post, by the target that refers to them in its text."""

    uploads: dict[str, NewUpload] = field(default_factory=dict)

    @property
    def addresses(self) -> dict[str, str]:
        """The new address of each picture, by old target."""
        return {target: media.address(upload.name) for target, upload in self.uploads.items()}

    @property
    def sizes(self) -> dict[str, Size]:
        """Width and height in pixels, by new address."""
        uploads = self.uploads.values()
        return {media.address(upload.name): (upload.width, upload.height) for upload in uploads}


def imported_post(
    post: SourcePost,
    pictures: CopiedPictures,
    rendered: Rendered,
    *,
    id: int | None,
    path: AllocatedPath,
    links: dict[str, str],
    source_path: str,
    source_hash: str,
) -> ImportedPost:
    """Return the post to write. `id` is the post to replace, `links` maps old to new targets."""
    return ImportedPost(
        **{name: getattr(post, name) for name in SHARED},
        id=id,
        address=path.address,
        old_paths=path.old_paths,
        content={
            **post.content,
            "cover": pictures.addresses.get(without_anchor(post.cover), ""),
        },
        fallback_date=post.modified_at or now(),
        uid=post.guid[:200],
        source_path=source_path,
        source_hash=source_hash,
        rendered=rendered if post.withdrawn or not post.draft else None,
        is_withdrawn=post.withdrawn,
        links=links,
        uploads=list(pictures.uploads.values()),
    )
