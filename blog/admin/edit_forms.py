"""The edit forms of a section: the form that adds a row, and the forms on the page of a row."""

from collections.abc import Callable
from functools import partial

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.list_view import labelled_options, read_options
from blog.admin.section import EditForm, Section
from blog.models.base import Refusal
from blog.models.listing import run_together
from blog.web.forms import Form


async def new(section: Section, request: Request) -> HTTPResponse:
    """Show the form that adds a row."""
    return await _page(section, request, _new_form(section))


async def add(section: Section, request: Request) -> HTTPResponse:
    """Add a row, or show the form again with the errors."""
    edit_form = _new_form(section)
    form = edit_form.form.read(request)
    if await _save(request, edit_form, form):
        return web.redirect(request, f"admin.{section.route}")
    return await _page(section, request, edit_form, typed=form)


def _new_form(section: Section) -> EditForm:
    if section.new_form is None:
        raise web.PageNotFound
    return section.new_form


def _loader(section: Section) -> Callable[..., object]:
    if section.load is None:
        raise web.PageNotFound
    return section.load


async def show_row(section: Section, request: Request, id: int) -> HTTPResponse:
    """Show the page of a row with its forms."""
    row = await web.get_or_404(request, _loader(section), id)
    return await _page(section, request, *section.row_forms, row=row)


async def change(section: Section, edit_form: EditForm, request: Request, id: int) -> HTTPResponse:
    """Change a row, or show its page again with the errors."""
    row = await web.get_or_404(request, _loader(section), id)
    form = edit_form.form.read(request)
    if await _save(request, edit_form, form, id):
        return web.redirect(request, f"admin.{section.route}")
    return await _page(section, request, *section.row_forms, row=row, sent=edit_form, typed=form)


async def _save(request: Request, edit_form: EditForm, form: Form, *id: int) -> bool:
    """Save a valid form, and return whether it was saved. Errors are stored in the form."""
    try:
        if form.ok:
            await web.transact(request, edit_form.verb, *id, **form.data, by=request.ctx.user)
            web.flash(request, edit_form.done)
    except Refusal as refusal:
        form.refuse(refusal)
    return form.ok


async def _page(
    section: Section,
    request: Request,
    *edit_forms: EditForm,
    row: object = None,
    sent: EditForm | None = None,
    typed: Form | None = None,
) -> HTTPResponse:
    """Show the forms; of these, `sent` was submitted as `typed`. Without `sent`, the only one."""
    forms = []
    for edit_form in edit_forms:
        is_sent = edit_form is (sent or edit_form)
        form = typed if typed and is_sent else _filled(request, edit_form, row)
        readers = [partial(read_options, field.options) for field in edit_form.inputs]
        values = await web.read(request, run_together, *readers)
        options = [labelled_options(request, each) for each in values]
        forms.append((edit_form, form, list(zip(edit_form.inputs, options, strict=True))))
    return section.show(request, "sheet", 422 if typed else 200, forms=forms, row=row)


def _filled(request: Request, edit_form: EditForm, row: object) -> Form:
    """Return a form that is filled from the attributes of a row."""
    values = {name: getattr(row, name) for name in edit_form.form.fields if hasattr(row, name)}
    return edit_form.form.blank(request, **values)
