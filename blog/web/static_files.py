"""Static files and pictures, for as long as nginx does not serve them from disk."""

import aiofiles
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import raw

from blog import media, web

bp = Blueprint("files")
FOREVER = "public, max-age=31536000, immutable"
# A picture opened on its own can do nothing, whatever it turns out to be.
INERT = "default-src 'none'; sandbox"


@bp.get("/static/<path:path>")
async def static(request: Request, path: str) -> HTTPResponse:
    accepts = "gzip" in request.headers.get("accept-encoding", "")
    found = request.app.ctx.statics.find(path, accept_gzip=accepts)
    if found is None:
        raise web.NotHere
    headers = {"cache-control": FOREVER, "vary": "accept-encoding"}
    if found.encoding:
        headers["content-encoding"] = found.encoding
    return raw(found.body, content_type=found.type, headers=headers)


@bp.get("/media/<path:path>")
async def picture(request: Request, path: str) -> HTTPResponse:
    try:
        place = media.path_of(request.app.ctx.config, path)
        async with aiofiles.open(place, "rb") as file:
            body = await file.read()
    except (ValueError, OSError) as error:
        raise web.NotHere from error
    headers = {
        "cache-control": FOREVER,
        "content-security-policy": INERT,
        "cross-origin-resource-policy": "cross-origin",  # readers of feeds show them
    }
    return raw(body, content_type=media.type_of(place.name), headers=headers)
