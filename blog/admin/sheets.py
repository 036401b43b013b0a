"""The forms that a section declares: one to add a row, one to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sanic import HTTPResponse, Request

from blog import web
from blog.forms import Form
from blog.models.base import Refusal
from blog.models.listing import together

if TYPE_CHECKING:  # the declarations stand above their views
    from blog.admin.section import Section, Sheet


async def show(section: Section, sheet: Sheet, request: Request, id: int = 0) -> HTTPResponse:
    row = await web.get_or_404(request, sheet.load, id) if sheet.load else None
    given = {name: getattr(row, name) for name in sheet.form.fields if row is not None}
    return await _page(section, sheet, request, sheet.form.blank(request, **given), row)


async def save(section: Section, sheet: Sheet, request: Request, id: int = 0) -> HTTPResponse:
    row = await web.get_or_404(request, sheet.load, id) if sheet.load else None
    form = sheet.form.read(request)
    try:
        if form.ok:
            await web.transact(request, sheet.verb, *([id] if sheet.load else []), **form.data)
            web.flash(request, sheet.done)
            return web.redirect(request, section.route)
    except Refusal as refusal:
        form.refuse(refusal)
    return await _page(section, sheet, request, form, row, 422)


async def _page(
    section: Section, sheet: Sheet, request: Request, form: Form, row: Any, status: int = 200
) -> HTTPResponse:
    options = await web.read(request, together, *(_reading(one.options) for one in sheet.inputs))
    inputs = [
        (one, _named(request, found)) for one, found in zip(sheet.inputs, options, strict=True)
    ]
    return section.show(request, "sheet", status, sheet=sheet, form=form, inputs=inputs, row=row)


def _reading(options: Any) -> Any:
    return options if callable(options) else lambda session: options


def _named(request: Request, options: Any) -> list[tuple[str, str]]:
    if isinstance(options, dict):
        return [(value, web.say(request, label)) for value, label in options.items()]
    return list(options)
