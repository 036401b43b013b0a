"""Submitting a comment: guests see a preview first, and a refused form keeps everything typed."""

from dataclasses import dataclass

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.config import N_
from blog.home import bp, guest_cookie
from blog.home.guest_cookie import Proof
from blog.markup import Rendered
from blog.models.base import Refusal
from blog.models.comments import guest, spam, submission
from blog.models.comments.comment import Comment
from blog.models.comments.submission import (
    LONGEST_BODY,
    CommentedPost,
    DuplicateComment,
    Submission,
)
from blog.models.public.cards import PostPage
from blog.models.users import user
from blog.sandbox import SandboxBusy
from blog.web import errors, headers
from blog.web.forms import Checkbox, Form, Text, Verbatim

TOO_EARLY = N_("The form was sent very quickly. Check your comment, then send it again.")
TOO_LATE = N_("This page has been open for more than a day. Please send your comment again.")
TRAPPED = N_(
    "A field that must stay empty was filled in. It has been cleared. Please send your "
    "comment again."
)

PLACEHOLDER_ACTION = "/comments/0"  # no post has the id 0
# Comments that one worker renders at a time: half of the sandbox's queue, so that authors who
# publish always find room in it.
MAX_RENDERING = 10
RENDERING: list[Request] = []


class CommentForm(Form):
    """The form of somebody who is signed in."""

    body = Verbatim(required=True, most=LONGEST_BODY)
    answers = Text(most=64)
    wants_answers = Checkbox()


class GuestForm(CommentForm):
    """The form of a guest, with a hidden field as a trap for bots."""

    name = Text(required=True, most=200)
    email = Text(most=254)
    homepage = Text(most=100_000)  # hidden: people leave it empty, bots fill it in
    proof = Text(most=200)


@dataclass(frozen=True)
class CommentAttempt:
    """One submission: the post, the form, and the proof that the guest has seen a preview."""

    about: CommentedPost
    form: CommentForm
    proof: Proof | None = None


@bp.get("/comments/<id:int>")
async def comment(request: Request, id: int) -> HTTPResponse:
    """Show the form on a page of its own, where replies are written."""
    request.ctx.private = True
    about = await web.get_or_404(request, submission.commented_post, id)
    form = _blank_form(request, answers=request.args.get("answers") or "")
    return await _comment_page(request, CommentAttempt(about, form))


@bp.post("/comments/<id:int>")
async def send_comment(request: Request, id: int) -> HTTPResponse:
    """Store a comment, or show a guest the preview, or show the form again with what is wrong."""
    request.ctx.private = True
    about = await web.get_or_404(request, submission.commented_post, id)
    form = _form_class(request).read(request)
    proof = guest_cookie.read_proof(request, str(form.values.get("proof", "")), id)
    attempt = CommentAttempt(about, form, proof)
    try:
        return await _send(request, attempt)
    except Refusal as refusal:
        form.refuse(refusal)
        return await _comment_page(request, attempt, status=errors.status_of(refusal))


def form_below(request: Request, post: PostPage) -> str:
    """Return the empty form below a post as HTML; "" where the post takes no comments."""
    if post.thread is None or post.thread.closed:
        return ""
    action = web.url(request, "home.send_comment", id=post.card.id)
    if request.ctx.user:
        return _empty_form(request, action)
    return _guest_form(request).replace(PLACEHOLDER_ACTION, action)


def _guest_form(request: Request) -> str:
    """Return the guests' form with a placeholder for its action.

    It is rendered once per language and worker, because rendering it takes a quarter of the time
    of a post's page.
    """
    forms: dict[str, str] = request.app.ctx.guest_forms
    if request.ctx.language not in forms:
        forms[request.ctx.language] = _empty_form(request, PLACEHOLDER_ACTION)
    return forms[request.ctx.language]


def _empty_form(request: Request, action: str) -> str:
    form = _blank_form(request)
    return web.render_to_string(
        request, "home/_comment_form.html", form=form, action=action, proof=""
    )


def _blank_form(request: Request, answers: str = "") -> CommentForm:
    return _form_class(request).blank(request, answers=answers, body="")


def _form_class(request: Request) -> type[CommentForm]:
    return CommentForm if request.ctx.user else GuestForm


async def _send(request: Request, attempt: CommentAttempt) -> HTTPResponse:
    """Validate the form, then show a guest the preview, then store the comment."""
    form = attempt.form
    if attempt.about.closed:
        raise attempt.about.closed
    if not request.ctx.user:
        _check_guest(form)
    if not form.ok:
        return await _comment_page(request, attempt, status=422)
    if not request.ctx.user:  # before rendering, so that a flood of comments costs little
        waiting_hash = submission.waiting_hash(_guest_key(request, attempt))
        await web.read(request, spam.refuse_if_full, form["email"], waiting_hash)
    rendered = await _rendered(request, form["body"])
    preview = None if request.ctx.user else _preview_reason(attempt)
    if preview is not None:
        message, status = preview
        if message:
            form.refuse(Refusal(message))
        return await _comment_page(request, attempt, rendered, status)
    return await _store(request, attempt, rendered)


async def _rendered(request: Request, body: str) -> Rendered:
    """Render a comment. Raises `SandboxBusy` when `MAX_RENDERING` others are being rendered."""
    if len(RENDERING) >= MAX_RENDERING:
        raise SandboxBusy
    RENDERING.append(request)
    try:
        rendered: Rendered = await request.app.ctx.sandbox.render(body, trust="guest")
        return rendered
    finally:
        RENDERING.remove(request)


def _check_guest(form: CommentForm) -> None:
    form.check("name", guest.check_name).check("email", user.check_email)
    if form.values["homepage"]:
        form.values["homepage"] = ""
        form.refuse(Refusal(TRAPPED))


def _preview_reason(attempt: CommentAttempt) -> tuple[str, int] | None:
    """Return why a guest gets the preview: an error message ("" for the first time) and the status.

    None means that they have seen the preview and took a plausible time over it.
    """
    if attempt.proof is None:
        return "", 200
    if attempt.proof.is_early:
        return TOO_EARLY, 422
    return (TOO_LATE, 422) if attempt.proof.is_late else None


async def _store(request: Request, attempt: CommentAttempt, rendered: Rendered) -> HTTPResponse:
    about, form = attempt.about, attempt.form
    key = "" if request.ctx.user else _guest_key(request, attempt)
    ip = headers.client_ip(request)
    sent = Submission(
        post_id=about.post_id,
        body=form["body"],
        rendered=rendered,
        answers=form["answers"],
        name=form.data.get("name", ""),
        email=form.data.get("email", ""),
        wants_answers=form["wants_answers"],
        key=key,
        ip=ip,
        network=headers.network(ip),
    )
    uid = await _submit_once(request, sent)
    response = redirect(f"{about.path}#comment-{uid}", status=303)
    if key:
        guest_cookie.give_cookie(request, response, key)
    return response


async def _submit_once(request: Request, sent: Submission) -> str:
    """Return the uid of the new comment, or of its duplicate that was stored at the same moment."""
    try:
        return await web.transact(request, submission.submit, sent, by=request.ctx.user)
    except DuplicateComment as duplicate:
        return str(duplicate)


def _guest_key(request: Request, attempt: CommentAttempt) -> str:
    """Return the random key that identifies a guest: from their cookie, or from their proof."""
    return guest_cookie.key_of(request) or (attempt.proof.key if attempt.proof else "")


async def _comment_page(
    request: Request, attempt: CommentAttempt, rendered: Rendered | None = None, status: int = 200
) -> HTTPResponse:
    """Show the form with everything typed, and above it the preview where `rendered` is given."""
    about, form = attempt.about, attempt.form
    parent = await _parent_comment(request, about, str(form.values.get("answers") or ""))
    if parent is None:
        form.values["answers"] = ""
    return web.render(
        request,
        "home/comment_preview.html",
        status,
        about=about,
        form=form,
        answered=parent,
        rendered=rendered,
        shown_name=guest.name_of(str(form.values.get("name") or "")),
        proof=_signed_proof(request, attempt) if rendered or attempt.proof else "",
    )


def _signed_proof(request: Request, attempt: CommentAttempt) -> str:
    """Sign the guest's proof again, with the time of the first preview unless that is too late."""
    proof = attempt.proof
    if proof is None or proof.is_late:
        proof = guest_cookie.new_proof(request)
    return guest_cookie.sign(request, proof, attempt.about.post_id)


async def _parent_comment(request: Request, about: CommentedPost, uid: str) -> Comment | None:
    """Return the approved comment with this uid below the post, which the new one replies to."""
    if not uid or about.closed:
        return None
    return await web.read(request, submission.find_parent, about.post_id, uid)
