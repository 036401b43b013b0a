"""The list of all posts, of every author and in every state, with actions on them."""

from blog.admin.section import Action, Column, Filter, Section, ngettext
from blog.config import N_
from blog.models.listing import for_each
from blog.models.posts import post_list, publishing

COLUMNS = (
    Column("title", N_("Title"), "post", sort=True),
    Column("state", N_("State"), "post_state"),
    Column("authors", N_("By"), "names"),
    Column("date", N_("Date"), "due", sort=True),
)
FILTERS = (
    Filter(
        "state",
        N_("State"),
        {
            "live": N_("Live"),
            "scheduled": N_("Scheduled"),
            "draft": N_("Draft"),
            "withdrawn": N_("Unpublished"),
            "trashed": N_("In the trash"),
        },
    ),
    Filter("author", N_("Author"), post_list.writers),
)
# Publishing is not offered here, but in the dashboard, where authors see the rendered post first.
UNPUBLISH = Action(
    "unpublish",
    N_("Unpublish"),
    for_each(publishing.unpublish),
    route="unpublish_posts",
    done=ngettext("%(num)s item was unpublished.", "%(num)s items were unpublished."),
    key="u",
    offered=lambda row: row.state in ("live", "scheduled"),
)
TRASH = Action(
    "trash",
    N_("Move to trash"),
    for_each(publishing.trash),
    route="trash_posts",
    done=ngettext("%(num)s item was moved to trash.", "%(num)s items were moved to trash."),
    key="t",
    offered=lambda row: row.state != "trashed",
)
RESTORE = Action(
    "restore",
    N_("Restore"),
    for_each(publishing.restore),
    route="restore_posts",
    done=ngettext("%(num)s item was restored.", "%(num)s items were restored."),
    key="r",
    offered=lambda row: row.state == "trashed",
)
DELETE = Action(
    "delete",
    N_("Delete permanently"),
    for_each(publishing.delete_permanently),
    route="delete_posts",
    confirm=N_(
        "The texts will be deleted with all their revisions and addresses. This cannot be undone."
    ),
    done=ngettext(
        "%(num)s item was permanently deleted.", "%(num)s items were permanently deleted."
    ),
    offered=lambda row: row.state == "trashed",
)

section = Section(
    "posts",
    N_("Posts"),
    place=20,
    route="posts",
    listing=post_list.posts,
    counted=ngettext("%(num)s post", "%(num)s posts"),
    columns=COLUMNS,
    filters=FILTERS,
    search=N_("Title"),
    actions=(UNPUBLISH, TRASH, RESTORE, DELETE),
)
