"""The routes of the admin area, created from the declarations of its sections."""

from collections.abc import Iterable
from functools import partial

from sanic import Blueprint

from blog.admin import actions, edit_forms, list_view
from blog.admin.section import Action, EditForm, Handler, Section


def add_sections(bp: Blueprint, sections: Iterable[Section]) -> None:
    """Add the routes of every section, and tell the access check which role each requires."""
    for section in sections:
        bp.ctx.sections[section.name] = section.role
        _add_declared(bp, section)
        for route in section.routes:
            _add(bp, section, route.method, route.path, route.view.__name__, route.view)


def _add_declared(bp: Blueprint, section: Section) -> None:
    """Add the routes of the list, its actions and its forms."""

    def add(method: str, path: str, name: str, view: Handler, *declared: Action | EditForm) -> None:
        _add(bp, section, method, path, name, partial(view, section, *declared))

    if section.listing:
        add("GET", "", section.route, list_view.show)
    for action in section.actions:
        add("POST", f"/{action.name}", action.route, actions.run, action)
    if section.undo:
        add("POST", "/undo", section.undo_route, actions.undo)
    if section.new_form:
        add("GET", "/new", section.new_route, edit_forms.new)
        add("POST", "/new", section.new_form.route, edit_forms.add)
    if section.load:
        add("GET", "/<id:int>", section.row_route, edit_forms.show_row)
    for edit_form in section.row_forms:
        path = f"/<id:int>/{edit_form.name}"
        add("POST", path, edit_form.route, edit_forms.change, edit_form)


def _add(
    bp: Blueprint, section: Section, method: str, path: str, name: str, handler: Handler
) -> None:
    uri = f"/{section.name}{path}" if section.name else "/"
    bp.route(uri, methods=[method], name=name, ignore_body=method == "GET")(handler)
