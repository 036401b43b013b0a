"""A section of the office: its place under /admin, its name in the bar, the role it asks."""

from collections.abc import Callable
from typing import Any

from sanic import HTTPResponse, Request

from blog import web
from blog.admin import bp
from blog.models.user import EDITOR

SECTIONS: list["Section"] = []


class Section:
    """Its pages hang on it, so that none can stand outside its lock."""

    def __init__(self, name: str, label: str, place: int, role: str = EDITOR) -> None:
        self.name = name
        self.label = label
        self.place = place
        self.role = role
        bp.ctx.sections[name] = role
        SECTIONS.append(self)

    def get(self, path: str = "") -> Callable[..., Any]:
        return bp.get(self._uri(path))

    def post(self, path: str = "") -> Callable[..., Any]:
        return bp.post(self._uri(path))

    def _uri(self, path: str) -> str:
        return f"/{self.name}{path}" if self.name else "/"

    def show(
        self, request: Request, template: str, status: int = 200, **context: Any
    ) -> HTTPResponse:
        """A page of the section, below the bar with what its visitor may open."""
        mine = [one for one in SECTIONS if request.ctx.user.has_role(one.role)]
        mine.sort(key=lambda one: one.place)
        return web.render(
            request, f"admin/{template}.html", status, sections=mine, here=self, **context
        )

    @property
    def route(self) -> str:
        """The name of its first page."""
        return f"admin.{self.name or 'dashboard'}"
