"""To comment on a post: a guest sees a preview first, and whatever goes wrong the text is kept."""

from dataclasses import dataclass
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import redirect

from blog import web
from blog.config import N_
from blog.home import bp, guest_cookie
from blog.home.guest_cookie import Proof
from blog.markup import Rendered, TooMuch
from blog.models.base import Refusal
from blog.models.comments import guest, spam, submission
from blog.models.comments.spam import TooMany
from blog.models.comments.submission import LONGEST_BODY, About, Submission, Twice
from blog.models.public.cards import PostPage
from blog.models.users import user
from blog.sandbox import SandboxBusy
from blog.web import headers
from blog.web.forms import Check, Form, Text, Verbatim

TOO_EARLY = N_("The form was sent very quickly. Check your comment, then send it again.")
TOO_LATE = N_("This page has been open for more than a day. Please send your comment again.")
TRAPPED = N_(
    "A field that must stay empty was filled in. It has been cleared. Please send your "
    "comment again."
)

ACTION = "/comments/0"  # of no post
AT_ONCE = 10  # half of those who may wait before the crew
RENDERING: list[Request] = []


class CommentForm(Form):
    body = Verbatim(required=True, most=LONGEST_BODY)
    answers = Text(most=64)
    wants_answers = Check()


class GuestForm(CommentForm):
    name = Text(required=True, most=200)
    email = Text(most=254)
    homepage = Text(most=100_000)  # hidden: people leave it empty, programs do not
    proof = Text(most=200)


@dataclass(frozen=True)
class Try:
    """One press: the form, the post it is about, and the proof that a preview was seen."""

    about: About
    form: CommentForm
    proof: Proof | None = None


@bp.get("/comments/<id:int>")
async def comment(request: Request, id: int) -> HTTPResponse:
    """The form on a page of its own, to answer a comment or to come back to."""
    request.ctx.private = True
    about = await web.get_or_404(request, submission.about, id)
    form = _blank(request, answers=request.args.get("answers") or "")
    return await _page(request, Try(about, form))


@bp.post("/comments/<id:int>")
async def send_comment(request: Request, id: int) -> HTTPResponse:
    request.ctx.private = True
    about = await web.get_or_404(request, submission.about, id)
    form = _kind(request).read(request)
    proof = guest_cookie.read_proof(request, str(form.values.get("proof", "")), id)
    attempt = Try(about, form, proof)
    try:
        return await _send(request, attempt)
    except (Refusal, TooMuch, SandboxBusy) as error:
        form.refuse(_told(error))
        return await _page(request, attempt, status=_status(error))


def under(request: Request, post: PostPage) -> str:
    """The empty form below a post, as HTML: for guests the same under each but for its address."""
    if post.thread is None or post.thread.closed:
        return ""
    action = web.url(request, "home.send_comment", id=post.card.id)
    if request.ctx.user:
        return _empty(request, action)
    return _for_guests(request).replace(ACTION, action)


def _for_guests(request: Request) -> str:
    """Rendered once: it is a quarter of a page's work."""
    forms: dict[str, str] = request.app.ctx.guest_forms
    if request.ctx.language not in forms:
        forms[request.ctx.language] = _empty(request, ACTION)
    return forms[request.ctx.language]


def _empty(request: Request, action: str) -> str:
    form = _blank(request)
    return web.page_text(request, "home/_comment_form.html", form=form, action=action, proof="")


def _blank(request: Request, answers: str = "") -> CommentForm:
    return _kind(request).blank(request, answers=answers, body="")


def _kind(request: Request) -> type[CommentForm]:
    return CommentForm if request.ctx.user else GuestForm


async def _send(request: Request, attempt: Try) -> HTTPResponse:
    """Three beats: what is wrong is told, a guest sees a preview, the comment is kept."""
    form = attempt.form
    if attempt.about.closed:
        raise attempt.about.closed
    if not request.ctx.user:
        _check_guest(form)
    if not form.ok:
        return await _page(request, attempt, status=422)
    if not request.ctx.user:  # before anything is rendered: a flood is to cost little
        writer = submission.waiting_hash(_key(request, attempt))
        await web.read(request, spam.refuse_if_full, form["email"], writer)
    rendered = await _rendered(request, form["body"])
    if not request.ctx.user and (early := _before_sending(attempt)) is not None:
        said, status = early
        if said:
            form.refuse(Refusal(said))
        return await _page(request, attempt, rendered, status)
    return await _keep(request, attempt, rendered)


async def _rendered(request: Request, body: str) -> Rendered:
    """However many guests come at once, authors find room before the crew."""
    if len(RENDERING) >= AT_ONCE:
        raise SandboxBusy
    RENDERING.append(request)
    try:
        found: Rendered = await request.app.ctx.crew.render(body, trust="guest")
        return found
    finally:
        RENDERING.remove(request)


def _check_guest(form: CommentForm) -> None:
    form.check("name", guest.check_name).check("email", user.check_email)
    if form.values["homepage"]:
        form.values["homepage"] = ""
        form.refuse(Refusal(TRAPPED))


def _before_sending(attempt: Try) -> tuple[str, int] | None:
    """What a guest is told with the preview, and its status; None when they have seen it."""
    if attempt.proof is None:
        return "", 200
    if attempt.proof.is_early:
        return TOO_EARLY, 422
    return (TOO_LATE, 422) if attempt.proof.is_late else None


async def _keep(request: Request, attempt: Try, rendered: Rendered) -> HTTPResponse:
    about, form = attempt.about, attempt.form
    key = "" if request.ctx.user else _key(request, attempt)
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
    uid = await _once(request, sent)
    response = redirect(f"{about.path}#comment-{uid}", status=303)
    if key:
        guest_cookie.give_cookie(request, response, key)
    return response


async def _once(request: Request, sent: Submission) -> str:
    try:
        return await web.transact(request, submission.submit, sent)
    except Twice as twice:
        return str(twice)


def _key(request: Request, attempt: Try) -> str:
    """What tells this guest from others: from the cookie, or from what the preview brought."""
    return guest_cookie.key_of(request) or (attempt.proof.key if attempt.proof else "")


def _told(error: Refusal | TooMuch | SandboxBusy) -> Refusal:
    if isinstance(error, TooMuch):
        return Refusal(error.message, "body", **error.params)
    return Refusal(error.message) if isinstance(error, SandboxBusy) else error


def _status(error: Refusal | TooMuch | SandboxBusy) -> int:
    if isinstance(error, SandboxBusy):
        return 503
    return 429 if isinstance(error, TooMany) else 422


async def _page(
    request: Request, attempt: Try, rendered: Rendered | None = None, status: int = 200
) -> HTTPResponse:
    """The form with all that was typed; `rendered` is how it will look."""
    about, form = attempt.about, attempt.form
    answered = await _answered(request, about, str(form.values.get("answers") or ""))
    if answered is None:
        form.values["answers"] = ""
    return web.render(
        request,
        "home/comment_preview.html",
        status,
        about=about,
        form=form,
        answered=answered,
        rendered=rendered,
        shown_name=guest.name_of(str(form.values.get("name") or "")),
        proof=_renewed(request, attempt) if rendered or attempt.proof else "",
    )


def _renewed(request: Request, attempt: Try) -> str:
    """The time of the first preview goes along, unless that is too long ago."""
    proof = attempt.proof
    if proof is None or proof.is_late:
        proof = guest_cookie.new_proof(request)
    return guest_cookie.sign(request, proof, attempt.about.post_id)


async def _answered(request: Request, about: About, uid: str) -> Any:
    if not uid or about.closed:
        return None
    return await web.read(request, submission.answered, about.post_id, uid)
