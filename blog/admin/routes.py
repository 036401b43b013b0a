"""The routes of the admin area, made from what its sections declare."""

from collections.abc import Iterable
from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from blog.admin import acts, lists, sheets
from blog.admin.section import Handler, Section


def add_sections(bp: Blueprint, sections: Iterable[Section]) -> None:
    """Add the routes of every section, and the role that the access check asks for each."""
    for section in sections:
        bp.ctx.sections[section.name] = section.role
        _add_declared(bp, section)
        for route in section.routes:
            _add(bp, section, route.method, route.path, route.view.__name__, route.view)


def _add_declared(bp: Blueprint, section: Section) -> None:
    """Add the routes of the list, its actions and its forms."""

    def add(method: str, path: str, name: str, view: Handler, *declared: Any) -> None:
        async def handler(request: Request, **parts: Any) -> HTTPResponse:
            return await view(section, *declared, request, **parts)

        _add(bp, section, method, path, name, handler)

    if section.listing:
        add("GET", "", section.name, lists.show)
    for act in section.acts:
        add("POST", f"/{act.name}", f"{act.name}_{section.name}", acts.act, act)
    if section.undo:
        add("POST", "/undo", f"undo_{section.name}", acts.undo)
    if section.new:
        add("GET", "/new", f"new_{section.name}", sheets.new)
        add("POST", "/new", f"{section.new.name}_{section.name}", sheets.add)
    if section.load:
        add("GET", "/<id:int>", f"one_{section.name}", sheets.one)
    for sheet in section.row:
        name = f"{sheet.name}_{section.name}"
        add("POST", f"/<id:int>/{sheet.name}", name, sheets.change, sheet)


def _add(
    bp: Blueprint, section: Section, method: str, path: str, name: str, handler: Handler
) -> None:
    uri = f"/{section.name}{path}" if section.name else "/"
    bp.route(uri, methods=[method], name=name, ignore_body=method == "GET")(handler)
