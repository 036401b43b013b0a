"""The edit forms of a section: the one that adds a row, and those on the page of a row."""

from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.list_view import named
from blog.admin.section import EditForm, Section
from blog.models.base import Refusal
from blog.models.listing import together
from blog.web.forms import Form


async def new(section: Section, request: Request) -> HTTPResponse:
    return await _page(section, request, _new_form(section))


async def add(section: Section, request: Request) -> HTTPResponse:
    edit_form = _new_form(section)
    form = edit_form.form.read(request)
    if await _save(request, edit_form, form):
        return web.redirect(request, f"admin.{section.route}")
    return await _page(section, request, edit_form, typed=form)


def _new_form(section: Section) -> EditForm:
    if section.new_form is None:
        raise web.NotHere
    return section.new_form


def _load(section: Section) -> Callable[..., Any]:
    if section.load is None:
        raise web.NotHere
    return section.load


async def one(section: Section, request: Request, id: int) -> HTTPResponse:
    """Show the page of a row with its forms."""
    row = await web.get_or_404(request, _load(section), id)
    return await _page(section, request, *section.row_forms, row=row)


async def change(section: Section, edit_form: EditForm, request: Request, id: int) -> HTTPResponse:
    row = await web.get_or_404(request, _load(section), id)
    form = edit_form.form.read(request)
    if await _save(request, edit_form, form, id):
        return web.redirect(request, f"admin.{section.route}")
    return await _page(section, request, *section.row_forms, row=row, sent=edit_form, typed=form)


async def _save(request: Request, edit_form: EditForm, form: Form, *of: int) -> bool:
    """Save a valid form; errors are noted in it. Returns whether it was saved."""
    try:
        if form.ok:
            await web.transact(request, edit_form.verb, *of, **form.data)
            web.flash(request, edit_form.done)
    except Refusal as refusal:
        form.refuse(refusal)
    return form.ok


async def _page(
    section: Section,
    request: Request,
    *edit_forms: EditForm,
    row: Any = None,
    sent: EditForm | None = None,
    typed: Form | None = None,
) -> HTTPResponse:
    forms = []
    for each in edit_forms:
        form = typed if typed and each is (sent or each) else _filled(request, each, row)
        readings = [_reading(one.options) for one in each.inputs]
        options = await web.read(request, together, *readings)
        choices = [named(request, found) for found in options]
        forms.append((each, form, list(zip(each.inputs, choices, strict=True))))
    return section.show(request, "sheet", 422 if typed else 200, forms=forms, row=row)


def _filled(request: Request, edit_form: EditForm, row: Any) -> Form:
    given = {name: getattr(row, name) for name in edit_form.form.fields if hasattr(row, name)}
    return edit_form.form.blank(request, **given)


def _reading(options: Any) -> Any:
    return options if callable(options) else lambda session: options
