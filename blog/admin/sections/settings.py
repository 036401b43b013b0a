"""The settings page, generated from the declared settings, and the history of settings."""

import zoneinfo
from collections.abc import Iterable

from sanic import HTTPResponse, Request
from sanic.request import RequestParameters

from blog import web
from blog.admin.section import Section
from blog.admin.text_diff import diff
from blog.config import N_
from blog.models.base import Refusal
from blog.models.settings import save_settings as saving
from blog.models.settings import setting_history, site
from blog.models.settings.save_settings import SETTINGS, EditConflict, SettingUpdate
from blog.models.settings.setting import Setting
from blog.models.settings.settings import GROUPS, OWN_PAGE
from blog.models.users.user import ADMIN
from blog.web import auth, cookies, forms
from blog.web.cookies import SESSION
from blog.web.forms import Form
from blog.web.headers import site_address

section = Section("settings", N_("Settings"), place=110, role=ADMIN, route="settings")
SHOWN = "shown_"  # prefix of hidden fields: the mark of the value when the form was shown


class RestoreSettingForm(Form):
    """The log entry and the setting to restore; `before` is the position in the history."""

    id = forms.Number()
    name = forms.Text(required=True)
    before = forms.Text()


@section.get()
async def settings(request: Request) -> HTTPResponse:
    """Show the settings."""
    shown = [setting for setting in SETTINGS.values() if is_on_this_page(setting)]
    return _page(request, form_of(shown).blank(request, **_current_values(request)))


@section.post()
async def save_settings(request: Request) -> HTTPResponse:
    """Save the settings that the form sent."""
    sent = [
        setting
        for setting in SETTINGS.values()
        if is_on_this_page(setting) and _is_sent(request, setting.name)
    ]
    form = form_of(sent).read(request)
    for setting in sent:
        form.check(setting.name, setting.refuse)
    try:
        if form.ok:
            wishes = {
                name: SettingUpdate(form[name], _shown(request, name)) for name in form.fields
            }
            changed = await web.transact(request, saving.save, wishes)
            return await _saved(request, changed)
    except EditConflict as overtaken:
        return await _overtaken(request, form, overtaken)
    except Refusal as refusal:
        form.refuse(refusal)
    form.values = {**_current_values(request), **form.values}
    return _page(request, form, 422)


async def _overtaken(request: Request, form: Form, overtaken: EditConflict) -> HTTPResponse:
    """Show the current values beside the fields; if the form is sent again, it overwrites them."""
    request.ctx.site = await web.read(request, site.facts)
    current = _current_values(request)
    for name in overtaken.names:
        form.faults[name] = _changed_meanwhile(request, SETTINGS[name], current[name])
    form.values = {**current, **form.values}
    return _page(request, form, 409)


def _changed_meanwhile(request: Request, setting: Setting, value: object) -> Refusal:
    message = N_(
        "Somebody else has changed this to “%(value)s” in the meantime. Save again to overwrite it."
    )
    return Refusal(message, setting.name, value=in_words(request, setting, value))


def in_words(request: Request, setting: Setting, value: object) -> str:
    """Return a value as the form shows it: "on", the label of an option, or a text."""
    if isinstance(value, bool):
        return web.translate_for(request, N_("on") if value else N_("off"))
    label = setting.options.get(value) if isinstance(value, str) else None
    return web.translate_for(request, label) if label else str(value)


def is_on_this_page(setting: Setting) -> bool:
    """Whether a setting is edited on the settings page, and not on a page of its own."""
    return setting.kind != "hidden" and setting.group not in OWN_PAGE


def _is_sent(request: Request, name: str) -> bool:
    """Whether the form had a setting; an unticked checkbox sends only its hidden field."""
    sent = request.get_form(keep_blank_values=True) or RequestParameters()
    return name in sent or SHOWN + name in sent


def _shown(request: Request, name: str) -> str:
    sent = request.form or RequestParameters()
    return str(sent.get(SHOWN + name) or "")


def form_of(shown: Iterable[Setting]) -> type[Form]:
    """Create a form class with a field for each setting."""
    return type("SettingsForm", (Form,), {setting.name: _field(setting) for setting in shown})


def _field(setting: Setting) -> forms.Field[bool] | forms.Field[int] | forms.Field[str]:
    if setting.type is bool:
        return forms.Checkbox()
    if setting.type is int:
        return forms.Number()
    if setting.options:
        return forms.Choice(*setting.options)
    return forms.Text(most=setting.longest)


async def _saved(request: Request, changed: list[str]) -> HTTPResponse:
    """Confirm the change.

    If the public address changes between http and https, the session cookie gets another name.
    The user then gets a new session, so that they stay signed in.
    """
    before = cookies.name_of(request, SESSION)
    request.ctx.site = await web.read(request, site.facts)
    web.flash(request, N_("Saved.") if changed else N_("There are no changes to save."))
    response = web.redirect(request, "admin.settings")
    if cookies.name_of(request, SESSION) != before:
        token = await auth.open_session(request, request.ctx.user.id)
        auth.set_session_cookies(request, response, token)
    return response


def _current_values(request: Request) -> dict[str, object]:
    """Return the value of every setting; without a public address, that of the request."""
    values = saving.values(request.ctx.site)
    return {**values, "address": values["address"] or site_address(request)}


def _page(request: Request, form: Form, status: int = 200) -> HTTPResponse:
    saved = saving.values(request.ctx.site)
    groups = {
        group: [
            setting
            for setting in SETTINGS.values()
            if setting.group == group and is_on_this_page(setting)
        ]
        for group in GROUPS
    }
    return section.show(
        request,
        "settings",
        status,
        form=form,
        groups={name: shown for name, shown in groups.items() if shown},
        labels=GROUPS,
        elsewhere=sorted(OWN_PAGE),
        marks={name: saving.fingerprint(name, value) for name, value in saved.items()},
        timezones=sorted(zoneinfo.available_timezones()),
        from_environment=request.app.ctx.config.site_url,
    )


# --- history ---


@section.get("/history")
async def settings_history(request: Request) -> HTTPResponse:
    """Show past changes of settings, newest first."""
    before = request.args.get("before") or "0"
    if not (before.isascii() and before.isdigit() and len(before) < 10):
        raise web.PageNotFound
    return await _history(request, int(before))


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
    """Restore a setting to its value before one of the changes."""
    form = RestoreSettingForm.read(request)
    if not form.ok:
        raise web.PageNotFound
    try:
        changed = await web.transact(
            request, setting_history.restore_setting, form["id"], form["name"]
        )
    except LookupError as error:
        raise web.PageNotFound from error
    except Refusal as refusal:
        reason = web.translate_for(request, refusal.message, **refusal.params)
        return await _history(request, 0, 422, reason)
    web.flash(
        request, N_("The setting was restored.") if changed else N_("There are no changes to save.")
    )
    return web.redirect(request, "admin.settings_history")
