"""The first page of the office: what is wrong, what waits, what was published, what is due."""

from sanic import HTTPResponse, Request

from blog import doctor, web
from blog.admin.section import Section
from blog.config import N_
from blog.doctor import GOOD, Came, Finding
from blog.models.posts import post_list
from blog.models.users.user import ADMIN

section = Section("", N_("Overview"), place=10, route="dashboard")
PROXY_HEADERS = ("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded")


@section.get()
async def dashboard(request: Request) -> HTTPResponse:
    found = await web.read(request, post_list.overview)
    findings = await _findings(request)
    return section.show(
        request,
        "dashboard",
        overview=found,
        wrong=[one for one in findings if one.level != GOOD],
        right=[one for one in findings if one.level == GOOD],
    )


async def _findings(request: Request) -> list[Finding]:
    """For admins alone: nobody else can mend it."""
    if not request.ctx.user.has_role(ADMIN):
        return []
    context = request.app.ctx
    return await doctor.examine(context.config, context.database, _came(request))


def _came(request: Request) -> Came:
    chain = ",".join(request.headers.getall("x-forwarded-for", []))
    hops = [hop for hop in chain.split(",") if hop.strip()]
    return Came(len(hops), any(name in request.headers for name in PROXY_HEADERS))
