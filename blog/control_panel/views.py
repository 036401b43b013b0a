"""The desk itself: the writer's posts and pages by their state, and the way to a new one."""

from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.control_panel import bp
from blog.models.posts import dashboard as desks
from blog.models.posts import editing
from blog.models.posts.post import PAGE, POST
from blog.models.users.user import EDITOR
from blog.web import pagination
from blog.web.forms import Choice, Form


class NewPostForm(Form):
    kind = Choice(POST, PAGE)


@bp.get("/")
async def desk(request: Request) -> HTTPResponse:
    chosen = _chosen(request)
    page = pagination.page_number(request.args.get("page"))
    found = await web.get_or_404(request, desks.desk, by=request.ctx.user, page=page, **chosen)
    pages = pagination.paginate(found, lambda number: _address(request, chosen, page=number))
    return web.render(
        request,
        "control_panel/desk.html",
        desk=found,
        pages=pages,
        chosen=chosen,
        link=lambda **changes: _address(request, {**chosen, **changes}),
    )


def _chosen(request: Request) -> dict[str, str]:
    """Which list is asked for. What is none of ours is a page that does not exist."""
    given = {name: request.args.get(name) or "" for name in ("kind", "state", "whose", "title")}
    chosen = {
        "kind": given["kind"] or POST,
        "state": given["state"] or "all",
        "whose": given["whose"] or "mine",
        "title": given["title"].strip()[:200],
    }
    may_see_all = request.ctx.user.has_role(EDITOR)
    if (
        chosen["kind"] not in (POST, PAGE)
        or chosen["state"] not in desks.STATES
        or chosen["whose"] not in (("mine", "all") if may_see_all else ("mine",))
        or "\0" in chosen["title"]
    ):
        raise web.NotHere
    return chosen


def _address(request: Request, chosen: dict[str, str], page: int = 1) -> str:
    plain = {"kind": POST, "state": "all", "whose": "mine", "title": "", "page": 1}
    asked = {**chosen, "page": page}
    query = urlencode({name: asked[name] for name in plain if asked[name] != plain[name]})
    return web.url(request, "control_panel.desk") + (f"?{query}" if query else "")


@bp.post("/posts/new")
async def new_post(request: Request) -> HTTPResponse:
    form = NewPostForm.read(request)
    if not form.ok:
        raise web.NotHere
    id = await web.transact(request, editing.start, form["kind"], request.ctx.language)
    return web.redirect(request, "control_panel.edit_post", id=id)
