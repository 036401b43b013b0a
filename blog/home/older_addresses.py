"""Posts and redirects at addresses that were free until a later release reserved them."""

from functools import wraps

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.cache.page_cache import Handler
from blog.home import guest_cookie, views
from blog.models.addresses import address
from blog.models.public import page_queries
from blog.models.public.cards import PostPage


def unless_taken(view: Handler) -> Handler:
    """Decorate a view whose address may belong to a post or redirect of an older release.

    The post or redirect keeps the address. Place it below `cached`: a cached page needs no query.
    """

    @wraps(view)
    async def answer(request: Request, **arguments: object) -> HTTPResponse:
        path = address.decode(request.path)
        if path is None or not address.was_free(path):
            return await view(request, **arguments)
        reader = guest_cookie.reader(request)
        target = await web.read(request, page_queries.known_at, path, reader)
        if target is None:
            return await view(request, **arguments)
        if isinstance(target, PostPage):
            return await views.show_post(request, target)
        return redirect(target.location, status=301)

    return answer
