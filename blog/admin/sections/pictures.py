"""The list of uploaded pictures: shows where each is used, and deletes unused ones."""

from sanic import Request

from blog import media
from blog.admin.section import Action, Column, Filter, Section, ngettext
from blog.config import N_
from blog.models.uploads import upload_list


async def _remove_files(request: Request, deleted: upload_list.DeletedPictures) -> None:
    """Remove the files of pictures, after their rows were deleted."""
    for name in deleted.names:
        await media.remove(request.app.ctx.config, name)


section = Section(
    "pictures",
    N_("Pictures"),
    place=60,
    route="pictures",
    listing=upload_list.pictures,
    counted=ngettext("%(num)s picture", "%(num)s pictures"),
    columns=(
        Column("shown_as", N_("Picture"), "picture", sort=True),
        Column("places", N_("Used in"), "places"),
        Column("by", N_("By")),
        Column("size", N_("Size"), "size", sort=True),
        Column("created_at", N_("Date"), "when", sort=True),
    ),
    filters=(Filter("by", N_("By"), upload_list.uploaders),),
    search=N_("Name"),
    purpose=N_(
        "No pictures yet. Upload them in the dashboard while writing the posts that use them."
    ),
    actions=(
        Action(
            "delete",
            N_("Delete"),
            upload_list.delete,
            route="delete_pictures",
            confirm=N_("The files will be deleted. This cannot be undone."),
            done=ngettext("%(num)s picture was deleted.", "%(num)s pictures were deleted."),
            offered=lambda row: not row.is_used,
            then=_remove_files,
        ),
    ),
    cells="admin/_picture_cells.html",
)
