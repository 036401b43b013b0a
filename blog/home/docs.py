"""The handbook under /docs/, shown where the site owner has switched it on."""

from dataclasses import replace

from sanic import HTTPResponse, Request
from sanic.response import raw, redirect

from blog import media, web
from blog.config import LANGUAGES
from blog.home import bp
from blog.home.views import with_heading_links


@bp.get("/docs")
async def docs(request: Request) -> HTTPResponse:
    """Show the contents page of the handbook in the language of the site."""
    return await _chapter(request, request.ctx.site.language, "")


@bp.get("/docs/zh")
async def chinese_docs(request: Request) -> HTTPResponse:
    """Show the contents page of the handbook in Chinese."""
    return await _chapter(request, "zh", "")


@bp.get("/docs/zh/<name:path>")
async def chinese_chapter(request: Request, name: str) -> HTTPResponse:
    """Show a chapter of the handbook in Chinese."""
    return await _chapter(request, "zh", name)


@bp.get("/docs/pictures/<name:str>")
async def docs_picture(request: Request, name: str) -> HTTPResponse:
    """Serve a picture of the handbook."""
    if not _is_enabled(request):
        raise web.PageNotFound
    try:
        return raw(await request.app.ctx.handbook.picture(name), content_type=media.type_of(name))
    except LookupError as error:
        raise web.PageNotFound from error


@bp.get("/docs/<name:path>")
async def chapter(request: Request, name: str) -> HTTPResponse:
    """Show a chapter of the handbook in English."""
    return await _chapter(request, "en", name)


def _is_enabled(request: Request) -> bool:
    return bool(request.ctx.site.settings.docs)


async def _chapter(request: Request, language: str, name: str) -> HTTPResponse:
    """Render a chapter beside the table of contents; an empty name is the contents page."""
    if not _is_enabled(request):
        raise web.PageNotFound
    if name.endswith("/"):
        return redirect(request.path.rstrip("/"), status=301)
    try:
        chapter = await request.app.ctx.handbook.chapter(request.app.ctx.sandbox, language, name)
        contents = await request.app.ctx.handbook.chapter(request.app.ctx.sandbox, language, "")
    except LookupError as error:
        raise web.PageNotFound from error
    request.ctx.language = language
    chapter = replace(chapter, body_html=with_heading_links(chapter.body_html, language))
    other = LANGUAGES[chapter.other_language]
    return web.render(
        request, "home/chapter.html", chapter=chapter, contents=contents, other_language=other
    )
