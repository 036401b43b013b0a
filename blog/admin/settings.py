"""What the site is called, where it stands, and how it counts time."""

import zoneinfo

from sanic import HTTPResponse, Request

from blog import auth, web
from blog.admin.section import Section
from blog.config import LANGUAGES, N_
from blog.forms import Choice, Form, Number, Text
from blog.headers import site_address
from blog.models import site
from blog.models.base import Refusal
from blog.models.user import ADMIN

section = Section("settings", N_("Settings"), place=4, role=ADMIN)


class SettingsForm(Form):
    title = Text(required=True, most=200)
    tagline = Text(most=400)
    address = Text(required=True, most=300)
    language = Choice(*LANGUAGES)  # type: ignore[assignment]  # the site's, not the form's own
    timezone = Text(required=True, most=64)
    navigation = Text(most=4000)
    posts_per_page = Number(required=True)


@section.get()
async def settings(request: Request) -> HTTPResponse:
    return _settings(request, SettingsForm.blank(request, **_now(request)))


@section.post()
async def save_settings(request: Request) -> HTTPResponse:
    form = SettingsForm.read(request)
    form.check("address", site.check_address).check("timezone", site.check_timezone)
    form.check("navigation", site.read_navigation)
    form.check("posts_per_page", site.check_posts_per_page)
    try:
        if form.ok:
            await web.transact(request, site.change, **form.data)
            return await _saved(request)
    except Refusal as refusal:
        form.refuse(refusal)
    return _settings(request, form, 422)


async def _saved(request: Request) -> HTTPResponse:
    """Where the address moves between http and https, the cookie has another name: give it anew."""
    before = auth.cookie_name(request)
    request.ctx.site = await web.read(request, site.facts)
    web.flash(request, N_("Saved."))
    response = web.redirect(request, "admin.settings")
    if auth.cookie_name(request) != before:
        token = await auth.open_session(request, request.ctx.user.id)
        auth.give_cookie(request, response, token)
    return response


def _now(request: Request) -> dict[str, object]:
    facts = request.ctx.site
    given: dict[str, object] = {name: getattr(facts, name) for name in SettingsForm.fields}
    navigation = site.navigation_text(facts.navigation)
    return {**given, "navigation": navigation, "address": facts.address or site_address(request)}


def _settings(request: Request, form: SettingsForm, status: int = 200) -> HTTPResponse:
    return section.show(
        request,
        "settings",
        status,
        form=form,
        timezones=sorted(zoneinfo.available_timezones()),
        from_environment=request.app.ctx.config.site_url,
    )
