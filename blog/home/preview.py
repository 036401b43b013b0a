"""The preview of a post's working copy, for anybody who has its private link."""

from dataclasses import replace

from sanic import HTTPResponse, Request

from blog import web
from blog.home import bp
from blog.home.views import with_heading_links
from blog.models.posts import preview as previews


@bp.get("/preview/<key:str>")
async def preview(request: Request, key: str) -> HTTPResponse:
    """Render the working copy exactly as the published post would look."""
    request.ctx.private = True
    draft = await web.get_or_404(request, previews.draft, key)
    rendered = await request.app.ctx.sandbox.render(
        draft.body, draft.links, sizes=draft.sizes, title=draft.card.title
    )
    page = previews.page(draft, rendered)
    page = replace(page, body_html=with_heading_links(page.body_html, page.card.language))
    response = web.render(request, "home/preview.html", post=page)
    response.headers["x-robots-tag"] = "noindex, nofollow"
    response.headers["referrer-policy"] = "no-referrer"
    return response
