"""The edit page of a post: saving the working copy, the preview, and its private link."""

from collections.abc import Awaitable, Callable

from sanic import HTTPResponse, Request
from sanic.response import json

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.control_panel.post_form import PostForm
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.posts import dashboard, editing, preview
from blog.models.posts.content import FIELDS
from blog.models.posts.dashboard import EditablePost
from blog.models.posts.editing import Conflict
from blog.sandbox import SandboxBusy

AfterSaving = Callable[[PostForm], Awaitable[HTTPResponse]]


@bp.get("/posts/<id:int>")
async def edit_post(request: Request, id: int) -> HTTPResponse:
    """Show the edit page."""
    editable = await web.get_or_404(request, dashboard.load_editable, id, by=request.ctx.user)
    return _page(request, editable, PostForm.of(request, editable.post))


@bp.post("/posts/<id:int>/save")
async def save_post(request: Request, id: int) -> HTTPResponse:
    """Save the working copy; a script gets JSON, a form goes back to the edit page."""

    async def respond(form: PostForm) -> HTTPResponse:
        if asks_for_json(request):
            return json(await _saved_state(request, id))
        web.flash(request, N_("Saved. Readers will not see it until you publish it."))
        if form["picture"]:
            web.flash(
                request, N_("The picture was not uploaded. Press “Add picture” to upload it.")
            )
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await save_then(request, id, respond)


@bp.post("/posts/<id:int>/preview")
async def preview_post(request: Request, id: int) -> HTTPResponse:
    """Save the working copy and open its preview at a private link."""

    async def respond(form: PostForm) -> HTTPResponse:
        key = await web.transact(request, preview.open_preview, id, by=request.ctx.user)
        if asks_for_json(request):
            url = web.url(request, "home.preview", key=key)
            return json({**await _saved_state(request, id), "preview": url})
        return web.redirect(request, "home.preview", key=key)

    return await save_then(request, id, respond)


@bp.post("/posts/<id:int>/close-preview")
async def close_preview(request: Request, id: int) -> HTTPResponse:
    """Save the working copy and revoke the private link of the preview."""

    async def respond(form: PostForm) -> HTTPResponse:
        await web.transact(request, preview.close_preview, id, by=request.ctx.user)
        web.flash(request, N_("The private link no longer works."))
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await save_then(request, id, respond)


async def save_then(
    request: Request, id: int, respond: AfterSaving, form: PostForm | None = None
) -> HTTPResponse:
    """Save the submitted form as the working copy, then return what `respond` returns.

    Where saving or `respond` raises a `Refusal`, the form is shown again with everything typed.
    `form` is read from the request unless it is given.
    """
    form = form or PostForm.read(request)
    if not form.ok:
        return await show_again(request, id, form, 422)
    try:
        form.saved(await web.transact(request, editing.save, id, form.copy(), by=request.ctx.user))
        return await respond(form)
    except (Refusal, TooMuch, SandboxBusy) as error:
        return await show_again(request, id, form.refuse(as_refusal(error)), status_of(error))


def as_refusal(error: Refusal | TooMuch | SandboxBusy) -> Refusal:
    """Turn an error of the renderer into a message beside the text or above the form."""
    if isinstance(error, TooMuch):
        return Refusal(error.message, "body", **error.params)
    return Refusal(error.message) if isinstance(error, SandboxBusy) else error


def status_of(error: Refusal | TooMuch | SandboxBusy) -> int:
    """Return the HTTP status for an error."""
    if isinstance(error, SandboxBusy):
        return 503
    return 409 if isinstance(error, Conflict) else 422


async def show_again(request: Request, id: int, form: PostForm, status: int) -> HTTPResponse:
    """Show the form again with its errors; a script gets only the errors, as JSON."""
    editable = await web.get_or_404(request, dashboard.load_editable, id, by=request.ctx.user)
    if asks_for_json(request):
        return json({"faults": form.errors}, status=status)
    return _page(request, editable, form, status)


def asks_for_json(request: Request) -> bool:
    """Whether a script sent the request rather than a form."""
    return "application/json" in request.headers.get("accept", "")


async def _saved_state(request: Request, id: int) -> dict[str, str | int | bool]:
    """Return what the open edit page must update after a script has saved the post."""
    post = await web.read(request, editing.load, id, by=request.ctx.user)
    slug = post.path or post.slug
    return {"version": post.version, "slug": slug, "language": post.language}


def _page(
    request: Request, editable: EditablePost, form: PostForm, status: int = 200
) -> HTTPResponse:
    return web.render(
        request,
        "control_panel/edit_post.html",
        status,
        sheet=editable,
        post=editable.post,
        row=editable.row,
        form=form,
        theirs=editable.post if status == 409 else None,
        content=FIELDS.values(),
        languages=LANGUAGES,
        max_upload=request.app.ctx.config.max_upload,
    )
