"""The edit page of a post: saving the working copy, the preview, and its private link."""

from sanic import HTTPResponse, Request
from sanic.response import json

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.control_panel.post_form import PostForm
from blog.models.base import Refusal
from blog.models.posts import dashboard, editing, preview
from blog.models.posts.content import FIELDS
from blog.models.posts.dashboard import EditablePost
from blog.web import errors


@bp.get("/posts/<id:int>")
async def edit_post(request: Request, id: int) -> HTTPResponse:
    """Show the edit page."""
    editable = await web.get_or_404(request, dashboard.load_editable, id, by=request.ctx.user)
    return _page(request, editable, PostForm.of(request, editable.post))


@bp.post("/posts/<id:int>/save")
async def save_post(request: Request, id: int) -> HTTPResponse:
    """Save the working copy; a script gets JSON, a form goes back to the edit page."""
    form = await save_draft(request, id)
    if asks_for_json(request):
        return json(await _saved_state(request, id))
    web.flash(request, N_("Saved. Readers will not see it until you publish it."))
    if form["picture"]:
        web.flash(request, N_("The picture was not uploaded. Press “Add picture” to upload it."))
    return web.redirect(request, "control_panel.edit_post", id=id)


@bp.post("/posts/<id:int>/preview")
async def preview_post(request: Request, id: int) -> HTTPResponse:
    """Save the working copy and open its preview at a private link."""
    await save_draft(request, id)
    key = await web.transact(request, preview.open_preview, id, by=request.ctx.user)
    if asks_for_json(request):
        url = web.url(request, "home.preview", key=key)
        return json({**await _saved_state(request, id), "preview": url})
    return web.redirect(request, "home.preview", key=key)


@bp.post("/posts/<id:int>/close-preview")
async def close_preview(request: Request, id: int) -> HTTPResponse:
    """Save the working copy and revoke the private link of the preview."""
    await save_draft(request, id)
    await web.transact(request, preview.close_preview, id, by=request.ctx.user)
    web.flash(request, N_("The private link no longer works."))
    return web.redirect(request, "control_panel.edit_post", id=id)


class InvalidDraft(Refusal):
    """Some fields of the edit form are not valid. The form holds the message of each."""

    def __init__(self) -> None:
        super().__init__(N_("Some of what you sent is not valid. Correct it and try again."))


async def save_draft(request: Request, id: int, form: PostForm | None = None) -> PostForm:
    """Save the submitted form as the working copy, and return it with the version just saved.

    `form` is read from the request unless it is given. Raises `InvalidDraft` if a field is not
    valid, and `Refusal`, such as `Conflict`, if the form cannot be saved.
    """
    form = form or read_form(request)
    if not form.ok:
        raise InvalidDraft
    copy = form.copy()
    form.saved(await web.transact(request, editing.save, id, copy, by=request.ctx.user))
    return form


def read_form(request: Request) -> PostForm:
    """Read the edit form. If the view then raises a `Refusal`, this form is shown again."""
    form = request.ctx.post_form = PostForm.read(request)
    return form


@bp.exception(Refusal)  # type: ignore[untyped-decorator]  # in Sanic
async def show_refusal(request: Request, refusal: Refusal) -> HTTPResponse:
    """Error handler: show the edit form again, or the error page if the view has not read one.

    Handles every `Refusal` that a view of this blueprint does not catch.
    """
    form: PostForm | None = getattr(request.ctx, "post_form", None)
    if form is None:
        return await errors.show_error(request, refusal)
    try:
        return await _show_again(request, form, refusal)
    except Exception as error:  # Sanic would answer with an error page of its own
        return await errors.show_error(request, error)


async def _show_again(request: Request, form: PostForm, refusal: Refusal) -> HTTPResponse:
    """Show the form with its errors and everything typed; a script gets the errors, as JSON."""
    if not isinstance(refusal, InvalidDraft):
        form.refuse(refusal)
    status, id = errors.status_of(refusal), request.match_info["id"]
    editable = await web.get_or_404(request, dashboard.load_editable, id, by=request.ctx.user)
    if asks_for_json(request):
        return json({"faults": form.errors}, status=status)
    form.fill_missing(editable.post)
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
        differing=form.differing(editable.post) if status == 409 else (),
        content=tuple(FIELDS.values()),
        languages=LANGUAGES,
        max_upload=request.app.ctx.config.max_upload,
    )
