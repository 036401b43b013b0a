"""What readers see: publish, schedule, unpublish, and the way into the trash and out of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.control_panel import bp
from blog.control_panel.editor import with_typed
from blog.control_panel.post_form import PostForm
from blog.models.base import Refusal, now
from blog.models.posts import editing, publishing
from blog.models.posts.dashboard import is_edited
from blog.models.posts.editing import Conflict
from blog.models.posts.post import Post
from blog.models.posts.publishing import Changed
from blog.models.uploads import upload
from blog.web.forms import in_zone

TRIES = 2
PUBLISHED = N_("Published. Readers can see it now.")
UPDATED = N_("Updated. Readers now see this text.")


@bp.post("/posts/<id:int>/publish")
async def publish_post(request: Request, id: int) -> HTTPResponse:
    """Now; where readers see it already, show them what was typed since."""

    async def leave(form: PostForm) -> HTTPResponse:
        before = await web.read(request, editing.load, id, by=request.ctx.user)
        return await _publish_now(request, before)

    return await with_typed(request, id, leave)


async def _publish_now(request: Request, before: Post) -> HTTPResponse:
    is_live = before.is_live(now())
    if is_live and not is_edited(before):
        web.flash(request, N_("Nothing was updated: readers already see this text."))
    else:
        await _publish(request, before.id, None)
        web.flash(request, UPDATED if is_live else PUBLISHED)
    return web.redirect(request, "control_panel.edit_post", id=before.id)


@bp.post("/posts/<id:int>/schedule")
async def schedule_post(request: Request, id: int) -> HTTPResponse:
    async def leave(form: PostForm) -> HTTPResponse:
        moment = in_zone(form["publish_at"], request.ctx.site.timezone)
        if moment is None:
            raise Refusal(N_("Choose the date and time of publication."), "publish_at")
        before = await web.read(request, editing.load, id, by=request.ctx.user)
        # The moment passed while the page stood open: its button says "Update", and so it does.
        if moment == before.publish_at and before.is_live(now()):
            return await _publish_now(request, before)
        await _publish(request, id, moment)
        web.flash(request, N_("Scheduled. It will be published automatically at that time."))
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await with_typed(request, id, leave)


async def _publish(request: Request, id: int, at: datetime | None) -> Post:
    """Read, render off the loop, write if nobody has typed in between; else once more."""
    for _ in range(TRIES):
        post = await web.read(request, editing.load, id, by=request.ctx.user)
        sizes = await web.read(request, upload.sizes, post.body, post.links)
        rendered = await request.app.ctx.crew.render(
            post.body, post.links, sizes=sizes, title=post.title
        )
        try:
            return await web.transact(request, publishing.publish, id, rendered, post.version, at)
        except Changed:
            continue
    raise Conflict(N_("Somebody else is saving this post at the same time. Try again."))


@bp.post("/posts/<id:int>/unpublish")
async def unpublish_post(request: Request, id: int) -> HTTPResponse:
    said = N_("Unpublished. Readers can no longer see it. The text is kept here.")
    return await _act(request, id, publishing.unpublish, said)


@bp.post("/posts/<id:int>/trash")
async def trash_post(request: Request, id: int) -> HTTPResponse:
    return await _act(request, id, publishing.trash, N_("Moved to trash."))


@bp.post("/posts/<id:int>/restore")
async def restore_post(request: Request, id: int) -> HTTPResponse:
    said = N_("Restored. Readers will see it after you publish it again.")
    return await _act(request, id, publishing.restore, said)


async def _act(request: Request, id: int, verb: Callable[..., Any], said: str) -> HTTPResponse:
    """One verb; where it was pressed on the edit page, what was typed there is saved first."""

    async def leave(_: PostForm | None = None) -> HTTPResponse:
        await web.transact(request, verb, id)
        web.flash(request, said)
        return web.redirect(request, "control_panel.edit_post", id=id)

    is_typed = "version" in (request.get_form() or {})
    return await with_typed(request, id, leave) if is_typed else await leave()


@bp.get("/posts/<id:int>/delete")
async def deletion(request: Request, id: int) -> HTTPResponse:
    """The page that asks again."""
    post = await web.get_or_404(request, editing.load, id, by=request.ctx.user)
    if not post.is_trashed():
        raise web.NotHere
    return web.render(request, "control_panel/deletion.html", post=post)


@bp.post("/posts/<id:int>/delete")
async def delete_post(request: Request, id: int) -> HTTPResponse:
    await web.transact(request, publishing.delete_permanently, id)
    web.flash(request, N_("Deleted permanently."))
    return web.redirect(request, "control_panel.desk", state="trashed")
