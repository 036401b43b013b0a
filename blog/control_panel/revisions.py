"""The revisions of a post: the list, one revision, and restoring it."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.models.base import now
from blog.models.posts import revisions as history


@bp.get("/posts/<id:int>/revisions")
async def revisions(request: Request, id: int) -> HTTPResponse:
    """List the revisions of a post, newest first."""
    post, past = await web.get_or_404(request, history.history, id, by=request.ctx.user)
    return web.render(
        request, "control_panel/revisions.html", post=post, past=past, is_live=post.is_live(now())
    )


@bp.get("/posts/<id:int>/revisions/<number:int>")
async def revision(request: Request, id: int, number: int) -> HTTPResponse:
    """Show the text of a revision; `number` is its id."""
    post, past_revision = await web.get_or_404(
        request, history.load_revision, id, number, by=request.ctx.user
    )
    return web.render(
        request,
        "control_panel/revision.html",
        post=post,
        revision=past_revision,
        compared=history.COMPARED,
        languages=LANGUAGES,
    )


@bp.post("/posts/<id:int>/revisions/<number:int>/bring-back")
async def bring_back(request: Request, id: int, number: int) -> HTTPResponse:
    """Restore a revision as the working copy; the text it replaces becomes a revision."""
    await web.transact(request, history.restore_revision, id, number, by=request.ctx.user)
    web.flash(
        request,
        N_("The earlier text was restored. Readers will see it after you publish or update."),
    )
    return web.redirect(request, "control_panel.edit_post", id=id)
