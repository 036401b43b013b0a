"""The moderation queue: approve, reject or mark comments as spam, and reply to them."""

from sanic import HTTPResponse, Request

from blog import web
from blog.admin.section import Action, Column, Filter, Section, ngettext
from blog.config import N_
from blog.models.base import Refusal
from blog.models.comments import moderation, moderation_queue
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM
from blog.models.comments.moderation_queue import QueuedComment
from blog.models.comments.submission import LONGEST_BODY
from blog.web import errors, headers
from blog.web.forms import Form, Verbatim

COLUMNS = (
    Column("name", N_("Comment"), "remark"),
    Column("post", N_("On post"), "about"),
    Column("said_at", N_("Submitted"), "moment", sort=True),
)
FILTERS = (
    Filter(
        "state",
        N_("State"),
        {
            PENDING: N_("Pending"),
            APPROVED: N_("Approved"),
            REJECTED: N_("Rejected"),
            SPAM: N_("Spam"),
        },
        tabs=True,
        default=PENDING,
    ),
    Filter("post", N_("On post"), moderation_queue.commented_posts),
)
ACTIONS = (
    Action(
        "approve",
        N_("Approve"),
        moderation.approve,
        route="approve_comments",
        done=ngettext("%(num)s comment was approved.", "%(num)s comments were approved."),
        key="a",
        offered=lambda row: row.state != APPROVED,
    ),
    Action(
        "reject",
        N_("Reject"),
        moderation.reject,
        route="reject_comments",
        done=ngettext("%(num)s comment was rejected.", "%(num)s comments were rejected."),
        key="r",
        offered=lambda row: row.state != REJECTED,
    ),
    Action(
        "spam",
        N_("Spam"),
        moderation.spam,
        route="spam_comments",
        done=ngettext(
            "%(num)s comment was marked as spam.", "%(num)s comments were marked as spam."
        ),
        key="s",
        offered=lambda row: row.state != SPAM,
    ),
)

section = Section(
    "comments",
    N_("Comments"),
    place=40,
    route="comments",
    listing=moderation_queue.comments,
    counted=ngettext("%(num)s comment", "%(num)s comments"),
    columns=COLUMNS,
    filters=FILTERS,
    search=N_("Text, name or email address"),
    purpose=N_(
        "No comments to review. New comments from readers appear here until you approve them."
    ),
    actions=ACTIONS,
    undo=moderation.undo,
    undo_route="undo_comments",
    cells="admin/comments_cells.html",
    page="comments",
)


class ReplyForm(Form):
    """A reply to a comment."""

    body = Verbatim(required=True, most=LONGEST_BODY)


@section.get("/<id:int>")
async def comment(request: Request, id: int) -> HTTPResponse:
    """Show one comment with a reply form."""
    comment = await web.get_or_404(request, moderation_queue.get_comment, id)
    return _comment_page(request, comment, ReplyForm.blank(request))


@section.post("/<id:int>/reply")
async def reply_comment(request: Request, id: int) -> HTTPResponse:
    """Publish a reply below a comment."""
    comment = await web.get_or_404(request, moderation_queue.get_comment, id)
    form = ReplyForm.read(request)
    try:
        if form.ok:
            return await _reply(request, id, form["body"])
    except Refusal as refusal:
        form.refuse(refusal)
        return _comment_page(request, comment, form, errors.status_of(refusal))
    except LookupError as error:  # the comment was deleted in the meantime
        raise web.PageNotFound from error
    return _comment_page(request, comment, form, 422)


async def _reply(request: Request, id: int, body: str) -> HTTPResponse:
    rendered = await request.app.ctx.sandbox.render(body, trust="guest")
    ip, by = headers.client_ip(request), request.ctx.user
    await web.transact(request, moderation_queue.reply, id, body, rendered, ip, by=by)
    web.flash(request, N_("Your reply is now shown below the comment."))
    return web.redirect(request, "admin.comments")


def _comment_page(
    request: Request, comment: QueuedComment, form: Form, status: int = 200
) -> HTTPResponse:
    return section.show(
        request, "comment", status, comment=comment, form=form, longest=LONGEST_BODY
    )
