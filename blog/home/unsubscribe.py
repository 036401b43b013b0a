"""Unsubscribing from comment emails with one click, without an account (RFC 8058)."""

from sanic import HTTPResponse, Request

from blog import web
from blog.home import bp
from blog.models.comments import unsubscribe as subscription


@bp.get("/unsubscribe/<key:str>", name="unsubscribe")
async def unsubscribe(request: Request, key: str) -> HTTPResponse:
    """Show only the button, because programs that scan email open its links."""
    _address_hash(request, key)
    return _page(request, is_done=False)


# Mail programs send this POST themselves (RFC 8058), without cookies and from any origin, so the
# origin check is switched off. The key in the address is the permission, and all that the route
# ever does is to send less email.
@bp.post("/unsubscribe/<key:str>", name="stop_mail", ctx_from_anywhere=True)
async def stop_mail(request: Request, key: str) -> HTTPResponse:
    """Unsubscribe the address; answers 200, because mail programs follow no redirect."""
    await web.transact(request, subscription.unsubscribe, _address_hash(request, key))
    return _page(request, is_done=True)


def _address_hash(request: Request, key: str) -> str:
    """Return the hash of the email address that the key was made for, or answer 404."""
    request.ctx.private = True
    try:
        return subscription.read_link_key(request.app.ctx.secret, key)
    except LookupError as error:
        raise web.PageNotFound from error


def _page(request: Request, *, is_done: bool) -> HTTPResponse:
    response = web.render(request, "home/unsubscribe.html", is_done=is_done)
    response.headers["x-robots-tag"] = "noindex, nofollow"
    response.headers["referrer-policy"] = "no-referrer"
    return response
