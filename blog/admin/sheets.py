"""The forms that a section declares: one to add a row, and those on the page of a row."""

from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.lists import named
from blog.admin.section import Section, Sheet
from blog.forms import Form
from blog.models.base import Refusal
from blog.models.listing import together


async def new(section: Section, request: Request) -> HTTPResponse:
    return await _page(section, request, _new(section))


async def add(section: Section, request: Request) -> HTTPResponse:
    sheet = _new(section)
    form = sheet.form.read(request)
    if await _save(request, sheet, form):
        return web.redirect(request, section.route)
    return await _page(section, request, sheet, typed=form)


def _new(section: Section) -> Sheet:
    if section.new is None:
        raise web.NotHere
    return section.new


def _load(section: Section) -> Callable[..., Any]:
    if section.load is None:
        raise web.NotHere
    return section.load


async def one(section: Section, request: Request, id: int) -> HTTPResponse:
    """The page of a row, with every form that there is for it."""
    row = await web.get_or_404(request, _load(section), id)
    return await _page(section, request, *section.row, row=row)


async def change(section: Section, sheet: Sheet, request: Request, id: int) -> HTTPResponse:
    row = await web.get_or_404(request, _load(section), id)
    form = sheet.form.read(request)
    if await _save(request, sheet, form, id):
        return web.redirect(request, section.route)
    return await _page(section, request, *section.row, row=row, sheet=sheet, typed=form)


async def _save(request: Request, sheet: Sheet, form: Form, *of: int) -> bool:
    """Do it, unless there is a fault; the form says which."""
    try:
        if form.ok:
            await web.transact(request, sheet.verb, *of, **form.data)
            web.flash(request, sheet.done)
    except Refusal as refusal:
        form.refuse(refusal)
    return form.ok


async def _page(
    section: Section,
    request: Request,
    *shown: Sheet,
    row: Any = None,
    sheet: Sheet | None = None,
    typed: Form | None = None,
) -> HTTPResponse:
    forms = []
    for each in shown:
        form = typed if typed and each is (sheet or each) else _filled(request, each, row)
        readings = [_reading(one.options) for one in each.inputs]
        options = await web.read(request, together, *readings)
        choices = [named(request, found) for found in options]
        forms.append((each, form, list(zip(each.inputs, choices, strict=True))))
    return section.show(request, "sheet", 422 if typed else 200, forms=forms, row=row)


def _filled(request: Request, sheet: Sheet, row: Any) -> Form:
    given = {name: getattr(row, name) for name in sheet.form.fields if hasattr(row, name)}
    return sheet.form.blank(request, **given)


def _reading(options: Any) -> Any:
    return options if callable(options) else lambda session: options
