"""An author's own profile, email address and password."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import LANGUAGES, N_
from blog.control_panel import bp
from blog.models.base import Refusal
from blog.models.users import user
from blog.web import auth, errors
from blog.web.forms import Choice, Form, Text, Verbatim


class ProfileForm(Form):
    """The profile; the current password is only needed for a new email address."""

    display_name = Text(required=True, most=200)
    email = Text(most=254)
    bio = Text(most=2000)
    language = Choice("", *LANGUAGES, required=False)  # type: ignore[assignment]  # the writer's, not the form's own
    password = Verbatim(most=user.LONGEST_PASSWORD)


class ChangePasswordForm(Form):
    """The current password, and the new one twice."""

    old = Verbatim(required=True, most=user.LONGEST_PASSWORD)
    password = Verbatim(required=True)
    again = Verbatim(required=True)


@bp.get("/profile")
async def profile(request: Request) -> HTTPResponse:
    """Show the profile form."""
    author = request.ctx.user
    values = {name: getattr(author, name) for name in ("display_name", "bio", "language")}
    return _profile_page(request, ProfileForm.blank(request, **values, email=author.email or ""))


@bp.post("/profile")
async def save_profile(request: Request) -> HTTPResponse:
    """Save the profile."""
    form = ProfileForm.read(request)
    if not form.ok:
        return _profile_page(request, form, 422)
    values = {name: form[name] for name in ("display_name", "email", "bio", "language")}
    try:
        await _confirm_email_change(request, form)
        await web.transact(
            request, user.edit_profile, request.ctx.user.id, **values, by=request.ctx.user
        )
    except Refusal as refusal:
        return _profile_page(request, form.refuse(refusal), errors.status_of(refusal))
    request.ctx.language = form["language"] or request.ctx.site.language
    web.flash(request, N_("Saved."))
    return web.redirect(request, "control_panel.profile")


async def _confirm_email_change(request: Request, form: ProfileForm) -> None:
    """Raise `Refusal` where the email address changes and the current password is wrong.

    The email address can reset the password, so somebody who finds a signed-in browser could
    otherwise take over the account.
    """
    is_unchanged = form["email"].casefold() == (request.ctx.user.email or "")
    if not is_unchanged and not await auth.is_current_password(request, form["password"]):
        raise Refusal(N_("Enter your current password to change the email address."), "password")


@bp.get("/password")
async def password(request: Request) -> HTTPResponse:
    """Show the form that changes the password."""
    return _password_page(request, ChangePasswordForm.blank(request))


@bp.post("/password")
async def change_password(request: Request) -> HTTPResponse:
    """Change the password and sign out the author's other browsers."""
    form = ChangePasswordForm.read(request)
    if form.ok and form["password"] != form["again"]:
        form.refuse(Refusal(N_("The two new passwords do not match."), "again"))
    if not form.ok:
        return _password_page(request, form, 422)
    try:
        await auth.change_password(request, form["old"], form["password"])
    except Refusal as refusal:
        return _password_page(request, form.refuse(refusal), errors.status_of(refusal))
    web.flash(request, N_("Your password was changed. Your other browsers were signed out."))
    return web.redirect(request, "control_panel.password")


def _profile_page(request: Request, form: ProfileForm, status: int = 200) -> HTTPResponse:
    choices = [("", web.translate_for(request, N_("Same as the site"))), *LANGUAGES.items()]
    return web.render(
        request, "control_panel/profile.html", status, form=form, choices=choices, here="profile"
    )


def _password_page(request: Request, form: ChangePasswordForm, status: int = 200) -> HTTPResponse:
    return web.render(request, "control_panel/password.html", status, form=form, here="password")
