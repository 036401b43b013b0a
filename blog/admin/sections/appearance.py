"""How the blog looks: colour, typefaces, light or dark, logo and footer, with a picture of it."""

from typing import Any

from sanic import HTTPResponse, Request

from blog import media, web
from blog.admin.section import Section
from blog.config import N_
from blog.markup import TooMuch
from blog.models.base import Refusal
from blog.models.settings import save_settings
from blog.models.settings import theme_css as looks
from blog.models.settings.save_settings import SETTINGS, Wish
from blog.models.uploads import upload
from blog.models.users.user import ADMIN
from blog.sandbox import SandboxBusy
from blog.web.forms import Choice, Form, Text

section = Section("look", N_("Appearance"), place=105, role=ADMIN, route="look")
# Pigments of painters; a browser offers them beside every other colour.
PIGMENTS = ("#1b4a8a", "#b0301b", "#2a6546", "#00687a", "#7a3b8f", "#8a5a00", "#1b1e23")
LARGEST_LOGO = 60_000  # bytes: every page shows it


class LookForm(Form):
    accent = Text(required=True, most=7)
    typeface = Choice(*looks.TYPEFACES)
    scheme = Choice(*looks.SCHEMES)
    front = Choice(*looks.FRONTS)


class FooterForm(Form):
    footer = Text(most=SETTINGS["footer"].longest)


class LogoForm(Form):
    picture = Text()
    act = Text()


@section.get()
async def look(request: Request) -> HTTPResponse:
    return _page(request)


@section.post()
async def save_look(request: Request) -> HTTPResponse:
    form = LookForm.read(request).check("accent", looks.check_accent)
    try:
        if form.ok:
            return await _chosen(request, **form.data)
    except Refusal as refusal:
        form.refuse(refusal)
    return _page(request, 422, form=form)


@section.post("/footer")
async def save_footer(request: Request) -> HTTPResponse:
    """Rendered now, so that no page has to."""
    form = FooterForm.read(request)
    try:
        if form.ok:
            rendered = await request.app.ctx.crew.render(form["footer"])
            return await _chosen(request, footer=form["footer"], footer_html=rendered.html)
    except (Refusal, TooMuch, SandboxBusy) as error:
        form.faults["footer"] = _told(error)
    return _page(request, 422, footer_form=form)


@section.post("/logo")
async def save_logo(request: Request) -> HTTPResponse:
    form = LogoForm.read(request)
    try:
        logo = "" if form["act"] == "remove" else await _take(request)
        return await _chosen(request, logo=logo)
    except (Refusal, SandboxBusy) as error:
        form.faults["picture"] = _told(error)
    return _page(request, 422, logo_form=form)


async def _chosen(request: Request, **chosen: Any) -> HTTPResponse:
    """Raises `Overtaken` where somebody else has changed what the form was shown."""
    sent: Any = request.form or {}
    wishes = {name: Wish(value, sent.get(f"shown_{name}") or "") for name, value in chosen.items()}
    changed = await web.transact(request, save_settings.save, wishes)
    web.flash(request, N_("Saved.") if changed else N_("There are no changes to save."))
    return web.redirect(request, "admin.look")


async def _take(request: Request) -> str:
    """The address of the sent picture, made anew, and narrow where it was wide."""
    file = request.files.get("picture") if request.files else None
    if not (file and file.body):
        raise Refusal(N_("Choose a picture first."), "picture")
    crew = request.app.ctx.crew
    picture = await crew.picture(file.body, file.name)
    if picture.narrow:
        picture = await crew.picture(picture.narrow, file.name)
    if picture.size > LARGEST_LOGO:
        message = N_(
            "The site icon is shown on every page. Choose a picture of at most %(limit)s kB."
        )
        raise Refusal(message, "picture", limit=LARGEST_LOGO // 1000)
    address = await media.keep(request.app.ctx.config, picture)
    noted = {name: getattr(picture, name) for name in ("name", "width", "height", "size", "type")}
    await web.transact(request, upload.note, original=file.name, **noted)
    return address


def _told(error: Refusal | TooMuch | SandboxBusy) -> Refusal:
    return Refusal(error.message, **getattr(error, "params", {}))


def _page(request: Request, status: int = 200, **forms: Form) -> HTTPResponse:
    chosen = request.ctx.site.settings
    kept = {name: getattr(chosen, name) for name in LookForm.fields}
    return section.show(
        request,
        "look",
        status,
        form=forms.get("form") or LookForm.blank(request, **kept),
        footer_form=forms.get("footer_form") or FooterForm.blank(request, footer=chosen.footer),
        logo_form=forms.get("logo_form") or LogoForm.blank(request),
        choices=SETTINGS,
        marks={name: save_settings.mark(name, getattr(chosen, name)) for name in (*kept, "footer")},
        pigments=PIGMENTS,
        shades=looks.shades(chosen.accent),
        is_moved=looks.is_moved(chosen.accent),
    )
