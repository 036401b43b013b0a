"""The list of all pages, with the same columns, filters and actions as the list of posts."""

from dataclasses import replace

from blog.admin.section import Section, ngettext
from blog.admin.sections.posts import COLUMNS, DELETE, FILTERS, RESTORE, TRASH, UNPUBLISH
from blog.config import N_
from blog.models.posts import post_list

section = Section(
    "pages",
    N_("Pages"),
    place=30,
    route="pages",
    listing=post_list.pages,
    counted=ngettext("%(num)s page", "%(num)s pages"),
    columns=COLUMNS,
    filters=FILTERS,
    search=N_("Title"),
    actions=(
        replace(UNPUBLISH, route="unpublish_pages"),
        replace(TRASH, route="trash_pages"),
        replace(RESTORE, route="restore_pages"),
        replace(DELETE, route="delete_pages"),
    ),
)
