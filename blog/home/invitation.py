"""Accepting an invitation: the invited person chooses a name and a password and gets an account."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.home import bp
from blog.models.base import Refusal
from blog.models.users import invitation as invitations
from blog.models.users import user
from blog.models.users.invitation import InvitationOffer
from blog.web import auth
from blog.web.forms import Form, Text, Verbatim

DASHBOARD = "/control-panel"


class AcceptForm(Form):
    """The form of the invited person. The name is absent where they take over a byline."""

    name = Text(most=64)
    display_name = Text(required=True, most=200)
    email = Text(most=254)
    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)


@bp.get("/invitation/<key:str>")
async def invitation(request: Request, key: str) -> HTTPResponse:
    """Only show the form, because programs that scan email open links and must not use them up."""
    request.ctx.private = True
    invited = await _invited(request, key)
    if invited is None:
        return _dead_link(request)
    values = {"display_name": invited.display_name, "email": invited.email}
    return _page(request, AcceptForm.blank(request, **values), invited)


@bp.post("/invitation/<key:str>", name="accept_invitation")
async def accept_invitation(request: Request, key: str) -> HTTPResponse:
    """Create the account and sign the person in."""
    request.ctx.private = True
    invited = await _invited(request, key)
    if invited is None:
        return _dead_link(request)
    form = _checked_form(request, invited)
    if request.ctx.user or not form.ok:
        return _page(request, form, invited, 422)
    try:
        id = await _accept(request, key, form)
    except Refusal as refusal:
        return _page(request, form.refuse(refusal), invited, 422)
    except LookupError:  # another request was first
        return _dead_link(request)
    web.flash(request, N_("Welcome, %(name)s. This is your dashboard."), name=form["display_name"])
    response = web.redirect_path(request, DASHBOARD)
    auth.set_session_cookies(request, response, await auth.open_session(request, id))
    return response


async def _accept(request: Request, key: str, form: AcceptForm) -> int:
    """Create the account and return its id."""
    password_hash = await request.app.ctx.passwords.hash(form["password"])
    values = {name: form[name] for name in ("name", "display_name", "email")}
    return await web.transact(
        request, invitations.accept_invitation, key, **values, password_hash=password_hash
    )


def _checked_form(request: Request, invited: InvitationOffer) -> AcceptForm:
    """Read the form and check all fields, so that every error is shown at the first attempt.

    The name is not checked where the person takes over a byline, which has a name already.
    """
    form = AcceptForm.read(request)
    if not invited.is_claim:
        form.check("name", user.check_name)
    names = (invited.name, *(form.values[name] for name in ("name", "display_name", "email")))
    form.check("email", user.check_email)
    return form.check("password", auth.password_rule(request, *names))


async def _invited(request: Request, key: str) -> InvitationOffer | None:
    try:
        return await web.read(request, invitations.get_offer, key)
    except LookupError:
        return None


def _page(
    request: Request, form: AcceptForm, invited: InvitationOffer, status: int = 200
) -> HTTPResponse:
    return web.render(request, "home/invitation.html", status, form=form, invited=invited)


def _dead_link(request: Request) -> HTTPResponse:
    return web.render(request, "home/dead_link.html", 404, kind="invitation")
