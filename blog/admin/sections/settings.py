"""What a keeper decides about the blog: a page that grows by itself from what is declared."""

import zoneinfo
from collections.abc import Iterable
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Section
from blog.admin.text_diff import diff
from blog.config import N_
from blog.models.base import Refusal
from blog.models.settings import save_settings as saving
from blog.models.settings import setting_history, site
from blog.models.settings.save_settings import SETTINGS, Overtaken, Wish
from blog.models.settings.setting import Setting
from blog.models.settings.settings import GROUPS, OWN_PAGE
from blog.models.users.user import ADMIN
from blog.web import auth, cookies, forms
from blog.web.cookies import SESSION
from blog.web.forms import Form
from blog.web.headers import site_address

section = Section("settings", N_("Settings"), place=110, role=ADMIN, route="settings")
SHOWN = "shown_"  # of a field `x`, the mark of the value that the form was shown


class RestoreSettingForm(Form):
    id = forms.Number()
    name = forms.Text(required=True)
    before = forms.Text()


@section.get()
async def settings(request: Request) -> HTTPResponse:
    shown = [one for one in SETTINGS.values() if is_here(one)]
    return _page(request, form_of(shown).blank(request, **_present(request)))


@section.post()
async def save_settings(request: Request) -> HTTPResponse:
    sent = [one for one in SETTINGS.values() if is_here(one) and _is_sent(request, one.name)]
    form = form_of(sent).read(request)
    for one in sent:
        form.check(one.name, one.refuse)
    try:
        if form.ok:
            wishes = {name: Wish(form[name], _shown(request, name)) for name in form.fields}
            changed = await web.transact(request, saving.save, wishes)
            return await _saved(request, changed)
    except Overtaken as overtaken:
        return await _overtaken(request, form, overtaken)
    except Refusal as refusal:
        form.refuse(refusal)
    form.values = {**_present(request), **form.values}
    return _page(request, form, 422)


async def _overtaken(request: Request, form: Form, overtaken: Overtaken) -> HTTPResponse:
    """Each field tells what stands there now; sent once more, it is replaced knowingly."""
    request.ctx.site = await web.read(request, site.facts)
    present = _present(request)
    for name in overtaken.names:
        form.faults[name] = _told(request, SETTINGS[name], present[name])
    form.values = {**present, **form.values}
    return _page(request, form, 409)


def _told(request: Request, one: Setting, value: Any) -> Refusal:
    message = N_(
        "Somebody else has changed this to “%(value)s” in the meantime. Save again to overwrite it."
    )
    return Refusal(message, one.name, value=in_words(request, one, value))


def in_words(request: Request, one: Setting, value: Any) -> str:
    """A value as people call it."""
    if isinstance(value, bool):
        return web.say(request, N_("on") if value else N_("off"))
    label = one.options.get(value)
    return web.say(request, label) if label else str(value)


def is_here(one: Setting) -> bool:
    return one.kind != "hidden" and one.group not in OWN_PAGE


def _is_sent(request: Request, name: str) -> bool:
    """A box that is not ticked sends nothing but what it was shown as."""
    sent: Any = request.get_form(keep_blank_values=True) or {}
    return name in sent or SHOWN + name in sent


def _shown(request: Request, name: str) -> str:
    sent: Any = request.form or {}
    return str(sent.get(SHOWN + name) or "")


def form_of(shown: Iterable[Setting]) -> type[Form]:
    """A form with a field for each setting."""
    return type("SettingsForm", (Form,), {one.name: _field(one) for one in shown})


def _field(one: Setting) -> forms.Field[Any]:
    if one.type is bool:
        return forms.Check()
    if one.type is int:
        return forms.Number()
    if one.options:
        return forms.Choice(*one.options)
    return forms.Text(most=one.longest)


async def _saved(request: Request, changed: list[str]) -> HTTPResponse:
    """Where the address moves between http and https, the cookie has another name: give it anew."""
    before = cookies.name_of(request, SESSION)
    request.ctx.site = await web.read(request, site.facts)
    web.flash(request, N_("Saved.") if changed else N_("There are no changes to save."))
    response = web.redirect(request, "admin.settings")
    if cookies.name_of(request, SESSION) != before:
        token = await auth.open_session(request, request.ctx.user.id)
        auth.give_cookie(request, response, token)
    return response


def _present(request: Request) -> dict[str, Any]:
    given = saving.values(request.ctx.site)
    return {**given, "address": given["address"] or site_address(request)}


def _page(request: Request, form: Form, status: int = 200) -> HTTPResponse:
    kept = saving.values(request.ctx.site)
    groups = {
        name: [one for one in SETTINGS.values() if one.group == name and is_here(one)]
        for name in GROUPS
    }
    return section.show(
        request,
        "settings",
        status,
        form=form,
        groups={name: shown for name, shown in groups.items() if shown},
        labels=GROUPS,
        elsewhere=sorted(OWN_PAGE),
        marks={name: saving.mark(name, value) for name, value in kept.items()},
        timezones=sorted(zoneinfo.available_timezones()),
        from_environment=request.app.ctx.config.site_url,
    )


# --- history ---


@section.get("/history")
async def settings_history(request: Request) -> HTTPResponse:
    typed = request.args.get("before") or "0"
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise web.NotHere
    return await _history(request, int(typed))


async def _history(
    request: Request, before: int, status: int = 200, fault: str = ""
) -> HTTPResponse:
    decisions, further = await web.read(request, setting_history.history, before)
    return section.show(
        request,
        "settings_history",
        status,
        decisions=decisions,
        present=saving.values(request.ctx.site),
        further=further,
        before=before,
        fault=fault,
        diff=diff,
    )


@section.post("/history")
async def put_back_setting(request: Request) -> HTTPResponse:
    """Make one setting what it was before one change."""
    form = RestoreSettingForm.read(request)
    if not form.ok:
        raise web.NotHere
    try:
        changed = await web.transact(
            request, setting_history.restore_setting, form["id"], form["name"]
        )
    except LookupError as error:
        raise web.NotHere from error
    except Refusal as refusal:
        told = web.say(request, refusal.message, **refusal.params)
        return await _history(request, 0, 422, told)
    web.flash(
        request, N_("The setting was restored.") if changed else N_("There are no changes to save.")
    )
    return web.redirect(request, "admin.settings_history")
