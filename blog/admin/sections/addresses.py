"""Posts that are published already, moved to the pattern of new ones, in pieces."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.sections.settings import section
from blog.config import N_
from blog.models.posts import change_paths
from blog.web.forms import Check, Form, Number

PIECES_AT_ONCE = 5  # a press of the button moves as many; then it says how to go on


class MoveForm(Form):
    brought = Check()
    after = Number()


@section.get("/addresses")
async def new_addresses(request: Request) -> HTTPResponse:
    brought = request.args.get("brought") == "on"
    return await _page(request, MoveForm.blank(request, brought=brought, after=0), brought)


async def _page(request: Request, form: MoveForm, brought: bool, **told: int) -> HTTPResponse:
    samples = await web.read(request, change_paths.samples, brought=brought)
    return section.show(request, "addresses", form=form, samples=samples, brought=brought, **told)


@section.post("/addresses")
async def move_posts(request: Request) -> HTTPResponse:
    form = MoveForm.read(request)
    brought, after, number = form["brought"], form.data.get("after", 0), 0
    for _ in range(PIECES_AT_ONCE):
        moved = await web.transact(request, change_paths.move, after, brought=brought)
        number, after = number + moved.number, moved.after
        if not after:
            break
    if after:
        form.values["after"] = after
        return await _page(request, form, brought, number=number, after=after)
    web.flash(
        request,
        N_("Addresses changed: %(number)s. The old addresses redirect to the new ones."),
        number=number,
    )
    return web.redirect(request, "admin.new_addresses")
