"""Every page of the blog, listed and kept as the posts are."""

from blog.admin.posts import ACTIONS, COLUMNS, FILTERS
from blog.admin.section import Section, ngettext
from blog.config import N_
from blog.models import office

section = Section(
    "pages",
    N_("Pages"),
    place=30,
    listing=office.pages,
    counted=ngettext("%(num)s page", "%(num)s pages"),
    columns=COLUMNS,
    filters=FILTERS,
    search=N_("Title"),
    actions=ACTIONS,
)
