"""Somebody was invited: they say what they are called, and are one of the people."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.home import bp
from blog.models.base import Refusal
from blog.models.users import invitation as invitations
from blog.models.users import user
from blog.models.users.invitation import Invited
from blog.web import auth
from blog.web.forms import Form, Text, Verbatim

DESK = "/control-panel"


class AcceptForm(Form):
    name = Text(most=64)
    display_name = Text(required=True, most=200)
    email = Text(most=254)
    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)


@bp.get("/invitation/<key:str>")
async def invitation(request: Request, key: str) -> HTTPResponse:
    """Only shows the form: programs that read mail follow links, and must not use them up."""
    request.ctx.private = True
    found = await _invited(request, key)
    if found is None:
        return _dead(request)
    given = {"display_name": found.display_name, "email": found.email}
    return _invitation(request, AcceptForm.blank(request, **given), found)


@bp.post("/invitation/<key:str>", name="accept_invitation")
async def accept_invitation(request: Request, key: str) -> HTTPResponse:
    request.ctx.private = True
    found = await _invited(request, key)
    if found is None:
        return _dead(request)
    form = _checked(request, found)
    if request.ctx.user or not form.ok:
        return _invitation(request, form, found, 422)
    try:
        id = await _accept(request, key, form)
    except Refusal as refusal:
        return _invitation(request, form.refuse(refusal), found, 422)
    except LookupError:  # another request was first
        return _dead(request)
    web.flash(request, N_("Welcome, %(name)s. This is your dashboard."), name=form["display_name"])
    response = web.redirect_path(request, DESK)
    auth.give_cookie(request, response, await auth.open_session(request, id))
    return response


async def _accept(request: Request, key: str, form: AcceptForm) -> int:
    hashed = await request.app.ctx.passwords.hash(form["password"])
    given = {name: form[name] for name in ("name", "display_name", "email")}
    return await web.transact(
        request, invitations.accept_invitation, key, **given, password_hash=hashed
    )


def _checked(request: Request, found: Invited) -> AcceptForm:
    """Each fault is told at the first try. Who takes a byline over bears its name."""
    form = AcceptForm.read(request)
    if not found.is_claim:
        form.check("name", user.check_name)
    names = (found.name, *(form.values[name] for name in ("name", "display_name", "email")))
    form.check("email", user.check_email)
    return form.check("password", auth.password_of(request, *names))


async def _invited(request: Request, key: str) -> Invited | None:
    try:
        return await web.read(request, invitations.invited, key)
    except LookupError:
        return None


def _invitation(
    request: Request, form: AcceptForm, found: Invited, status: int = 200
) -> HTTPResponse:
    return web.render(request, "home/invitation.html", status, form=form, invited=found)


def _dead(request: Request) -> HTTPResponse:
    return web.render(request, "home/dead_link.html", 404, kind="invitation")
