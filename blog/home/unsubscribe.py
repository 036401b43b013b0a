"""The way out of mail: one press, in the mail program or here, and no account needed."""

from sanic import HTTPResponse, Request

from blog import web
from blog.home import bp
from blog.models.comments import unsubscribe as subscription


@bp.get("/unsubscribe/<key:str>", name="unsubscribe")
async def unsubscribe(request: Request, key: str) -> HTTPResponse:
    """Only shows the button: programs that read mail follow links."""
    _address(request, key)
    return _show(request, is_done=False)


# Mail programs press the button themselves (RFC 8058): without cookies, from whatever page they
# are. The key in the address is the permission, and all that this ever does is send less.
@bp.post("/unsubscribe/<key:str>", name="stop_mail", ctx_from_anywhere=True)
async def stop_mail(request: Request, key: str) -> HTTPResponse:
    """Answered on the spot, for a mail program follows no redirect."""
    await web.transact(request, subscription.unsubscribe, _address(request, key))
    return _show(request, is_done=True)


def _address(request: Request, key: str) -> str:
    """The hash of the address that the key was made for."""
    request.ctx.private = True
    try:
        return subscription.read_key(request.app.ctx.secret, key)
    except LookupError as error:
        raise web.NotHere from error


def _show(request: Request, *, is_done: bool) -> HTTPResponse:
    response = web.render(request, "home/unsubscribe.html", is_done=is_done)
    response.headers["x-robots-tag"] = "noindex, nofollow"
    response.headers["referrer-policy"] = "no-referrer"
    return response
