"""The handbook under /docs/, where the keeper has switched it on."""

from sanic import HTTPResponse, Request
from sanic.response import raw, redirect

from blog import media, web
from blog.config import LANGUAGES
from blog.home import bp


@bp.get("/docs")
async def docs(request: Request) -> HTTPResponse:
    return await _chapter(request, request.ctx.site.language, "")


@bp.get("/docs/zh")
async def chinese_docs(request: Request) -> HTTPResponse:
    return await _chapter(request, "zh", "")


@bp.get("/docs/zh/<name:path>")
async def chinese_chapter(request: Request, name: str) -> HTTPResponse:
    return await _chapter(request, "zh", name)


@bp.get("/docs/pictures/<name:str>")
async def docs_picture(request: Request, name: str) -> HTTPResponse:
    if not _is_on(request):
        raise web.NotHere
    try:
        return raw(await request.app.ctx.handbook.picture(name), content_type=media.type_of(name))
    except LookupError as error:
        raise web.NotHere from error


@bp.get("/docs/<name:path>")
async def chapter(request: Request, name: str) -> HTTPResponse:
    return await _chapter(request, "en", name)


def _is_on(request: Request) -> bool:
    return bool(request.ctx.site.settings.docs)


async def _chapter(request: Request, language: str, name: str) -> HTTPResponse:
    if not _is_on(request):
        raise web.NotHere
    if name.endswith("/"):
        return redirect(request.path.rstrip("/"), status=301)
    try:
        found = await request.app.ctx.handbook.chapter(request.app.ctx.crew, language, name)
        contents = await request.app.ctx.handbook.chapter(request.app.ctx.crew, language, "")
    except LookupError as error:
        raise web.NotHere from error
    request.ctx.language = language
    other = LANGUAGES[found.other_language]
    return web.render(
        request, "home/chapter.html", chapter=found, contents=contents, other_language=other
    )
