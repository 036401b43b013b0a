"""Every post of the blog, whoever wrote it and whatever its state."""

from urllib.parse import urlencode

from sanic import HTTPResponse, Request

from blog import paging, web
from blog.admin.section import Section
from blog.config import N_
from blog.forms import Text
from blog.models import office
from blog.models.post import PAGE, POST

section = Section("posts", N_("All posts"), place=2)
KINDS = (POST, PAGE)
LINE, LONGEST = Text(), 200


@section.get()
async def posts(request: Request) -> HTTPResponse:
    chosen = _chosen(request)
    page = paging.page_number(request.args.get("page"))
    listing = await web.get_or_404(request, office.posts, page=page, **chosen)
    people = await web.read(request, office.people)
    here = request.app.url_for("admin.posts")
    pages = paging.paginate(listing, lambda number: f"{here}?{_query(chosen, number)}")
    return section.show(
        request, "posts", listing=listing, pages=pages, chosen=chosen, people=people
    )


def _chosen(request: Request) -> dict[str, str]:
    """The filters; a state or a kind that there is not is a page that does not exist."""
    typed = {name: request.args.get(name) or "" for name in ("state", "kind", "author", "title")}
    chosen = {name: LINE.clean([text]).strip()[:LONGEST] for name, text in typed.items()}
    if chosen["state"] not in ("", *office.STATES) or chosen["kind"] not in ("", *KINDS):
        raise web.NotHere
    return chosen


def _query(chosen: dict[str, str], page: int) -> str:
    return urlencode({**{name: value for name, value in chosen.items() if value}, "page": page})
