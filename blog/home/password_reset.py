"""A way back in for whoever has forgotten their password: a link by mail, used once."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.home import bp
from blog.models.base import Refusal
from blog.models.users import login_throttle, password, user
from blog.models.users import password_reset as resets
from blog.models.users.user import User
from blog.web import auth, errors, headers
from blog.web.forms import Form, Text, Verbatim


class ForgottenForm(Form):
    login = Text(required=True, most=254)


class ResetForm(Form):
    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)


@bp.get("/forgotten")
async def forgotten(request: Request) -> HTTPResponse:
    request.ctx.private = True
    return _forgotten(request, ForgottenForm.blank(request))


@bp.post("/forgotten", name="ask_for_reset")
async def ask_for_reset(request: Request) -> HTTPResponse:
    """The same answer, after the same work, whoever was named."""
    request.ctx.private = True
    form = ForgottenForm.read(request)
    if not form.ok or not request.app.ctx.config.has_mail:
        return _forgotten(request, form, 422)
    network = headers.network(headers.client_ip(request))
    if not await web.transact(request, login_throttle.claim_asking, form["login"], network):
        return _forgotten(request, form.refuse(Refusal(errors.SENTENCES[429])), 429)
    await web.transact(request, resets.ask_for_reset, form["login"], request.ctx.site.language)
    web.flash(
        request,
        N_(
            "If an account has this name or email address, an email has been sent to it. The "
            "link in it works once, within one hour."
        ),
    )
    return web.redirect(request, "home.sign_in")


@bp.get("/reset/<key:str>")
async def reset(request: Request, key: str) -> HTTPResponse:
    """Only shows the form: programs that read mail follow links, and must not use them up."""
    request.ctx.private = True
    found = await _owner(request, key)
    return _reset(request, ResetForm.blank(request), found) if found else _dead(request)


@bp.post("/reset/<key:str>", name="reset_password")
async def reset_password(request: Request, key: str) -> HTTPResponse:
    request.ctx.private = True
    found = await _owner(request, key)
    if found is None:
        return _dead(request)
    form = ResetForm.read(request)
    names = (found.name, found.display_name, found.email)
    form.check("password", auth.password_of(request, *names))
    if not form.ok:
        return _reset(request, form, found, 422)
    hashed = await request.app.ctx.passwords.hash(form["password"])
    mine = auth.browser_key(request)
    try:
        known_by = await web.transact(request, password.reset_password, key, hashed, mine)
    except LookupError:  # another request was first
        return _dead(request)
    web.flash(request, N_("Your password was changed. Sign in with the new password."))
    response = web.redirect(request, "home.sign_in")
    auth.know_again(request, response, known_by)
    return response


async def _owner(request: Request, key: str) -> User | None:
    try:
        return await web.read(request, resets.owner, key)
    except LookupError:
        return None


def _forgotten(request: Request, form: ForgottenForm, status: int = 200) -> HTTPResponse:
    has_mail = request.app.ctx.config.has_mail
    return web.render(request, "home/forgotten.html", status, form=form, has_mail=has_mail)


def _reset(request: Request, form: ResetForm, found: User, status: int = 200) -> HTTPResponse:
    return web.render(request, "home/reset.html", status, form=form, whose=found)


def _dead(request: Request) -> HTTPResponse:
    return web.render(request, "home/dead_link.html", 404, kind="reset")
