"""Signing in and out, and the setup page where the site owner claims a new blog."""

import zoneinfo

from sanic import HTTPResponse, Request

from blog import web
from blog.config import LANGUAGES, N_
from blog.home import bp
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.users import setup, user
from blog.web import auth, cookies, errors
from blog.web.cookies import SESSION
from blog.web.forms import Checkbox, Choice, Form, Text, Verbatim
from blog.web.headers import site_address

DASHBOARD = "/control-panel"
DEFAULT_ZONES = {"en": "UTC", "zh": "Asia/Shanghai"}


class SignInForm(Form):
    """The sign-in form; `next` is the path to go to afterwards."""

    login = Text(required=True, most=254)
    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)
    next = Text()


class SetUpForm(Form):
    """The setup form: the site, the account of its owner, and whether to import sample posts."""

    title = Text(required=True, most=200)
    address = Text(required=True, most=300)
    language = Choice(*LANGUAGES)  # type: ignore[assignment]  # the site's, not the form's own
    timezone = Text(required=True)
    name = Text(required=True, most=200)
    email = Text(required=True, most=254)
    password = Verbatim(required=True)
    samples = Checkbox()


@bp.get("/sign-in")
async def sign_in(request: Request) -> HTTPResponse:
    """Show the sign-in form, or go on to `next` where somebody is signed in already."""
    request.ctx.private = True
    next_path = web.safe_path(request.args.get("next"), DASHBOARD)
    if request.ctx.user:
        return web.redirect_path(request, next_path)
    return _sign_in_page(request, SignInForm.blank(request, next=next_path))


@bp.post("/sign-in", name="open_session")
async def open_session(request: Request) -> HTTPResponse:
    """Sign in with a name or email address and a password."""
    request.ctx.private = True
    form = SignInForm.read(request)
    if not form.ok:
        return _sign_in_page(request, form, 422)
    try:
        token = await auth.sign_in(request, form["login"], form["password"])
    except Refusal as refusal:
        return _sign_in_page(request, form.refuse(refusal), errors.status_of(refusal))
    response = web.redirect_path(request, web.safe_path(form["next"], DASHBOARD))
    auth.set_session_cookies(request, response, token)
    return response


@bp.post("/sign-out")
async def sign_out(request: Request) -> HTTPResponse:
    """End the session and lead to the front page."""
    request.ctx.private = True
    await auth.sign_out(request)
    response = web.redirect_path(request, "/")
    cookies.delete_cookie(request, response, SESSION)
    return response


@bp.get("/set-up")
async def set_up(request: Request) -> HTTPResponse:
    """Show the setup form."""
    _check_key(request)
    form = SetUpForm.blank(
        request,
        address=site_address(request),
        language=request.ctx.language,
        timezone=DEFAULT_ZONES[request.ctx.language],
        samples=True,
    )
    return _set_up_page(request, form)


@bp.post("/set-up", name="claim")
async def claim(request: Request) -> HTTPResponse:
    """Set up the site, create the account of its owner, and sign them in."""
    _check_key(request)
    form = SetUpForm.read(request)
    form.check("address", site.check_address).check("timezone", site.check_timezone)
    names = (form.values[name] for name in ("title", "name", "email"))
    form.check("email", user.check_email).check("password", auth.password_rule(request, *names))
    if not form.ok:
        return _set_up_page(request, form, 422)
    try:
        owner_id = await _claim(request, form)
    except Refusal as refusal:
        return _set_up_page(request, form.refuse(refusal), errors.status_of(refusal))
    token = await auth.open_session(request, owner_id)
    login = await web.read(request, user.name_of, owner_id)
    web.flash(
        request,
        N_("The blog is set up. You can sign in with your email address or as %(name)s."),
        name=login,
    )
    if form["samples"] and not await request.app.ctx.bring_samples(form["name"]):
        web.flash(request, N_("Some sample posts could not be imported. The log gives the reason."))
    response = web.redirect_path(request, DASHBOARD)
    auth.set_session_cookies(request, response, token)
    return response


async def _claim(request: Request, form: SetUpForm) -> int:
    """Store the settings and the owner's account, and return its id."""
    settings = {name: form[name] for name in ("title", "address", "language", "timezone")}
    password_hash = await request.app.ctx.passwords.hash(form["password"])
    return await web.transact(
        request,
        setup.set_up,
        **settings,
        name=form["name"],
        display_name=form["name"],
        email=form["email"],
        password_hash=password_hash,
    )


def _check_key(request: Request) -> None:
    """Refuse a request without the setup key from the console, or one after the setup."""
    request.ctx.private = True
    if request.ctx.site.set_up:
        raise web.PageNotFound
    if not auth.is_setup_key(request, request.args.get("key") or ""):
        raise MissingKey(
            N_(
                "Open this page with the setup link that the blog prints to its console when it "
                "starts."
            )
        )


class MissingKey(Refusal):
    """The setup page was opened without the link that the blog prints to its console."""


def _set_up_page(request: Request, form: SetUpForm, status: int = 200) -> HTTPResponse:
    return web.render(
        request,
        "home/set_up.html",
        status=status,
        form=form,
        action=request.path + "?key=" + auth.setup_key(request.app.ctx.secret),
        timezones=sorted(zoneinfo.available_timezones()),
    )


def _sign_in_page(request: Request, form: SignInForm, status: int = 200) -> HTTPResponse:
    return web.render(request, "home/sign_in.html", status=status, form=form)


@bp.exception(MissingKey)  # type: ignore[untyped-decorator]  # Sanic's own gap
async def without_key(request: Request, error: MissingKey) -> HTTPResponse:
    """Answer 403 and say where to find the setup link."""
    return web.render(
        request,
        "error.html",
        status=403,
        code=403,
        title=web.translate_for(request, N_("Setup link required")),
        sentence=web.translate_for(request, error.message),
    )
