"""The list of an author's sessions (signed-in browsers), and signing them out."""

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
    """List the browsers in which the author is signed in."""
    sessions = await web.read(request, signin.sessions_of, by=request.ctx.user)
    browsers = [
        (row, name_of(row.agent), auth.is_current_session(row, request)) for row in sessions
    ]
    return web.render(request, "control_panel/sign_ins.html", browsers=browsers, here="sign_ins")


@bp.post("/sign-ins/<id:int>/revoke")
async def revoke_sign_in(request: Request, id: int) -> HTTPResponse:
    """Sign out one browser of the author."""
    await web.transact(request, signin.revoke, id, by=request.ctx.user)
    web.flash(request, N_("That browser was signed out."))
    return web.redirect(request, "control_panel.sign_ins")


@bp.post("/sign-ins/revoke-others")
async def revoke_other_sign_ins(request: Request) -> HTTPResponse:
    """Sign out all browsers of the author except this one."""
    current_token = auth.session_token(request)
    await web.transact(request, signin.revoke_all, request.ctx.user.id, but=current_token)
    web.flash(request, N_("Your other browsers were signed out."))
    return web.redirect(request, "control_panel.sign_ins")


def name_of(agent: str) -> tuple[str, str]:
    """Return the browser and the operating system of a User-Agent; "" for an unknown one."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    return browser, system
