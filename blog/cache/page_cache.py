"""Finished public pages, kept ready as bytes in each worker until what they show has changed.

What a page shows is said in tags, and what a commit touched is said in the same tags in the change
table. A page is given out only when all that was committed has been followed: none is ever stale.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from time import monotonic
from typing import Any

from sanic import HTTPResponse, Request

from blog.cache import nginx
from blog.cache.encoded_response import CachedPage, EncodedResponse, Sent, accepted
from blog.cache.invalidator import Invalidator
from blog.models.addresses import address
from blog.web import headers
from blog.web.cookies import FLASH, SESSION, WAITING

# What any public page may show: the newest posts, the names in its byline, the title on top.
PUBLIC = frozenset({"addresses", "posts", "site", "tags", "users"})
OURS = (SESSION, WAITING, FLASH)  # who sends one of these cookies gets pages of their own
Tags = frozenset[str] | None  # None: everything
View = Callable[[], Awaitable[HTTPResponse]]
Handler = Callable[..., Awaitable[HTTPResponse]]
Packing = asyncio.Future[dict[str, Sent]]


def cached(*tags: str, by_page: bool = False) -> Callable[[Handler], Handler]:
    """Mark a view whose page is the same for every visitor, and may be kept.

    `tags` are what it shows beside what all do; `by_page`, that `?page=` makes another page of it.
    """

    def mark(view: Handler) -> Handler:
        @wraps(view)
        async def answer(request: Request, *args: Any, **kwargs: Any) -> HTTPResponse:
            request.ctx.shows = {*PUBLIC, *tags}
            target = target_of(request, by_page)
            make = partial(view, request, *args, **kwargs)
            if target is None:
                return await make()
            pages: PageCache = request.app.ctx.pages
            return await pages.answer(request, target, make)

        return answer

    return mark


def may_be_ours(cookies: str) -> bool:
    """Whether one of our cookies may be among them; nothing is taken apart to find out."""
    return any(name in cookies for name in OURS)


def shows(request: Request, *tags: str) -> None:
    """For a view that learns only from the database what its page is about."""
    request.ctx.shows.update(tags)


def target_of(request: Request, by_page: bool) -> bytes | None:
    """The one spelling under which this page is kept; None where it is not for everybody."""
    if request.method not in ("GET", "HEAD") or request.ctx.private:
        return None
    if "cookie" in request.headers and any(headers.has_cookie(request, name) for name in OURS):
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


class Making:
    """A page that is being rendered, and what has changed since it was begun."""

    task: "asyncio.Task[HTTPResponse | CachedPage]"

    def __init__(self) -> None:
        self.missed: Tags = frozenset()

    def miss(self, tags: Tags) -> None:
        self.missed = None if tags is None or self.missed is None else self.missed | tags

    def is_stale(self, page: CachedPage) -> bool:
        return self.missed is None or bool(self.missed & page.tags)


class PageCache:
    """The pages of one worker, `limit` bytes of them at most: the longest unused go first."""

    def __init__(self, follower: Invalidator, limit: int) -> None:
        self.follower, self.limit = follower, limit
        self.size = self.hits = self.made = 0
        self._pages: OrderedDict[bytes, CachedPage] = OrderedDict()
        self._to_join: dict[bytes, Making] = {}
        self._making: set[Making] = set()
        self._packing: dict[bytes, Packing] = {}
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="packer")
        follower.listeners.append(self.drop)

    def close(self) -> None:
        self._packer.shutdown(cancel_futures=True)

    # --- giving out ---

    def find(self, target: bytes) -> CachedPage | None:
        """What is kept at `target`; as current as the follower is."""
        page = self._pages.get(target)
        if page is not None:
            self.hits += 1
            self._pages.move_to_end(target)
            if not page.is_asked_again:
                self._pack(target, page)
        return page

    def at_once(
        self, target: bytes, takes: str, known: str, *, by_keeper: bool = False
    ) -> Sent | None:
        """The answer, where it lies ready and nobody has to be asked whether it is still true.

        `by_keeper`: for a proxy that keeps pages, and gets the best form at once.
        """
        page = self.find(target) if self.follower.is_current(monotonic()) else None
        if page is None or (by_keeper and not page.is_packed):
            return None
        return page.form(accepted(takes), known)

    async def answer(self, request: Request, target: bytes, make: View) -> HTTPResponse:
        """The kept page, or the one that `make` renders, once for all who ask meanwhile."""
        await self.follower.catch_up()
        site = self.follower.site
        if not site.set_up:
            return await make()
        request.ctx.site, request.ctx.language = site, site.language
        page = self.find(target) or await self._made(request, target, make)
        if not isinstance(page, CachedPage):
            return page
        until = await self._until(request, target, page)
        takes = accepted(request.headers.get("accept-encoding", ""))
        return EncodedResponse(
            request, page.form(takes, request.headers.get("if-none-match", "")), until
        )

    async def _until(self, request: Request, target: bytes, page: CachedPage) -> str:
        """For a proxy that keeps pages: it gets the best form at once, and only by the one spelling
        under which it will find it again."""
        until = nginx.kept_until(request) if request.raw_url == target else ""
        if until and not page.is_asked_again:
            self._pack(target, page)
        if until and (packing := self._packing.get(target)):
            await asyncio.wait([packing])
        return until if page.is_packed else ""

    # --- making ---

    async def _made(self, request: Request, target: bytes, make: View) -> HTTPResponse | CachedPage:
        """Whoever leaves, the page is finished for the others."""
        making = self._to_join.get(target)
        if making is None:
            mine = self._begin(request, target, make)
            return await asyncio.shield(mine.task)
        made = await asyncio.shield(making.task)
        return made if isinstance(made, CachedPage) else await make()

    def _begin(self, request: Request, target: bytes, make: View) -> Making:
        making = self._to_join[target] = Making()
        self._making.add(making)
        making.task = asyncio.create_task(self._make(making, request, target, make))
        making.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return making

    async def _make(
        self, making: Making, request: Request, target: bytes, make: View
    ) -> HTTPResponse | CachedPage:
        try:
            response = await make()
        finally:
            self._making.discard(making)
            if self._to_join.get(target) is making:
                del self._to_join[target]
        if not is_keepable(request, response):
            return response
        headers.protect(request, response)
        page = CachedPage(response, frozenset(request.ctx.shows))
        if not making.is_stale(page):
            self.made += 1
            self._keep(target, page)
        return page

    # --- keeping ---

    def drop(self, tags: Tags) -> None:
        """What shows any of this has changed. Who asks from now on joins nothing begun before."""
        for making in self._making:
            making.miss(tags)
        self._to_join.clear()
        stale = [at for at, page in self._pages.items() if tags is None or page.tags & tags]
        for target in stale:
            self._forget(target)

    def _keep(self, target: bytes, page: CachedPage) -> None:
        """One that is too large by itself drives no other out."""
        self._forget(target)
        if page.size > self.limit:
            return
        self._pages[target] = page
        self.size += page.size
        while self.size > self.limit:
            self._forget(next(iter(self._pages)))

    def _forget(self, target: bytes) -> None:
        if page := self._pages.pop(target, None):
            self.size -= page.size

    def _pack(self, target: bytes, page: CachedPage) -> None:
        """What is asked for twice is worth packing, off the loop."""
        page.is_asked_again = True
        pack = partial(self._forms, target, page)
        packing = asyncio.get_running_loop().run_in_executor(self._packer, pack)
        self._packing[target] = packing
        packing.add_done_callback(partial(self._packed, target, page))

    def _forms(self, target: bytes, page: CachedPage) -> dict[str, Sent]:
        """In the packer's thread; what was dropped while it waited there is passed over."""
        return page.packed() if self._pages.get(target) is page else {}

    def _packed(self, target: bytes, page: CachedPage, packing: Packing) -> None:
        if self._packing.get(target) is packing:
            del self._packing[target]
        if packing.cancelled() or self._pages.get(target) is not page:
            return
        self._forget(target)
        page.take(packing.result())
        self._keep(target, page)


def is_keepable(request: Request, response: HTTPResponse) -> bool:
    """Whole, the same for all, and nobody's secret."""
    return (
        response.status == 200
        and not request.ctx.private
        and "set-cookie" not in response.headers
        and "no-store" not in str(response.headers.get("cache-control", ""))
    )
