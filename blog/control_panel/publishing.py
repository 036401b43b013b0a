"""Publishing, scheduling and unpublishing a post, moving it to trash, restoring and deleting it."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.control_panel import bp
from blog.control_panel.editor import save_draft
from blog.markup import Rendered
from blog.models.base import Refusal
from blog.models.posts import editing, publishing
from blog.models.posts.publishing import NotPublic, Publication
from blog.web.forms import in_zone

MESSAGES = {
    Publication.PUBLISHED: N_("Published. Readers can see it now."),
    Publication.UPDATED: N_("Updated. Readers now see this text."),
    Publication.SCHEDULED: N_("Scheduled. It will be published automatically at that time."),
    Publication.UNCHANGED: N_("Nothing was updated: readers already see this text."),
}


@bp.post("/posts/<id:int>/publish")
async def publish_post(request: Request, id: int) -> HTTPResponse:
    """Save and publish the post now, or update a post that is live."""
    form = await save_draft(request, id)
    rendered = await _rendered(request, id)
    publication = await web.transact(
        request, publishing.publish, id, rendered, form["version"], by=request.ctx.user
    )
    web.flash(request, MESSAGES[publication])
    return web.redirect(request, "control_panel.edit_post", id=id)


@bp.post("/posts/<id:int>/schedule")
async def schedule_post(request: Request, id: int) -> HTTPResponse:
    """Save the post and schedule it for the chosen moment in the site's time zone."""
    form = await save_draft(request, id)
    moment = in_zone(form["publish_at"], request.ctx.site.timezone)
    if moment is None:
        raise Refusal(N_("Choose the date and time of publication."), "publish_at")
    rendered = await _rendered(request, id)
    publication = await web.transact(
        request, publishing.publish, id, rendered, form["version"], moment, by=request.ctx.user
    )
    web.flash(request, MESSAGES[publication])
    return web.redirect(request, "control_panel.edit_post", id=id)


async def _rendered(request: Request, id: int) -> Rendered:
    """Render the saved text, outside of any transaction, so that no other write waits for it.

    If the post is saved again meanwhile, its version changes, and the text is not published.
    """
    text = await web.read(request, publishing.unrendered_text, id, by=request.ctx.user)
    rendered: Rendered = await request.app.ctx.sandbox.render(
        text.body, text.links, sizes=text.sizes, title=text.title
    )
    return rendered


@bp.post("/posts/<id:int>/unpublish")
async def unpublish_post(request: Request, id: int) -> HTTPResponse:
    """Hide the post from readers."""
    await _save_draft_if_sent(request, id)
    message = N_("Unpublished. Readers can no longer see it. The text is kept here.")
    try:
        await web.transact(request, publishing.unpublish, id, by=request.ctx.user)
    except NotPublic as refusal:  # such as when the button was pressed twice
        message = refusal.message
    web.flash(request, message)
    return web.redirect(request, "control_panel.edit_post", id=id)


@bp.post("/posts/<id:int>/trash")
async def trash_post(request: Request, id: int) -> HTTPResponse:
    """Move the post to the trash."""
    await _save_draft_if_sent(request, id)
    await web.transact(request, publishing.trash, id, by=request.ctx.user)
    web.flash(request, N_("Moved to trash."))
    return web.redirect(request, "control_panel.edit_post", id=id)


@bp.post("/posts/<id:int>/restore")
async def restore_post(request: Request, id: int) -> HTTPResponse:
    """Restore the post from the trash as an unpublished one."""
    await _save_draft_if_sent(request, id)
    await web.transact(request, publishing.restore, id, by=request.ctx.user)
    web.flash(request, N_("Restored. Readers will see it after you publish it again."))
    return web.redirect(request, "control_panel.edit_post", id=id)


async def _save_draft_if_sent(request: Request, id: int) -> None:
    """Save the edit form if it was sent: a button in a list sends nothing."""
    if "version" in (request.get_form() or {}):
        await save_draft(request, id)


@bp.get("/posts/<id:int>/delete")
async def deletion(request: Request, id: int) -> HTTPResponse:
    """Ask for confirmation before a post in the trash is deleted permanently."""
    post = await web.get_or_404(request, editing.load, id, by=request.ctx.user)
    if not post.is_trashed():
        raise web.PageNotFound
    return web.render(request, "control_panel/deletion.html", post=post)


@bp.post("/posts/<id:int>/delete")
async def delete_post(request: Request, id: int) -> HTTPResponse:
    """Delete a post in the trash permanently."""
    await web.transact(request, publishing.delete_permanently, id, by=request.ctx.user)
    web.flash(request, N_("Deleted permanently."))
    return web.redirect(request, "control_panel.desk", state="trashed")
