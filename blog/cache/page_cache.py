"""The page cache: finished public pages in each worker's memory, until what they show changes.

A page has tags for what it shows, and the change table has the same tags for what a commit touched.
A cached page is served only after every commit has been followed, so it is never out of date.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps

from sanic import HTTPResponse, Request

from blog.cache import encoded_response, nginx
from blog.cache.encoded_response import CachedPage, EncodedResponse, Variant, accepted
from blog.cache.invalidator import Invalidator
from blog.models.addresses import address
from blog.web import headers
from blog.web.cookies import FLASH, SESSION, WAITING

# Tags of every public page: it may show the newest posts, bylines, the site's title.
COMMON_TAGS = frozenset({"addresses", "posts", "site", "tags", "users"})
PERSONAL_COOKIES = (SESSION, WAITING, FLASH)  # their visitors may get pages of their own
Tags = frozenset[str] | None  # None: everything
View = Callable[[], Awaitable[HTTPResponse]]
Handler = Callable[..., Awaitable[HTTPResponse]]
Compression = asyncio.Future[dict[str, Variant]]


def cached(*tags: str, by_page: bool = False) -> Callable[[Handler], Handler]:
    """Decorate a view whose page is the same for every visitor, so that it is cached.

    `tags` name what it shows besides `COMMON_TAGS`. With `by_page`, each value of the query
    parameter `page` is a page of its own; other parameters are ignored.
    """

    def decorate(view: Handler) -> Handler:
        @wraps(view)
        async def answer(request: Request, *args: object, **kwargs: object) -> HTTPResponse:
            request.ctx.shows = {*COMMON_TAGS, *tags}
            target = target_of(request, by_page)
            render = partial(view, request, *args, **kwargs)
            if target is None:
                return await render()
            pages: PageCache = request.app.ctx.page_cache
            return await pages.answer(request, target, render)

        return answer

    return decorate


def may_have_personal_cookie(header: str) -> bool:
    """Return whether a Cookie header may contain one of `PERSONAL_COOKIES`.

    It searches for their names anywhere, which is faster than parsing, and never misses one.
    """
    return any(name in header for name in PERSONAL_COOKIES)


def _has_personal_cookie(request: Request) -> bool:
    return any(headers.has_cookie(request, name) for name in PERSONAL_COOKIES)


def add_cache_tags(request: Request, *tags: str) -> None:
    """Add tags to the page being rendered, for a view that learns them from the database.

    A page that is not cached has no tags, and stays without.
    """
    if (shows := getattr(request.ctx, "shows", None)) is not None:
        shows.update(tags)


def target_of(request: Request, by_page: bool) -> bytes | None:
    """Return the key of a page in the cache: path and query in their one canonical spelling.

    Returns None if the answer is not the same for everybody, or the path is spelled otherwise.
    """
    if request.method not in ("GET", "HEAD") or request.ctx.private:
        return None
    if "cookie" in request.headers and _has_personal_cookie(request):
        return None
    path = address.decode(request.path)
    if path is None or address.href(path) != request.path:
        return None
    numbers = (value for value in request.match_info.values() if isinstance(value, int))
    if any(f"/{number}/" not in f"{path}/" for number in numbers):  # such as /archive/02026
        return None
    number = request.args.get("page") if by_page and request.query_string else None
    if number in (None, "1"):
        return request.path.encode()
    if not number.isascii() or not number.isdigit() or number.startswith("0"):
        return None
    return f"{request.path}?page={number}".encode()


class Rendering:
    """A page that is being rendered, and what has changed since it began."""

    task: "asyncio.Task[HTTPResponse | CachedPage]"

    def __init__(self) -> None:
        self.changed: Tags = frozenset()

    def note_change(self, tags: Tags) -> None:
        """Note that something has changed, which the rendering may have read before."""
        self.changed = None if tags is None or self.changed is None else self.changed | tags

    def is_stale(self, page: CachedPage) -> bool:
        """Return whether anything that the page shows has changed."""
        return self.changed is None or bool(self.changed & page.tags)


class PageCache:
    """The cached pages of one worker: an LRU cache of at most `limit` bytes.

    `hits` counts the pages that were served from the cache, `made` those that were rendered for
    it; `size` is the memory in use, in bytes.
    """

    def __init__(self, invalidator: Invalidator, limit: int) -> None:
        self.limit = limit
        self.size = self.hits = self.made = 0
        self._invalidator = invalidator
        self._pages: OrderedDict[bytes, CachedPage] = OrderedDict()
        self._joinable: dict[bytes, Rendering] = {}
        self._renderings: set[Rendering] = set()
        self._compressions: dict[bytes, Compression] = {}
        self._compressor = ThreadPoolExecutor(1, thread_name_prefix="compressor")
        invalidator.listeners.append(self.drop)

    def close(self) -> None:
        """Stop the thread that compresses pages."""
        self._compressor.shutdown(cancel_futures=True)

    # --- serving ---

    def find(self, target: bytes) -> CachedPage | None:
        """Return the page cached for `target`, as of the invalidator's last reading."""
        page = self._pages.get(target)
        if page is not None:
            self.hits += 1
            self._pages.move_to_end(target)
            if not page.was_requested_again:
                self._compress(target, page)
        return page

    def get_now(
        self,
        target: bytes,
        accept_encoding: str,
        if_none_match: str,
        received_at: float,
        *,
        for_proxy: bool = False,
    ) -> Variant | None:
        """Return the answer if it is cached and known to be current, without waiting.

        `accept_encoding` and `if_none_match` are the headers' values, or "". `received_at` is when
        the request was received, as `time.monotonic` returned it. With `for_proxy` a page that is
        not compressed yet is not returned: a proxy caches what it gets, and should get the smallest
        variant.
        """
        page = self.find(target) if self._invalidator.is_current(received_at) else None
        if page is None or (for_proxy and not page.is_compressed):
            return None
        return page.select(accepted(accept_encoding), if_none_match)

    async def answer(self, request: Request, target: bytes, render: View) -> HTTPResponse:
        """Return the cached page, or call `render`, once for all who ask at the same time."""
        await self._invalidator.catch_up()
        site = self._invalidator.site
        if not site.set_up:
            return await render()
        request.ctx.site, request.ctx.language = site, site.language
        page = self.find(target) or await self._render_or_join(request, target, render)
        if not isinstance(page, CachedPage):
            return page
        expiry = await self._expiry(request, target, page)
        encodings = accepted(request.headers.get("accept-encoding", ""))
        variant = page.select(encodings, request.headers.get("if-none-match", ""))
        return EncodedResponse(request, variant, expiry)

    async def _expiry(self, request: Request, target: bytes, page: CachedPage) -> str:
        """Return until when nginx may cache the answer; see `nginx`.

        It waits for compression, so that nginx gets the smallest variant. A request for another
        spelling of the target gets no expiry, since nginx would cache the page twice.
        """
        expiry = nginx.expiry(request) if request.raw_url == target else ""
        if expiry and not page.was_requested_again:
            self._compress(target, page)
        if expiry and (compression := self._compressions.get(target)):
            await asyncio.wait([compression])
        return expiry if page.is_compressed else ""

    # --- rendering ---

    async def _render_or_join(
        self, request: Request, target: bytes, render: View
    ) -> HTTPResponse | CachedPage:
        """Render the page, or wait for the rendering that another request has begun.

        If the client that began it disconnects, the rendering still finishes for the others. A
        response that is not cached belongs to its own request, so whoever joined renders again.
        """
        rendering = self._joinable.get(target)
        if rendering is None:
            begun = self._begin(request, target, render)
            return await asyncio.shield(begun.task)
        page = await asyncio.shield(rendering.task)
        return page if isinstance(page, CachedPage) else await render()

    def _begin(self, request: Request, target: bytes, render: View) -> Rendering:
        rendering = self._joinable[target] = Rendering()
        self._renderings.add(rendering)
        rendering.task = asyncio.create_task(self._render(rendering, request, target, render))
        rendering.task.add_done_callback(_retrieve_exception)
        return rendering

    async def _render(
        self, rendering: Rendering, request: Request, target: bytes, render: View
    ) -> HTTPResponse | CachedPage:
        """Render the page, and store it unless something that it shows has changed meanwhile."""
        try:
            response = await render()
        finally:
            self._renderings.discard(rendering)
            if self._joinable.get(target) is rendering:
                del self._joinable[target]
        if not encoded_response.is_cacheable(request, response):
            return response
        headers.protect(request, response)
        page = CachedPage(response, frozenset(request.ctx.shows))
        if not rendering.is_stale(page):
            self.made += 1
            self._store(target, page)
        return page

    # --- storing ---

    def drop(self, tags: Tags) -> None:
        """Drop the pages that show any of these things, which have changed.

        A request that comes after this does not join a rendering that began before.
        """
        for rendering in self._renderings:
            rendering.note_change(tags)
        self._joinable.clear()
        stale = [target for target, page in self._pages.items() if tags is None or page.tags & tags]
        for target in stale:
            self._remove(target)

    def _store(self, target: bytes, page: CachedPage) -> None:
        """Store a page and evict the least recently used ones.

        A page larger than the limit is not stored, since it would evict all others.
        """
        self._remove(target)
        if page.size > self.limit:
            return
        self._pages[target] = page
        self.size += page.size
        while self.size > self.limit:
            self._remove(next(iter(self._pages)))

    def _remove(self, target: bytes) -> None:
        if page := self._pages.pop(target, None):
            self.size -= page.size

    def _compress(self, target: bytes, page: CachedPage) -> None:
        """Start compressing a page in a thread; done for pages that are requested twice."""
        page.was_requested_again = True
        work = partial(self._compressed_variants, target, page)
        compression = asyncio.get_running_loop().run_in_executor(self._compressor, work)
        self._compressions[target] = compression
        compression.add_done_callback(partial(self._add_compressed, target, page))

    def _compressed_variants(self, target: bytes, page: CachedPage) -> dict[str, Variant]:
        """Compress a page, in the compressor thread; nothing if it has been dropped meanwhile."""
        return page.compress() if self._pages.get(target) is page else {}

    def _add_compressed(self, target: bytes, page: CachedPage, compression: Compression) -> None:
        """Add the compressed variants to a page, and count its new size."""
        if self._compressions.get(target) is compression:
            del self._compressions[target]
        if compression.cancelled() or self._pages.get(target) is not page:
            return
        self._remove(target)
        page.add(compression.result())
        self._store(target, page)


def _retrieve_exception(task: "asyncio.Task[HTTPResponse | CachedPage]") -> None:
    """Mark a failed task's exception as handled: whoever awaits the task raises it."""
    if not task.cancelled():
        task.exception()
