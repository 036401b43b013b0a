"""Publishing, scheduling and unpublishing a post, moving it to trash, restoring and deleting it."""

from collections.abc import Callable
from datetime import datetime

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.control_panel import bp
from blog.control_panel.editor import save_then
from blog.control_panel.post_form import PostForm
from blog.models.base import Refusal, now
from blog.models.posts import editing, publishing
from blog.models.posts.dashboard import is_edited
from blog.models.posts.editing import Conflict
from blog.models.posts.post import Post
from blog.models.posts.publishing import VersionChanged
from blog.models.uploads import upload
from blog.web.forms import in_zone

ATTEMPTS = 2
PUBLISHED = N_("Published. Readers can see it now.")
UPDATED = N_("Updated. Readers now see this text.")


@bp.post("/posts/<id:int>/publish")
async def publish_post(request: Request, id: int) -> HTTPResponse:
    """Save and publish the post now, or update a post that is live."""

    async def respond(form: PostForm) -> HTTPResponse:
        before = await web.read(request, editing.load, id, by=request.ctx.user)
        return await _publish_now(request, before)

    return await save_then(request, id, respond)


async def _publish_now(request: Request, before: Post) -> HTTPResponse:
    """Publish the post unless it is live without unpublished changes."""
    is_live = before.is_live(now())
    if is_live and not is_edited(before):
        web.flash(request, N_("Nothing was updated: readers already see this text."))
    else:
        await _publish(request, before.id, None)
        web.flash(request, UPDATED if is_live else PUBLISHED)
    return web.redirect(request, "control_panel.edit_post", id=before.id)


@bp.post("/posts/<id:int>/schedule")
async def schedule_post(request: Request, id: int) -> HTTPResponse:
    """Save the post and schedule it for the chosen moment in the site's time zone."""

    async def respond(form: PostForm) -> HTTPResponse:
        moment = in_zone(form["publish_at"], request.ctx.site.timezone)
        if moment is None:
            raise Refusal(N_("Choose the date and time of publication."), "publish_at")
        before = await web.read(request, editing.load, id, by=request.ctx.user)
        # The post went live while the page was open. Its button says "Update", so update it.
        if moment == before.publish_at and before.is_live(now()):
            return await _publish_now(request, before)
        await _publish(request, id, moment)
        web.flash(request, N_("Scheduled. It will be published automatically at that time."))
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await save_then(request, id, respond)


async def _publish(request: Request, id: int, at: datetime | None) -> Post:
    """Render the text in the sandbox and publish it; `at` is None for now.

    The text is rendered outside the transaction, so if the post was saved meanwhile, it is rendered
    once more. Raises `Conflict` if that happens again.
    """
    for _ in range(ATTEMPTS):
        post = await web.read(request, editing.load, id, by=request.ctx.user)
        sizes = await web.read(request, upload.picture_sizes, post.body, post.links)
        rendered = await request.app.ctx.sandbox.render(
            post.body, post.links, sizes=sizes, title=post.title
        )
        try:
            return await web.transact(
                request, publishing.publish, id, rendered, post.version, at, by=request.ctx.user
            )
        except VersionChanged:
            continue
    raise Conflict(N_("Somebody else is saving this post at the same time. Try again."))


@bp.post("/posts/<id:int>/unpublish")
async def unpublish_post(request: Request, id: int) -> HTTPResponse:
    """Hide the post from readers."""
    message = N_("Unpublished. Readers can no longer see it. The text is kept here.")
    return await _change_state(request, id, publishing.unpublish, message)


@bp.post("/posts/<id:int>/trash")
async def trash_post(request: Request, id: int) -> HTTPResponse:
    """Move the post to the trash."""
    return await _change_state(request, id, publishing.trash, N_("Moved to trash."))


@bp.post("/posts/<id:int>/restore")
async def restore_post(request: Request, id: int) -> HTTPResponse:
    """Restore the post from the trash as an unpublished one."""
    message = N_("Restored. Readers will see it after you publish it again.")
    return await _change_state(request, id, publishing.restore, message)


async def _change_state(
    request: Request, id: int, work: Callable[..., Post], message: str
) -> HTTPResponse:
    """Run `work(session, id, by=…)` and flash the message.

    On the edit page the button sends the whole form, which is saved first; in a list it sends
    nothing.
    """

    async def respond(_: PostForm | None = None) -> HTTPResponse:
        await web.transact(request, work, id, by=request.ctx.user)
        web.flash(request, message)
        return web.redirect(request, "control_panel.edit_post", id=id)

    if "version" in (request.get_form() or {}):
        return await save_then(request, id, respond)
    return await respond()


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
