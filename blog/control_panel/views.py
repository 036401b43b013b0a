"""The dashboard: lists of posts and pages with their filters, and starting a new one."""

from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import web
from blog.control_panel import bp
from blog.models.posts import dashboard, editing
from blog.models.posts.post import PAGE, POST
from blog.models.users.user import EDITOR
from blog.web import pagination
from blog.web.forms import Choice, Form


class NewPostForm(Form):
    """Whether to start a post or a page."""

    kind = Choice(POST, PAGE)


@bp.get("/")
async def desk(request: Request) -> HTTPResponse:
    """List posts or pages by state."""
    filters = _filters(request)
    page = pagination.page_number(request.args.get("page"))
    listing = await web.get_or_404(
        request, dashboard.list_posts, by=request.ctx.user, page=page, **filters
    )
    pages = pagination.paginate(listing, lambda number: _address(request, filters, page=number))
    return web.render(
        request,
        "control_panel/desk.html",
        desk=listing,
        pages=pages,
        chosen=filters,
        link=lambda **changes: _address(request, {**filters, **changes}),
    )


def _filters(request: Request) -> dict[str, str]:
    """Return the filters in the query, with their defaults; answers 404 for an unknown value."""
    query = {name: request.args.get(name) or "" for name in ("kind", "state", "whose", "title")}
    filters = {
        "kind": query["kind"] or POST,
        "state": query["state"] or "all",
        "whose": query["whose"] or "mine",
        "title": query["title"].strip()[:200],
    }
    may_see_all = request.ctx.user.has_role(EDITOR)
    if (
        filters["kind"] not in (POST, PAGE)
        or filters["state"] not in dashboard.STATES
        or filters["whose"] not in (("mine", "all") if may_see_all else ("mine",))
        or "\0" in filters["title"]
    ):
        raise web.PageNotFound
    return filters


def _address(request: Request, filters: dict[str, str], page: int = 1) -> str:
    """Return the address of a page of a list, without the parameters that have their defaults."""
    defaults = {"kind": POST, "state": "all", "whose": "mine", "title": "", "page": 1}
    values = {**filters, "page": page}
    query = urlencode({name: values[name] for name in defaults if values[name] != defaults[name]})
    return web.url(request, "control_panel.desk") + (f"?{query}" if query else "")


@bp.post("/posts/new")
async def new_post(request: Request) -> HTTPResponse:
    """Start an empty draft and open it on the edit page."""
    form = NewPostForm.read(request)
    if not form.ok:
        raise web.PageNotFound
    id = await web.transact(
        request, editing.start, form["kind"], request.ctx.language, by=request.ctx.user
    )
    return web.redirect(request, "control_panel.edit_post", id=id)
