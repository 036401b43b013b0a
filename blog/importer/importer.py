"""Imports the posts of a collection: renders each one, copies its pictures and writes it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from blog.config import N_, Config
from blog.db import Database
from blog.importer import loss_check, matcher
from blog.importer.addresses import link_map
from blog.importer.addresses.link_map import LinkMap
from blog.importer.addresses.links import LinkResolver
from blog.importer.addresses.path_allocator import PathAllocator
from blog.importer.batch_writer import BatchWriter
from blog.importer.image_copier import ImageCopier
from blog.importer.payload import CopiedPictures, imported_post
from blog.importer.report import FAILED, IMPORTED, LEFT, UNCHANGED, UPDATED, ImportReport
from blog.importer.source.collection import Collection
from blog.importer.source.source_post import SourcePost
from blog.markup import Rendered, Size, TooMuch
from blog.models.addresses.address import key_of
from blog.models.base import Refusal
from blog.models.transfer import import_posts
from blog.models.transfer.import_posts import ImportedPost, KnownPost
from blog.sandbox import Sandbox, SandboxFailed


@dataclass(frozen=True)
class ImportOptions:
    """The options of the `import` command."""

    permalink: str = ""
    old_url: str = ""
    dry_run: bool = False
    force: bool = False
    author: str = ""  # of posts that name no author


class Importer:
    """Imports one post after the other and collects the import report."""

    def __init__(
        self,
        config: Config,
        database: Database,
        collection: Collection,
        options: ImportOptions,
    ) -> None:
        self.database, self.collection, self.options = database, collection, options
        self.writer = BatchWriter(database)
        self.report = ImportReport(str(collection.folder), options.dry_run, collection.file_count)
        self.report.remarks += collection.rejected
        self.image_copier = ImageCopier(config, options.dry_run)
        self.known_posts: dict[str, KnownPost] = {}
        self.unchanged_files: frozenset[str] = frozenset()
        self.allocator = PathAllocator({})
        self.link_resolver = LinkResolver(collection.folder, (), {})

    async def prepare(self) -> None:
        """Find the posts that were imported before, and allocate the address of every post."""
        known = await self.database.read(import_posts.known_posts)
        keys = await self.database.read(import_posts.address_keys)
        self.known_posts = matcher.match(self.collection, known)
        self.unchanged_files = await self.database.read(
            matcher.unchanged_files, self.collection, self.known_posts
        )
        files = {post.id: file for file, post in self.known_posts.items()}
        self.allocator = PathAllocator({key: files.get(id or 0, "") for key, id in keys.items()})
        current = {file: post.path for file, post in self.known_posts.items() if post.path}
        self.allocator.allocate(self.collection.posts, current)
        folder, posts = self.collection.folder, self.collection.posts
        self.link_resolver = LinkResolver(folder, posts, self.allocator.paths, self.options.old_url)

    async def import_from(
        self, posts: Iterator[SourcePost], sandbox: Sandbox, done: Callable[[], None]
    ) -> None:
        """Import posts from `posts`, an iterator shared with other workers, until it is empty.

        Calls `done` after each post. A post that fails is reported and does not stop the import.
        """
        for post in posts:
            try:
                outcome = await self._import_post(post, sandbox)
            except Refusal as reason:
                outcome = FAILED
                params = {name: str(value) for name, value in reason.params.items()}
                post.remark("file", reason.message, **params)
            except SandboxFailed as fault:
                outcome = FAILED
                post.remark("file", N_("It could not be rendered: %(fault)s"), fault=str(fault))
            self.report.files[outcome] += 1
            if post.draft and outcome in (IMPORTED, UPDATED):
                self.report.drafts += 1
            self.report.remarks += post.remarks
            done()

    async def _import_post(self, post: SourcePost, sandbox: Sandbox) -> str:
        """Import the post if it is new or has changed. Returns the outcome, such as `IMPORTED`."""
        if not post.authors and self.options.author:
            post.authors = [self.options.author]
        rendered = await _render(sandbox, post.body, {}, {})
        targets = link_map.build(self.link_resolver, post, rendered)
        fingerprint = link_map.fingerprint(post, targets)
        outcome, known = self._outcome(post, fingerprint), self.known_posts.get(post.file)
        links = known.links if known else {}
        if outcome in (IMPORTED, UPDATED):
            pictures = await self._copy_pictures(post, targets, sandbox)
            links = {**targets.internal, **pictures.addresses}
            if links:
                rendered = await _render(sandbox, post.body, links, pictures.sizes)
            if not self.options.dry_run:
                page = await _render_page(sandbox, post, rendered, links, pictures.sizes)
                await self.writer.write(
                    self._imported_post(post, pictures, page, links, fingerprint)
                )
        self._report(post, targets, rendered, links)
        return outcome

    def _outcome(self, post: SourcePost, fingerprint: str) -> str:
        known = self.known_posts.get(post.file)
        if known is None:
            return IMPORTED
        if known.hash == fingerprint or post.file in self.unchanged_files:
            return UNCHANGED
        if known.is_trashed:
            post.remark("left", N_("The post is in the trash here."))
            return LEFT
        if known.was_edited and not self.options.force:
            post.remark(
                "left",
                N_(
                    "The post has been edited here since the last import. Use --force to "
                    "overwrite it with the file."
                ),
            )
            return LEFT
        return UPDATED

    async def _copy_pictures(
        self, post: SourcePost, targets: LinkMap, sandbox: Sandbox
    ) -> CopiedPictures:
        pictures = CopiedPictures()
        for target, path in targets.files.items():
            try:
                pictures.uploads[target] = await self.image_copier.copy(path, sandbox)
            except Refusal as reason:
                params = {name: str(value) for name, value in reason.params.items()}
                post.remark("picture", reason.message, **params)
        return pictures

    def _imported_post(
        self,
        post: SourcePost,
        pictures: CopiedPictures,
        rendered: Rendered,
        links: dict[str, str],
        fingerprint: str,
    ) -> ImportedPost:
        known = self.known_posts.get(post.file)
        return imported_post(
            post,
            pictures,
            rendered,
            id=known.id if known else None,
            path=self.allocator.paths[post.file],
            links=links,
            source_path=matcher.source_path(self.collection.folder, post),
            source_hash=fingerprint,
        )

    def _report(
        self, post: SourcePost, targets: LinkMap, rendered: Rendered, links: Mapping[str, str]
    ) -> None:
        """Add one post's counts to the report, and its losses to the remarks of the post."""
        report = self.report
        link_map.count(targets, post, report, links)
        page = loss_check.parse(rendered.html)
        old, new = loss_check.words_in_source(post.body), loss_check.words_shown(page)
        report.words.update(old=old, new=new)
        if loss_check.differs(old, new):
            message = N_("The source has %(old)s words, but %(new)s are shown.")
            post.remark("words", message, old=str(old), new=str(new))
        loss_check.add_remarks(post, page)
        report.fields.update(post.extra.keys())
        key = key_of(self.allocator.paths[post.file].address)
        report.addresses["kept" if key == key_of(post.path or "") else "new"] += 1
        holders = self.allocator.holders
        report.addresses["leading"] += sum(
            holders.get(key_of(alias)) == post.file for alias in post.aliases
        )


async def _render_page(
    sandbox: Sandbox,
    post: SourcePost,
    rendered: Rendered,
    links: Mapping[str, str],
    sizes: Mapping[str, Size],
) -> Rendered:
    """Render again without the first heading if it repeats the title, which the page shows."""
    if not (rendered.outline and rendered.outline[0][2].strip() == post.title.strip()):
        return rendered
    return await _render(sandbox, post.body, links, sizes, post.title)


async def _render(
    sandbox: Sandbox,
    body: str,
    links: Mapping[str, str],
    sizes: Mapping[str, Size],
    title: str = "",
) -> Rendered:
    """Render, with one retry: on a busy machine the time limit may be hit by accident."""
    try:
        return await sandbox.render(body, links, sizes=sizes, title=title)
    except TooMuch:
        return await sandbox.render(body, links, sizes=sizes, title=title)
