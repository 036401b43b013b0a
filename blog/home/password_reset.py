"""Resetting a forgotten password: a form that emails a link, and the page the link opens once."""

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
    """Asks for a name or an email address."""

    login = Text(required=True, most=254)


class ResetForm(Form):
    """Asks for the new password."""

    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)


@bp.get("/forgotten")
async def forgotten(request: Request) -> HTTPResponse:
    """Show the form that asks for a reset link."""
    request.ctx.private = True
    return _forgotten_page(request, ForgottenForm.blank(request))


@bp.post("/forgotten", name="ask_for_reset")
async def ask_for_reset(request: Request) -> HTTPResponse:
    """Queue the email with the link.

    The answer and the work are the same for an unknown account, so that neither reveals who has
    an account here.
    """
    request.ctx.private = True
    form = ForgottenForm.read(request)
    if not form.ok or not request.app.ctx.config.has_mail:
        return _forgotten_page(request, form, 422)
    network = headers.network(headers.client_ip(request))
    if not await web.transact(request, login_throttle.count_reset_request, form["login"], network):
        return _forgotten_page(request, form.refuse(Refusal(errors.MESSAGES[429])), 429)
    await web.transact(request, resets.request_reset, form["login"], request.ctx.site.language)
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
    """Only show the form, because programs that scan email open links and must not use them up."""
    request.ctx.private = True
    owner = await _owner(request, key)
    if owner is None:
        return _dead_link(request)
    return _reset_page(request, ResetForm.blank(request), owner)


@bp.post("/reset/<key:str>", name="reset_password")
async def reset_password(request: Request, key: str) -> HTTPResponse:
    """Set the new password and lead to the sign-in page."""
    request.ctx.private = True
    owner = await _owner(request, key)
    if owner is None:
        return _dead_link(request)
    form = ResetForm.read(request)
    names = (owner.name, owner.display_name, owner.email)
    form.check("password", auth.password_rule(request, *names))
    if not form.ok:
        return _reset_page(request, form, owner, 422)
    password_hash = await request.app.ctx.passwords.hash(form["password"])
    browser_key = auth.browser_key(request)
    try:
        device_key = await web.transact(
            request,
            password.reset_password,
            key,
            password_hash,
            browser_key,
            ip=headers.client_ip(request),
        )
    except LookupError:  # another request was first
        return _dead_link(request)
    web.flash(request, N_("Your password was changed. Sign in with the new password."))
    response = web.redirect(request, "home.sign_in")
    auth.set_browser_cookie(request, response, device_key)
    return response


async def _owner(request: Request, key: str) -> User | None:
    """Return whose password the link resets; None if the link no longer works."""
    try:
        return await web.read(request, resets.owner, key)
    except LookupError:
        return None


def _forgotten_page(request: Request, form: ForgottenForm, status: int = 200) -> HTTPResponse:
    has_mail = request.app.ctx.config.has_mail
    return web.render(request, "home/forgotten.html", status, form=form, has_mail=has_mail)


def _reset_page(request: Request, form: ResetForm, owner: User, status: int = 200) -> HTTPResponse:
    return web.render(request, "home/reset.html", status, form=form, whose=owner)


def _dead_link(request: Request) -> HTTPResponse:
    return web.render(request, "home/dead_link.html", 404, kind="reset")
