"""The page where a post is written: what is typed is saved, shown again, previewed."""

from collections.abc import Awaitable, Callable

from sanic import HTTPResponse, Request
from sanic.response import json

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.control_panel.post_form import PostForm
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.posts import dashboard as desks
from blog.models.posts import editing, preview
from blog.models.posts.dashboard import EditablePost
from blog.models.posts.editing import Conflict
from blog.sandbox import SandboxBusy

Act = Callable[[PostForm], Awaitable[HTTPResponse]]


@bp.get("/posts/<id:int>")
async def edit_post(request: Request, id: int) -> HTTPResponse:
    sheet = await web.get_or_404(request, desks.sheet, id, by=request.ctx.user)
    return _page(request, sheet, PostForm.of(request, sheet.post))


@bp.post("/posts/<id:int>/save")
async def save_post(request: Request, id: int) -> HTTPResponse:
    async def leave(form: PostForm) -> HTTPResponse:
        if asks_for_json(request):
            return json(await _told(request, id))
        web.flash(request, N_("Saved. Readers will not see it until you publish it."))
        if form["picture"]:
            web.flash(
                request, N_("The picture was not uploaded. Press “Add picture” to upload it.")
            )
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await with_typed(request, id, leave)


@bp.post("/posts/<id:int>/preview")
async def preview_post(request: Request, id: int) -> HTTPResponse:
    async def leave(form: PostForm) -> HTTPResponse:
        key = await web.transact(request, preview.open_preview, id)
        if asks_for_json(request):
            place = web.url(request, "home.preview", key=key)
            return json({**await _told(request, id), "preview": place})
        return web.redirect(request, "home.preview", key=key)

    return await with_typed(request, id, leave)


@bp.post("/posts/<id:int>/close-preview")
async def close_preview(request: Request, id: int) -> HTTPResponse:
    async def leave(form: PostForm) -> HTTPResponse:
        await web.transact(request, preview.close_preview, id)
        web.flash(request, N_("The private link no longer works."))
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await with_typed(request, id, leave)


async def with_typed(
    request: Request, id: int, act: Act, form: PostForm | None = None
) -> HTTPResponse:
    """Save what was typed, then `act`. What is refused shows the form again, all of it as typed."""
    form = form or PostForm.read(request)
    if not form.ok:
        return await again(request, id, form, 422)
    try:
        form.saved(await web.transact(request, editing.save, id, form.copy()))
        return await act(form)
    except (Refusal, TooMuch, SandboxBusy) as error:
        return await again(request, id, form.refuse(told(error)), status_of(error))


def told(error: Refusal | TooMuch | SandboxBusy) -> Refusal:
    """What the crew could not do, as a sentence beside the text."""
    if isinstance(error, TooMuch):
        return Refusal(error.message, "body", **error.params)
    return Refusal(error.message) if isinstance(error, SandboxBusy) else error


def status_of(error: Refusal | TooMuch | SandboxBusy) -> int:
    if isinstance(error, SandboxBusy):
        return 503
    return 409 if isinstance(error, Conflict) else 422


async def again(request: Request, id: int, form: PostForm, status: int) -> HTTPResponse:
    sheet = await web.get_or_404(request, desks.sheet, id, by=request.ctx.user)
    if asks_for_json(request):
        return json({"faults": form.errors}, status=status)
    return _page(request, sheet, form, status)


def asks_for_json(request: Request) -> bool:
    """A script asks, which shows the answer in the page it stands in."""
    return "application/json" in request.headers.get("accept", "")


async def _told(request: Request, id: int) -> dict[str, str | int | bool]:
    """What the page that stays open needs to know of what it has just saved."""
    post = await web.read(request, editing.load, id, by=request.ctx.user)
    slug = post.path or post.slug
    return {"version": post.version, "slug": slug, "language": post.language}


def _page(request: Request, sheet: EditablePost, form: PostForm, status: int = 200) -> HTTPResponse:
    return web.render(
        request,
        "control_panel/edit_post.html",
        status,
        sheet=sheet,
        post=sheet.post,
        row=sheet.row,
        form=form,
        theirs=sheet.post if status == 409 else None,
        choices=list(LANGUAGES.items()),
        max_upload=request.app.ctx.config.max_upload,
    )
