"""Pictures come in: from a script as bytes, from a form as a file, each checked and made anew."""

import re

from sanic import HTTPResponse, Request
from sanic.response import json

from blog import media, web
from blog.config import N_
from blog.control_panel import bp
from blog.control_panel.editor import again, asks_for_json, status_of, told, with_typed
from blog.control_panel.post_form import PostForm
from blog.models.base import Refusal
from blog.models.posts import dashboard as desks
from blog.models.uploads import upload as uploads
from blog.models.uploads.upload import Upload
from blog.sandbox import SandboxBusy
from blog.web import pagination
from blog.web.forms import Form, Text

# Names that cameras, phones and clipboards give say nothing about what is to be seen.
MEANINGLESS = re.compile(
    r"(image|img|dsc\w?|pxl|photo|picture|screen ?shot|unnamed|clipboard"
    r"|截屏|截图|屏幕截图|微信图片)?"
    r"[\s\d._:()-]*(at|pm|am)?[\s\d._:()-]*",
    re.IGNORECASE,
)


class UploadForm(Form):
    picture = Text()


@bp.get("/pictures")
async def pictures(request: Request) -> HTTPResponse:
    return await _page(request, UploadForm.blank(request))


@bp.post("/pictures")
async def upload_picture(request: Request) -> HTTPResponse:
    """A script gets the Markdown to insert; a form goes back to the list."""
    try:
        upload, name = await _take(request)
    except (Refusal, SandboxBusy) as error:
        return await _refused(request, error)
    if asks_for_json(request):
        return json(_shown(upload, name))
    web.flash(request, N_("The picture was uploaded."))
    return web.redirect(request, "control_panel.pictures")


@bp.post("/posts/<id:int>/pictures")
async def add_picture(request: Request, id: int) -> HTTPResponse:
    """Without a script: into the text, at its end, or as the cover; all that was typed is saved."""
    form = PostForm.read(request)
    try:
        upload, name = await _take(request)
    except (Refusal, SandboxBusy) as error:
        form.faults["picture"] = told(error)
        return await again(request, id, form, _status(request, error))
    if form["into"] == "cover":
        form.put("cover", media.address(upload.name))
    else:
        form.put("body", f"{form.values['body'].rstrip()}\n\n{markdown(upload, name)}\n".lstrip())

    async def leave(_: PostForm) -> HTTPResponse:
        web.flash(request, N_("The picture was added."))
        return web.redirect(request, "control_panel.edit_post", id=id)

    return await with_typed(request, id, leave, form)


async def _take(request: Request) -> tuple[Upload, str]:
    """The sent picture, made anew in the crew, on the disk, and noted; and the name it came by."""
    raw, name = _sent(request)
    config = request.app.ctx.config
    picture = await request.app.ctx.crew.picture(raw, name)
    await media.keep(config, picture)
    upload = await web.transact(
        request,
        uploads.note,
        name=picture.name,
        original=name,
        width=picture.width,
        height=picture.height,
        size=picture.size,
        type=picture.type,
    )
    return upload, name


def _sent(request: Request) -> tuple[bytes, str]:
    """Bytes and name, from a form's file or from a body that is the picture itself."""
    if request.content_type.startswith(("image/", "application/octet-stream")):
        raw, name = request.body, request.args.get("name") or ""
    else:
        file = request.files.get("picture") if request.files else None
        raw, name = (file.body, file.name) if file else (b"", "")
    if not raw:
        raise Refusal(N_("Choose a picture first."), "picture")
    readable = "".join(mark for mark in name if mark.isprintable())
    return raw, readable.rpartition("/")[2].rpartition("\\")[2][-200:] or "picture"


async def _refused(request: Request, error: Refusal | SandboxBusy) -> HTTPResponse:
    status, form = _status(request, error), UploadForm.blank(request)
    form.faults["picture"] = told(error)
    if asks_for_json(request):
        return json({"faults": form.errors}, status=status)
    return await _page(request, form, status)


def _status(request: Request, error: Refusal | SandboxBusy) -> int:
    is_large = len(request.body) > request.app.ctx.config.max_upload
    return 413 if is_large else status_of(error)


def _shown(upload: Upload, name: str) -> dict[str, str | int]:
    return {
        "address": media.address(upload.name),
        "markdown": markdown(upload, name),
        "width": upload.width,
        "height": upload.height,
    }


def markdown(upload: Upload, name: str) -> str:
    """The picture as it stands in a text, with what is to be seen where the file's name says it."""
    stem = re.sub(r"\.\w{2,5}$", "", name)
    words = " ".join(re.sub(r"[-_\[\]\\`*<>]+", " ", stem).split())
    seen = "" if MEANINGLESS.fullmatch(words) else words
    return f"![{seen}]({media.address(upload.name)})"


async def _page(request: Request, form: UploadForm, status: int = 200) -> HTTPResponse:
    number = pagination.page_number(request.args.get("page"))
    album = await web.get_or_404(request, desks.album, by=request.ctx.user, page=number)
    return web.render(
        request,
        "control_panel/pictures.html",
        status,
        form=form,
        album=album,
        markdown=markdown,
        pages=pagination.paginate(
            album, lambda n: web.url(request, "control_panel.pictures") + f"?page={n}"
        ),
        max_upload_mb=request.app.ctx.config.max_upload_mb,
    )
