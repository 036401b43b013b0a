"""One post as it is handed over to the database, with the pictures that come along."""

from dataclasses import dataclass, field
from typing import Any

from blog import media
from blog.importer.addresses.link_map import bare
from blog.importer.addresses.path_allocator import AllocatedPath
from blog.importer.source.source_post import SourcePost
from blog.markup import Rendered, Size
from blog.models.base import now
from blog.models.transfer.import_posts import ImportedPost, NewUpload

# What an old post and its arrival say alike.
ALIKE = (
    *("kind", "title", "slug", "summary", "body", "tags", "authors", "language"),
    *("date", "updated", "extra", "takes_comments"),
)


@dataclass
class Payload:
    """One post's pictures, by the target that names them."""

    uploads: dict[str, NewUpload] = field(default_factory=dict)

    @property
    def addresses(self) -> dict[str, str]:
        return {target: media.address(each.name) for target, each in self.uploads.items()}

    @property
    def sizes(self) -> dict[str, Size]:
        every = self.uploads.values()
        return {media.address(each.name): (each.width, each.height) for each in every}


def arrival_of(
    post: SourcePost,
    freight: Payload,
    rendered: Rendered,
    *,
    place: AllocatedPath,
    **source: Any,
) -> ImportedPost:
    """`source`: the `source_path`, the `source_hash` and the mapped `links`."""
    return ImportedPost(
        **{name: getattr(post, name) for name in ALIKE},
        address=place.address,
        leads=place.leads,
        cover=freight.addresses.get(bare(post.cover), ""),
        is_listed=post.listed,
        fallback_date=post.touched or now(),
        uid=post.guid[:200],
        rendered=rendered if post.withdrawn or not post.draft else None,
        is_withdrawn=post.withdrawn,
        uploads=list(freight.uploads.values()),
        **source,
    )
