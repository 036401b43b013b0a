"""The page that changes the addresses of published posts to the current address pattern."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.sections.settings import section
from blog.config import N_
from blog.models.posts import change_paths
from blog.web.forms import Checkbox, Form, Number

BATCHES_PER_REQUEST = 5  # if more posts remain, the page offers to continue


class MoveForm(Form):
    """Whether to include imported addresses (`brought`), and the post id to continue after."""

    brought = Checkbox()
    after = Number()


@section.get("/addresses")
async def new_addresses(request: Request) -> HTTPResponse:
    """Show which addresses would change."""
    brought = request.args.get("brought") == "on"
    return await _page(request, MoveForm.blank(request, brought=brought, after=0), brought)


async def _page(request: Request, form: MoveForm, brought: bool, **progress: int) -> HTTPResponse:
    samples = await web.read(request, change_paths.samples, brought=brought)
    return section.show(
        request, "addresses", form=form, samples=samples, brought=brought, **progress
    )


@section.post("/addresses")
async def move_posts(request: Request) -> HTTPResponse:
    """Change the addresses of the next posts."""
    form = MoveForm.read(request)
    brought, after, number = form["brought"], form.data.get("after", 0), 0
    for _ in range(BATCHES_PER_REQUEST):
        changes = await web.transact(request, change_paths.change_batch, after, brought=brought)
        number, after = number + changes.number, changes.after
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
