"""The appearance page: accent colour, typefaces, colour scheme, site icon and footer."""

from sanic import HTTPResponse, Request
from sanic.request import RequestParameters

from blog import media, web
from blog.admin.section import Section
from blog.config import N_
from blog.models.base import Refusal
from blog.models.settings import save_settings, theme_css
from blog.models.settings.save_settings import SETTINGS, SettingUpdate
from blog.models.uploads import upload
from blog.models.users.user import ADMIN
from blog.web import errors
from blog.web.forms import Choice, Form, Text

section = Section("look", N_("Appearance"), place=105, role=ADMIN, route="look")
# Suggested accent colours; the colour input offers every other colour, too.
PIGMENTS = ("#1b4a8a", "#b0301b", "#2a6546", "#00687a", "#7a3b8f", "#8a5a00", "#1b1e23")
LARGEST_LOGO = 60_000  # bytes; it is loaded with every page


class LookForm(Form):
    """The appearance settings."""

    accent = Text(required=True, most=7)
    typeface = Choice(*theme_css.TYPEFACES)
    scheme = Choice(*theme_css.SCHEMES)
    front = Choice(*theme_css.FRONTS)


class FooterForm(Form):
    """The footer, as Markdown."""

    footer = Text(most=SETTINGS["footer"].longest)


class LogoForm(Form):
    """The site icon. `act` is `keep` to upload a picture, or `remove`."""

    picture = Text()
    act = Text()


@section.get()
async def look(request: Request) -> HTTPResponse:
    """Show the page."""
    return _page(request)


@section.post()
async def save_look(request: Request) -> HTTPResponse:
    """Save the appearance settings."""
    form = LookForm.read(request).check("accent", theme_css.check_accent)
    try:
        if form.ok:
            return await _save(request, **form.data)
    except Refusal as refusal:
        form.refuse(refusal)
    return _page(request, 422, form=form)


@section.post("/footer")
async def save_footer(request: Request) -> HTTPResponse:
    """Save the footer with its HTML, so that pages need not render it."""
    form = FooterForm.read(request)
    if not form.ok:
        return _page(request, 422, footer_form=form)
    try:
        rendered = await request.app.ctx.sandbox.render(form["footer"])
        return await _save(request, footer=form["footer"], footer_html=rendered.html)
    except Refusal as refusal:
        form.faults["footer"] = refusal
        return _page(request, errors.status_of(refusal), footer_form=form)


@section.post("/logo")
async def save_logo(request: Request) -> HTTPResponse:
    """Store a new site icon, or remove it."""
    form = LogoForm.read(request)
    try:
        logo = "" if form["act"] == "remove" else await _store_logo(request)
        return await _save(request, logo=logo)
    except Refusal as refusal:
        form.faults["picture"] = refusal
        return _page(request, errors.status_of(refusal), logo_form=form)


async def _save(request: Request, **values: str) -> HTTPResponse:
    """Save settings, and redirect to the page.

    Raises `EditConflict` if another user changed one of them since the form was shown.
    """
    form = request.form or RequestParameters()
    wishes = {
        name: SettingUpdate(value, form.get(f"shown_{name}") or "")
        for name, value in values.items()
    }
    changed = await web.transact(request, save_settings.save, wishes)
    web.flash(request, N_("Saved.") if changed else N_("There are no changes to save."))
    return web.redirect(request, "admin.look")


async def _store_logo(request: Request) -> str:
    """Re-encode the uploaded picture, in its narrow version if it has one; return its address."""
    file = request.files.get("picture") if request.files else None
    if not (file and file.body):
        raise Refusal(N_("Choose a picture first."), "picture")
    sandbox = request.app.ctx.sandbox
    picture = await sandbox.picture(file.body, file.name)
    if picture.narrow:
        picture = await sandbox.picture(picture.narrow, file.name)
    if picture.size > LARGEST_LOGO:
        message = N_(
            "The site icon is shown on every page. Choose a picture of at most %(limit)s kB."
        )
        raise Refusal(message, "picture", limit=LARGEST_LOGO // 1000)
    address = await media.store(request.app.ctx.config, picture)
    facts = {name: getattr(picture, name) for name in ("name", "width", "height", "size", "type")}
    await web.transact(
        request, upload.record_upload, original=file.name, **facts, by=request.ctx.user
    )
    return address


def _page(request: Request, status: int = 200, **forms: Form) -> HTTPResponse:
    settings = request.ctx.site.settings
    look = {name: getattr(settings, name) for name in LookForm.fields}
    return section.show(
        request,
        "look",
        status,
        form=forms.get("form") or LookForm.blank(request, **look),
        footer_form=forms.get("footer_form") or FooterForm.blank(request, footer=settings.footer),
        logo_form=forms.get("logo_form") or LogoForm.blank(request),
        choices=SETTINGS,
        marks={
            name: save_settings.fingerprint(name, getattr(settings, name))
            for name in (*look, "footer")
        },
        pigments=PIGMENTS,
        shades=theme_css.shades(settings.accent),
        is_moved=theme_css.is_adjusted(settings.accent),
    )
