"""Uploading pictures, from a form or a script, and the list of the author's pictures."""

import re

from sanic import HTTPResponse, Request
from sanic.response import json

from blog import media, web
from blog.config import N_
from blog.control_panel import bp
from blog.control_panel.editor import asks_for_json, read_form, save_draft
from blog.models.base import Refusal
from blog.models.posts import dashboard
from blog.models.uploads import upload as uploads
from blog.models.uploads.upload import Upload
from blog.web import errors, pagination
from blog.web.forms import Form, Text

# Names given by cameras, phones and screenshot programs, which do not describe the picture.
MEANINGLESS = re.compile(
    r"(image|img|dsc\w?|pxl|photo|picture|screen ?shot|unnamed|clipboard"
    r"|截屏|截图|屏幕截图|微信图片)?"
    r"[\s\d._:()-]*(at|pm|am)?[\s\d._:()-]*",
    re.IGNORECASE,
)


class UploadForm(Form):
    """The upload form; the file itself is read by `_sent`."""

    picture = Text()


@bp.get("/pictures")
async def pictures(request: Request) -> HTTPResponse:
    """List the author's pictures (an editor sees all), with a form to upload one."""
    return await _page(request, UploadForm.blank(request))


@bp.post("/pictures")
async def upload_picture(request: Request) -> HTTPResponse:
    """Store a picture; a script gets the Markdown to insert, a form goes back to the list."""
    try:
        upload, name = await _store(request)
    except Refusal as refusal:
        return await _upload_error(request, refusal)
    if asks_for_json(request):
        return json(_details(upload, name))
    web.flash(request, N_("The picture was uploaded."))
    return web.redirect(request, "control_panel.pictures")


@bp.post("/posts/<id:int>/pictures")
async def add_picture(request: Request, id: int) -> HTTPResponse:
    """Store a picture and add it to the end of the text, or set it as the cover, and save the post.

    Used where scripts are off; the whole form is saved with it.
    """
    form = read_form(request)
    upload, name = await _store(request)
    if form["into"] == "cover":
        form.put("cover", media.address(upload.name))
    else:
        form.put("body", f"{form.values['body'].rstrip()}\n\n{markdown(upload, name)}\n".lstrip())
    await save_draft(request, id, form)
    web.flash(request, N_("The picture was added."))
    return web.redirect(request, "control_panel.edit_post", id=id)


async def _store(request: Request) -> tuple[Upload, str]:
    """Re-encode the picture in the sandbox and store it; return it and its original file name."""
    raw, name = _sent(request)
    config = request.app.ctx.config
    picture = await request.app.ctx.sandbox.picture(raw, name)
    await media.store(config, picture)
    upload = await web.transact(
        request,
        uploads.record_upload,
        name=picture.name,
        original=name,
        width=picture.width,
        height=picture.height,
        size=picture.size,
        type=picture.type,
        by=request.ctx.user,
    )
    return upload, name


def _sent(request: Request) -> tuple[bytes, str]:
    """Return the bytes and file name of the upload, from a form or from a body that is the picture.

    Raises `Refusal` if there are none.
    """
    if request.content_type.startswith(("image/", "application/octet-stream")):
        raw, name = request.body, request.args.get("name") or ""
    else:
        file = request.files.get("picture") if request.files else None
        raw, name = (file.body, file.name) if file else (b"", "")
    if not raw:
        raise Refusal(N_("Choose a picture first."), "picture")
    printable = "".join(character for character in name if character.isprintable())
    return raw, printable.rpartition("/")[2].rpartition("\\")[2][-200:] or "picture"


async def _upload_error(request: Request, refusal: Refusal) -> HTTPResponse:
    status, form = errors.status_of(refusal), UploadForm.blank(request)
    form.faults["picture"] = refusal
    if asks_for_json(request):
        return json({"faults": form.errors}, status=status)
    return await _page(request, form, status)


def _details(upload: Upload, name: str) -> dict[str, str | int]:
    return {
        "address": media.address(upload.name),
        "markdown": markdown(upload, name),
        "width": upload.width,
        "height": upload.height,
    }


def markdown(upload: Upload, name: str) -> str:
    """Return the Markdown of a picture, described by its file name where that means something."""
    stem = re.sub(r"\.\w{2,5}$", "", name)
    words = " ".join(re.sub(r"[-_\[\]\\`*<>]+", " ", stem).split())
    description = "" if MEANINGLESS.fullmatch(words) else words
    return f"![{description}]({media.address(upload.name)})"


async def _page(request: Request, form: UploadForm, status: int = 200) -> HTTPResponse:
    number = pagination.page_number(request.args.get("page"))
    album = await web.get_or_404(request, dashboard.list_pictures, by=request.ctx.user, page=number)
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
