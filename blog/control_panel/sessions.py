"""The browsers in which a writer is signed in, and the way to sign them out from here."""

from sanic import HTTPResponse, Request

from blog import web
from blog.config import N_
from blog.control_panel import bp
from blog.models.users import signin
from blog.web import auth

BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
    "curl": "curl",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@bp.get("/sign-ins")
async def sign_ins(request: Request) -> HTTPResponse:
    found = await web.read(request, signin.mine, by=request.ctx.user)
    browsers = [(row, name_of(row.agent), auth.is_known(row, request)) for row in found]
    return web.render(request, "control_panel/sign_ins.html", browsers=browsers, here="sign_ins")


@bp.post("/sign-ins/<id:int>/revoke")
async def revoke_sign_in(request: Request, id: int) -> HTTPResponse:
    await web.transact(request, signin.revoke, id)
    web.flash(request, N_("That browser was signed out."))
    return web.redirect(request, "control_panel.sign_ins")


@bp.post("/sign-ins/revoke-others")
async def revoke_other_sign_ins(request: Request) -> HTTPResponse:
    mine = auth.session_token(request)
    await web.transact(request, signin.revoke_all, request.ctx.user.id, but=mine)
    web.flash(request, N_("Your other browsers were signed out."))
    return web.redirect(request, "control_panel.sign_ins")


def name_of(agent: str) -> tuple[str, str]:
    """Browser and system as a User-Agent names them; empty where it is none that we know."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    return browser, system
