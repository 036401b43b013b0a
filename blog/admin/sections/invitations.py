"""Invitations: a link for a new author that works once, sent by email or passed on by hand."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Action, Column, Filter, Section, ngettext
from blog.admin.sections.people import ROLE_NAMES
from blog.config import N_
from blog.models.base import Refusal
from blog.models.listing import for_each
from blog.models.users import invitation, invitation_list, user, user_list
from blog.models.users.user import ADMIN, ROLES
from blog.web.forms import Choice, Form, Text

section = Section(
    "invitations",
    N_("Invitations"),
    place=90,
    role=ADMIN,
    route="invitations",
    listing=invitation_list.invitations,
    counted=ngettext("%(num)s invitation", "%(num)s invitations"),
    columns=(
        Column("whom", N_("Invitee"), "whom"),
        Column("role", N_("Role"), "role"),
        Column("state", N_("State"), "invitation_state"),
        Column("by", N_("Invited by")),
        Column("created_at", N_("Invited on"), "when", sort=True),
        Column("expires_at", N_("Valid until"), "when", sort=True),
    ),
    filters=(
        Filter(
            "state",
            N_("State"),
            {
                "open": N_("Not used yet"),
                "accepted": N_("Accepted"),
                "revoked": N_("Revoked"),
                "expired": N_("Expired"),
            },
            tabs=True,
        ),
        Filter("role", N_("Role"), ROLE_NAMES),
    ),
    search=N_("Name or email address"),
    purpose=N_(
        "No invitations yet. An invitation is a link for one person, who opens it, chooses a "
        "password and can then write here."
    ),
    actions=(
        Action(
            "revoke",
            N_("Revoke"),
            for_each(invitation.revoke_invitation),
            route="revoke_invitations",
            done=ngettext("%(num)s invitation was revoked.", "%(num)s invitations were revoked."),
            offered=lambda row: row.state == "open",
        ),
    ),
    cells="admin/_people_cells.html",
    page="invitations",
)


class InvitationForm(Form):
    """A new invitation. `byline` is the id of the byline to turn into an account, or empty."""

    display_name = Text(most=200)
    role = Choice(*ROLES)
    byline = Text(most=9)
    email = Text(most=254)


@section.get("/new")
async def new_invitation(request: Request) -> HTTPResponse:
    """Show the form."""
    bylines = await web.read(request, user_list.bylines)
    byline = request.args.get("byline") or ""
    form = InvitationForm.blank(request, byline=byline, role="author")
    return _form_page(request, form, bylines)


@section.post("/new")
async def invite(request: Request) -> HTTPResponse:
    """Create an invitation, and show its link, which cannot be shown again."""
    form = InvitationForm.read(request).check("email", user.check_email)
    try:
        if form.ok:
            return await _invite(request, form)
    except Refusal as refusal:
        form.refuse(refusal)
    return _form_page(request, form, await web.read(request, user_list.bylines), 422)


async def _invite(request: Request, form: InvitationForm) -> HTTPResponse:
    """Send the link by email if there is an address and a mail server; otherwise only show it."""
    byline, email = form["byline"], form["email"]
    is_mailed = bool(email and request.app.ctx.config.has_mail)
    path = await web.transact(
        request,
        invitation.invite,
        role=form["role"],
        display_name=form["display_name"],
        email=email,
        byline_id=int(byline) if byline.isascii() and byline.isdigit() else None,
        language=request.ctx.site.language,
        is_mailed=is_mailed,
        by=request.ctx.user,
    )
    return section.show(request, "invitation_made", path=path, to=email if is_mailed else "")


def _form_page(
    request: Request,
    form: InvitationForm,
    bylines: tuple[tuple[str, str], ...],
    status: int = 200,
) -> HTTPResponse:
    has_mail = request.app.ctx.config.has_mail
    return section.show(
        request, "new_invitation", status, form=form, bylines=bylines, has_mail=has_mail
    )
