"""The list of tags: rename, merge and delete them."""

from blog.admin.section import Action, Column, EditForm, Filter, Input, Section, ngettext
from blog.config import N_
from blog.models.listing import for_each
from blog.models.tags import tag_admin
from blog.web.forms import Form, Text


class NameForm(Form):
    """The new name of a tag."""

    name = Text(required=True, most=100)


class MergeForm(Form):
    """The name of the tag to merge into."""

    into = Text(required=True, most=100)


section = Section(
    "tags",
    N_("Tags"),
    place=50,
    route="tags",
    listing=tag_admin.tags,
    counted=ngettext("%(num)s tag", "%(num)s tags"),
    columns=(
        Column("name", N_("Name"), "link", sort=True),
        Column("href", N_("Address"), "path"),
        Column("posts", N_("Posts"), "number", sort=True),
    ),
    filters=(Filter("use", N_("Usage"), {"used": N_("In use"), "unused": N_("Not in use")}),),
    search=N_("Name"),
    purpose=N_("No tags yet. Add tags to posts in the dashboard; rename and merge them here."),
    actions=(
        Action(
            "delete",
            N_("Delete"),
            for_each(tag_admin.delete_tag),
            route="delete_tags",
            confirm=N_(
                "No post uses these tags any more. They will also be removed from old revisions."
            ),
            done=ngettext("%(num)s tag was deleted.", "%(num)s tags were deleted."),
            offered=lambda row: not row.is_used,
        ),
    ),
    load=tag_admin.get_tag,
    row_route="one_tags",
    row_forms=(
        EditForm(
            "rename",
            N_("Rename"),
            NameForm,
            (Input("name", N_("Name")),),
            tag_admin.rename,
            route="rename_tags",
            button=N_("Rename"),
            done=N_("The tag was renamed. Its old address redirects to the new one."),
        ),
        EditForm(
            "merge",
            N_("Merge into another tag"),
            MergeForm,
            (Input("into", N_("Tag to keep"), options=tag_admin.names),),
            tag_admin.merge,
            route="merge_tags",
            button=N_("Merge"),
            note=N_(
                "All posts will use the tag you keep, and the address of the other tag will "
                "redirect to it."
            ),
            done=N_("The tags were merged. The old address redirects to the tag you kept."),
        ),
    ),
)
