"""What a writer says about themselves, and their password."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.models.base import Refusal
from blog.models.users import user
from blog.web import auth
from blog.web.forms import Choice, Form, Text, Verbatim


class ProfileForm(Form):
    display_name = Text(required=True, most=200)
    email = Text(most=254)
    bio = Text(most=2000)
    language = Choice("", *LANGUAGES, required=False)  # type: ignore[assignment]  # the writer's, not the form's own
    password = Verbatim(most=user.LONGEST_PASSWORD)


class ChangePasswordForm(Form):
    old = Verbatim(required=True, most=user.LONGEST_PASSWORD)
    password = Verbatim(required=True)
    again = Verbatim(required=True)


@bp.get("/profile")
async def profile(request: Request) -> HTTPResponse:
    me = request.ctx.user
    same = ("display_name", "bio", "language")
    values = {name: getattr(me, name) for name in same}
    return _profile(request, ProfileForm.blank(request, **values, email=me.email or ""))


@bp.post("/profile")
async def save_profile(request: Request) -> HTTPResponse:
    form = ProfileForm.read(request)
    if not form.ok:
        return _profile(request, form, 422)
    given = {name: form[name] for name in ("display_name", "email", "bio", "language")}
    try:
        await _confirm(request, form)
        await web.transact(request, user.describe, request.ctx.user.id, **given)
    except Refusal as refusal:
        return _profile(request, form.refuse(refusal), 422)
    request.ctx.language = form["language"] or request.ctx.site.language
    web.flash(request, N_("Saved."))
    return web.redirect(request, "control_panel.profile")


async def _confirm(request: Request, form: ProfileForm) -> None:
    """A mail address is a way in: whoever finds a browser open cannot take the account along."""
    is_same = form["email"].casefold() == (request.ctx.user.email or "")
    if not is_same and not await auth.knows_password(request, form["password"]):
        raise Refusal(N_("Enter your current password to change the email address."), "password")


@bp.get("/password")
async def password(request: Request) -> HTTPResponse:
    return _password(request, ChangePasswordForm.blank(request))


@bp.post("/password")
async def change_password(request: Request) -> HTTPResponse:
    form = ChangePasswordForm.read(request)
    if form.ok and form["password"] != form["again"]:
        form.refuse(Refusal(N_("The two new passwords do not match."), "again"))
    if not form.ok:
        return _password(request, form, 422)
    try:
        await auth.change_password(request, form["old"], form["password"])
    except Refusal as refusal:
        return _password(request, form.refuse(refusal), 422)
    web.flash(request, N_("Your password was changed. Your other browsers were signed out."))
    return web.redirect(request, "control_panel.password")


def _profile(request: Request, form: ProfileForm, status: int = 200) -> HTTPResponse:
    choices = [("", web.say(request, N_("Same as the site"))), *LANGUAGES.items()]
    return web.render(
        request, "control_panel/profile.html", status, form=form, choices=choices, here="profile"
    )


def _password(request: Request, form: ChangePasswordForm, status: int = 200) -> HTTPResponse:
    return web.render(request, "control_panel/password.html", status, form=form, here="password")
