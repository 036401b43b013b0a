"""The list of redirects: from former addresses of posts, and added by hand."""

from blog.admin.section import Action, Column, EditForm, Filter, Input, Section, ngettext
from blog.config import N_
from blog.models.addresses import redirects
from blog.models.listing import for_each
from blog.web.forms import Form, Text


class RedirectForm(Form):
    """A redirect to add: the old path, and the path or address that it leads to."""

    path = Text(required=True, most=500)
    to = Text(required=True, most=1000)


section = Section(
    "redirects",
    N_("Redirects"),
    place=70,
    route="redirects",
    listing=redirects.redirects,
    counted=ngettext("%(num)s redirect", "%(num)s redirects"),
    columns=(
        Column("path", N_("Address"), "path", sort=True),
        Column("to", N_("Redirects to"), "path"),
        Column("title", N_("Post"), "titled"),
        Column("created_at", N_("Since"), "when", sort=True),
    ),
    filters=(
        Filter("kind", N_("Kind"), {"own": N_("Added by hand"), "post": N_("Former post address")}),
    ),
    search=N_("Address"),
    purpose=N_(
        "No redirects yet. When a post changes its address, the old one is added here "
        "automatically. You can also add redirects for pages of a former site."
    ),
    actions=(
        Action(
            "remove",
            N_("Remove"),
            for_each(redirects.remove),
            route="remove_redirects",
            confirm=N_("Visitors to these addresses will see “page not found”."),
            done=ngettext("%(num)s redirect was removed.", "%(num)s redirects were removed."),
            offered=lambda row: row.is_own,
        ),
    ),
    new_route="new_redirects",
    new_form=EditForm(
        "add",
        N_("Add a redirect"),
        RedirectForm,
        (
            Input("path", N_("Old address"), hint=N_("A path on this blog, such as /old/page.")),
            Input(
                "to",
                N_("Redirects to"),
                hint=N_("A path on this blog, or the full address of a page elsewhere."),
            ),
        ),
        redirects.add,
        route="add_redirects",
        button=N_("Add"),
        done=N_("The redirect is now active."),
    ),
)
