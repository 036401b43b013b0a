"""The door: sign in, sign out, and the page that makes an empty blog somebody's."""

import zoneinfo
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.config import LANGUAGES, N_
from blog.home import bp
from blog.models.base import Refusal
from blog.models.settings import site
from blog.models.users import setup, user
from blog.web import auth, cookies
from blog.web.cookies import SESSION
from blog.web.forms import Check, Choice, Form, Text, Verbatim
from blog.web.headers import site_address

DESK = "/control-panel"
ZONES = {"en": "UTC", "zh": "Asia/Shanghai"}  # what a form begins with


class SignInForm(Form):
    login = Text(required=True, most=254)
    password = Verbatim(required=True, most=user.LONGEST_PASSWORD)
    next = Text()


class SetUpForm(Form):
    title = Text(required=True, most=200)
    address = Text(required=True, most=300)
    language = Choice(*LANGUAGES)  # type: ignore[assignment]  # the site's, not the form's own
    timezone = Text(required=True)
    name = Text(required=True, most=200)
    email = Text(required=True, most=254)
    password = Verbatim(required=True)
    samples = Check()


@bp.get("/sign-in")
async def sign_in(request: Request) -> HTTPResponse:
    request.ctx.private = True
    going = web.safe_path(request.args.get("next"), DESK)
    if request.ctx.user:
        return web.redirect_path(request, going)
    return _door(request, SignInForm.blank(request, next=going))


@bp.post("/sign-in", name="open_session")
async def open_session(request: Request) -> HTTPResponse:
    request.ctx.private = True
    form = SignInForm.read(request)
    if not form.ok:
        return _door(request, form, 422)
    try:
        token = await auth.sign_in(request, form["login"], form["password"])
    except Refusal as refusal:
        return _door(request, form.refuse(refusal), _status(refusal))
    response = web.redirect_path(request, web.safe_path(form["next"], DESK))
    auth.give_cookie(request, response, token)
    return response


@bp.post("/sign-out")
async def sign_out(request: Request) -> HTTPResponse:
    request.ctx.private = True
    await auth.sign_out(request)
    response = web.redirect_path(request, "/")
    cookies.take(request, response, SESSION)
    return response


@bp.get("/set-up")
async def set_up(request: Request) -> HTTPResponse:
    _check_key(request)
    form = SetUpForm.blank(
        request,
        address=site_address(request),
        language=request.ctx.language,
        timezone=ZONES[request.ctx.language],
        samples=True,
    )
    return _set_up(request, form)


@bp.post("/set-up", name="claim")
async def claim(request: Request) -> HTTPResponse:
    """Make the empty blog the first keeper's, and let them in."""
    _check_key(request)
    form = SetUpForm.read(request)
    form.check("address", site.check_address).check("timezone", site.check_timezone)
    names = (form.values[name] for name in ("title", "name", "email"))
    form.check("email", user.check_email).check("password", auth.password_of(request, *names))
    if not form.ok:
        return _set_up(request, form, 422)
    try:
        keeper = await _claim(request, form)
    except Refusal as refusal:
        return _set_up(request, form.refuse(refusal), 422)
    token = await auth.open_session(request, keeper)
    login = await web.read(request, user.name_of, keeper)
    web.flash(
        request,
        N_("The blog is set up. You can sign in with your email address or as %(name)s."),
        name=login,
    )
    if form["samples"] and not await request.app.ctx.bring_samples(form["name"]):
        web.flash(request, N_("Some sample posts could not be imported. The log gives the reason."))
    response = web.redirect_path(request, DESK)
    auth.give_cookie(request, response, token)
    return response


async def _claim(request: Request, form: SetUpForm) -> int:
    given = {name: form[name] for name in ("title", "address", "language", "timezone")}
    hashed = await request.app.ctx.passwords.hash(form["password"])
    return await web.transact(
        request,
        setup.set_up,
        **given,
        name=form["name"],
        display_name=form["name"],
        email=form["email"],
        password_hash=hashed,
    )


def _check_key(request: Request) -> None:
    """Only the link on the console opens the page, and only until the blog is somebody's."""
    request.ctx.private = True
    if request.ctx.site.set_up:
        raise web.NotHere
    if not auth.is_setup_key(request, request.args.get("key") or ""):
        raise NoKey(
            N_(
                "Open this page with the setup link that the blog prints to its console when it "
                "starts."
            )
        )


class NoKey(Refusal):
    """Somebody without the link wants to claim the blog."""


def _set_up(request: Request, form: SetUpForm, status: int = 200) -> HTTPResponse:
    return web.render(
        request,
        "home/set_up.html",
        status=status,
        form=form,
        action=request.path + "?key=" + auth.setup_key(request.app.ctx.secret),
        timezones=sorted(zoneinfo.available_timezones()),
    )


def _door(request: Request, form: SignInForm, status: int = 200) -> HTTPResponse:
    return web.render(request, "home/sign_in.html", status=status, form=form)


def _status(refusal: Refusal) -> int:
    return 429 if isinstance(refusal, auth.TooManyTries) else 422


@bp.exception(NoKey)  # type: ignore[untyped-decorator]  # Sanic's own gap
async def without_key(request: Request, error: Any) -> HTTPResponse:
    return web.render(
        request,
        "error.html",
        status=403,
        code=403,
        title=web.say(request, N_("Setup link required")),
        sentence=web.say(request, error.message),
    )
