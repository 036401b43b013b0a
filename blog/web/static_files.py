"""Routes for static files and uploaded pictures, used where nginx does not serve them from disk."""

import aiofiles
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import raw

from blog import media, web

bp = Blueprint("files")
FOREVER = "public, max-age=31536000, immutable"
# A picture that is opened on its own can run nothing, whatever its bytes contain.
INERT = "default-src 'none'; sandbox"


@bp.get("/static/<path:path>")
async def static(request: Request, path: str) -> HTTPResponse:
    """Serve a static file; `path` begins with the hash of its layout."""
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    file = request.app.ctx.statics.find(path, accept_gzip=accepts_gzip)
    if file is None:
        raise web.PageNotFound
    headers = {"cache-control": FOREVER, "vary": "accept-encoding"}
    if file.encoding:
        headers["content-encoding"] = file.encoding
    return raw(file.body, content_type=file.type, headers=headers)


@bp.get("/media/<path:path>")
async def picture(request: Request, path: str) -> HTTPResponse:
    """Serve an uploaded picture."""
    try:
        location = media.path_of(request.app.ctx.config, path)
        async with aiofiles.open(location, "rb") as file:
            body = await file.read()
    except (ValueError, OSError) as error:
        raise web.PageNotFound from error
    headers = {
        "cache-control": FOREVER,
        "content-security-policy": INERT,
        "cross-origin-resource-policy": "cross-origin",  # feed readers show our pictures
    }
    return raw(body, content_type=media.type_of(location.name), headers=headers)
