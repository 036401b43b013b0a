"""The overview, the first page of the admin area: checks of the installation, and recent posts."""

from sanic import HTTPResponse, Request

from blog import doctor, web
from blog.admin.section import Section
from blog.config import N_
from blog.doctor import GOOD, Finding, Origin
from blog.models.posts import post_list
from blog.models.users.user import ADMIN

section = Section("", N_("Overview"), place=10, route="dashboard")
PROXY_HEADERS = ("x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded")


@section.get()
async def dashboard(request: Request) -> HTTPResponse:
    """Show the overview."""
    overview = await web.read(request, post_list.overview)
    findings = await _findings(request)
    return section.show(
        request,
        "dashboard",
        overview=overview,
        wrong=[finding for finding in findings if finding.level != GOOD],
        right=[finding for finding in findings if finding.level == GOOD],
    )


async def _findings(request: Request) -> list[Finding]:
    """Check the installation; only for admins, because editors cannot fix it."""
    if not request.ctx.user.has_role(ADMIN):
        return []
    context = request.app.ctx
    return await doctor.examine(context.config, context.database, _proxy_facts(request))


def _proxy_facts(request: Request) -> Origin:
    chain = ",".join(request.headers.getall("x-forwarded-for", []))
    hops = [hop for hop in chain.split(",") if hop.strip()]
    return Origin(len(hops), any(name in request.headers for name in PROXY_HEADERS))
