"""Moves a collection in: renders, brings pictures, and has each post written whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from blog.config import N_, Config
from blog.db import Database
from blog.importer import loss_check, matcher, report
from blog.importer.addresses import link_map
from blog.importer.addresses.link_map import LinkMap
from blog.importer.addresses.links import LinkResolver
from blog.importer.addresses.path_allocator import PathAllocator
from blog.importer.batch_writer import BatchWriter
from blog.importer.image_copier import ImageCopier
from blog.importer.payload import Payload, arrival_of
from blog.importer.report import ImportReport
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
    """What the keeper asked for on the command line."""

    permalink: str = ""
    old_url: str = ""
    dry_run: bool = False
    force: bool = False
    author: str = ""  # of posts that name none


class Importer:
    """Knows what stands here already, and takes one post after the other."""

    def __init__(
        self,
        config: Config,
        database: Database,
        collection: Collection,
        wishes: ImportOptions,
    ) -> None:
        self.database, self.collection, self.wishes = database, collection, wishes
        self.landing = BatchWriter(database)
        self.receipt = ImportReport(str(collection.folder), wishes.dry_run, collection.found)
        self.receipt.remarks += collection.refused
        self.carrier = ImageCopier(config, wishes.dry_run)
        self.here: dict[str, KnownPost] = {}
        self.unchanged: frozenset[str] = frozenset()
        self.places = PathAllocator({})
        self.guide = LinkResolver(collection.folder, (), {})

    async def look_round(self) -> None:
        """Find which posts came before, and settle every post's address."""
        settled = await self.database.read(import_posts.settled)
        keys = await self.database.read(import_posts.keys)
        self.here = matcher.again(self.collection, settled)
        self.unchanged = await self.database.read(matcher.unchanged, self.collection, self.here)
        files = {each.id: file for file, each in self.here.items()}
        self.places = PathAllocator({key: files.get(id or 0, "") for key, id in keys.items()})
        kept = {file: each.path for file, each in self.here.items() if each.path}
        self.places.settle(self.collection.posts, kept)
        folder, posts = self.collection.folder, self.collection.posts
        self.guide = LinkResolver(folder, posts, self.places.of, self.wishes.old_url)

    async def work(
        self, posts: Iterator[SourcePost], crew: Sandbox, done: Callable[[], None]
    ) -> None:
        """Take posts from `posts`, which other workers share, until none is left."""
        for post in posts:
            try:
                end = await self._take(post, crew)
            except (TooMuch, Refusal) as reason:
                end = report.FAILED
                params = {name: str(value) for name, value in reason.params.items()}
                post.remark("file", reason.message, **params)
            except SandboxFailed as fault:
                end = report.FAILED
                post.remark("file", N_("It could not be rendered: %(fault)s"), fault=str(fault))
            self.receipt.files[end] += 1
            self.receipt.drafts += post.draft and end in (report.IMPORTED, report.UPDATED)
            self.receipt.remarks += post.remarks
            done()

    async def _take(self, post: SourcePost, crew: Sandbox) -> str:
        """Bring one post in, if it is new or has changed. Returns what became of it."""
        if not post.authors and self.wishes.author:
            post.authors = [self.wishes.author]
        rendered = await _rendered(crew, post.body, {}, {})
        plan = link_map.draw(self.guide, post, rendered)
        mark = link_map.fingerprint(post, plan)
        end, standing = self._end(post, mark), self.here.get(post.file)
        links = standing.links if standing else {}
        if end in (report.IMPORTED, report.UPDATED):
            freight = await self._load(post, plan, crew)
            links = {**plan.ours, **freight.addresses}
            if links:
                rendered = await _rendered(crew, post.body, links, freight.sizes)
            if not self.wishes.dry_run:
                shown = await _as_page(crew, post, rendered, links, freight.sizes)
                await self.landing.bring(self._arrival(post, freight, shown, links, mark))
        self._tell(post, plan, rendered, links)
        return end

    def _end(self, post: SourcePost, mark: str) -> str:
        standing = self.here.get(post.file)
        if standing is None:
            return report.IMPORTED
        if standing.hash == mark or post.file in self.unchanged:
            return report.UNCHANGED
        if standing.is_trashed:
            post.remark("left", N_("The post is in the trash here."))
            return report.LEFT
        if standing.was_edited and not self.wishes.force:
            post.remark(
                "left",
                N_(
                    "The post has been edited here since the last import. Use --force to "
                    "overwrite it with the file."
                ),
            )
            return report.LEFT
        return report.UPDATED

    async def _load(self, post: SourcePost, plan: LinkMap, crew: Sandbox) -> Payload:
        freight = Payload()
        for target, path in plan.files.items():
            try:
                freight.uploads[target] = await self.carrier.bring(path, crew)
            except Refusal as reason:
                params = {name: str(value) for name, value in reason.params.items()}
                post.remark("picture", reason.message, **params)
        return freight

    def _arrival(
        self,
        post: SourcePost,
        freight: Payload,
        rendered: Rendered,
        links: dict[str, str],
        mark: str,
    ) -> ImportedPost:
        standing = self.here.get(post.file)
        return arrival_of(
            post,
            freight,
            rendered,
            id=standing and standing.id,
            links=links,
            place=self.places.of[post.file],
            source_path=matcher.source(self.collection.folder, post),
            source_hash=mark,
        )

    def _tell(
        self, post: SourcePost, plan: LinkMap, rendered: Rendered, mapped: Mapping[str, str]
    ) -> None:
        """The receipt's sums and sentences for one post."""
        told = self.receipt
        link_map.tell(plan, post, told, mapped)
        shown = loss_check.page(rendered.html)
        old, new = loss_check.words_typed(post.body), loss_check.words_shown(shown)
        told.words.update(old=old, new=new)
        if loss_check.differs(old, new):
            message = N_("The source has %(old)s words, but %(new)s are shown.")
            post.remark("words", message, old=str(old), new=str(new))
        loss_check.remark(post, shown)
        told.fields.update(post.extra.keys())
        place = self.places.of[post.file]
        own = place.address if key_of(place.address) == key_of(post.path or "") else ""
        told.addresses["kept" if own else "new"] += 1
        holders = self.places.holders
        told.addresses["leading"] += sum(holders.get(key_of(a)) == post.file for a in post.aliases)


async def _as_page(
    crew: Sandbox,
    post: SourcePost,
    rendered: Rendered,
    links: Mapping[str, str],
    sizes: Mapping[str, Size],
) -> Rendered:
    """The page says the title once, also where the text opens with it."""
    if not (rendered.outline and rendered.outline[0][2].strip() == post.title.strip()):
        return rendered
    return await _rendered(crew, post.body, links, sizes, post.title)


async def _rendered(
    crew: Sandbox,
    body: str,
    links: Mapping[str, str],
    sizes: Mapping[str, Size],
    title: str = "",
) -> Rendered:
    """Tried twice: on a busy machine the clock may run out before the work does."""
    try:
        return await crew.render(body, links, sizes=sizes, title=title)
    except TooMuch:
        return await crew.render(body, links, sizes=sizes, title=title)
