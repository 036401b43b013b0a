"""Tags: under which names posts are found together."""

from blog.admin.section import Action, Column, EditForm, Filter, Input, Section, ngettext
from blog.config import N_
from blog.forms import Form, Text
from blog.models import tagging
from blog.models.listing import each


class NameForm(Form):
    name = Text(required=True, most=100)


class MergeForm(Form):
    into = Text(required=True, most=100)


section = Section(
    "tags",
    N_("Tags"),
    place=50,
    route="tags",
    listing=tagging.tags,
    counted=ngettext("%(num)s tag", "%(num)s tags"),
    columns=(
        Column("name", N_("Name"), "link", sort=True),
        Column("href", N_("Address"), "path"),
        Column("posts", N_("Posts"), "number", sort=True),
    ),
    filters=(Filter("use", N_("Use"), {"used": N_("In use"), "unused": N_("Not in use")}),),
    search=N_("Name"),
    purpose=N_("No post has a tag yet. Tags are given at the desk, and renamed and merged here."),
    actions=(
        Action(
            "delete",
            N_("Delete"),
            each(tagging.delete_tag),
            route="delete_tags",
            confirm=N_("No post bears this any more. It will be gone from old revisions, too."),
            done=ngettext("%(num)s tag was deleted.", "%(num)s tags were deleted."),
            offered=lambda row: not row.is_used,
        ),
    ),
    load=tagging.one,
    row_route="one_tags",
    row_forms=(
        EditForm(
            "rename",
            N_("Rename"),
            NameForm,
            (Input("name", N_("Name")),),
            tagging.rename,
            route="rename_tags",
            button=N_("Rename"),
            done=N_("The tag has its new name; its old address leads there."),
        ),
        EditForm(
            "merge",
            N_("Merge into another tag"),
            MergeForm,
            (Input("into", N_("The tag that stays"), options=tagging.names),),
            tagging.merge,
            route="merge_tags",
            button=N_("Merge"),
            note=N_("Every post bears the other tag instead, and the old address leads to it."),
            done=N_("The tags are one now; the old address leads to it."),
        ),
    ),
)
