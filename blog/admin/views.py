"""The first page of the office: what was published, what is due, what is being written."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Section
from blog.config import N_
from blog.models import office

section = Section("", N_("Overview"), place=10)


@section.get()
async def dashboard(request: Request) -> HTTPResponse:
    found = await web.read(request, office.overview)
    return section.show(request, "dashboard", overview=found)
