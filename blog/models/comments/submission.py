"""To comment: one transaction that keeps the words, judges them, and says who is to be told."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blog.config import N_
from blog.markup import RENDERER, Rendered, language_of
from blog.models.addresses import address as addresses
from blog.models.addresses.address import Address
from blog.models.audit import change_log
from blog.models.audit.action import action
from blog.models.base import Refusal, now
from blog.models.comments import comment as comments
from blog.models.comments import guest, moderation, reply_notice, spam
from blog.models.comments.comment import APPROVED, PENDING, SPAM, Comment, Reader, Said
from blog.models.comments.spam import SPAM_FROM
from blog.models.comments.spam_features import CommentFeatures
from blog.models.jobs import outbox
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision
from blog.models.settings import site
from blog.models.settings.settings import Settings
from blog.models.users.user import EDITOR, User

LONGEST_BODY = 5_000
IN_FEED = 50
DOUBTFUL = 0.4  # from here on a known writer's words wait like anybody's


@dataclass(frozen=True)
class About:
    """The post that a comment is about. `closed` says why it takes none, if so."""

    post_id: int
    path: str
    title: str
    language: str
    closed: Refusal | None


@dataclass(frozen=True)
class Submission:
    """What somebody sent. `key` is that of their cookie; empty for who is signed in."""

    post_id: int
    body: str
    rendered: Rendered
    answers: str = ""  # the uid of the comment that this one answers
    name: str = ""
    email: str = ""
    wants_answers: bool = False
    key: str = ""
    ip: str = ""
    network: str = ""


class Twice(Exception):
    """The same words arrived at the same moment; the others were kept."""


def about(session: Session, post_id: int) -> About:
    """A live post, as one may comment on it. Raises `LookupError`."""
    row = session.execute(
        select(Revision.title, Revision.language, Revision.takes_comments, Post.publish_at)
        .add_columns(Address.path)
        .join(Post, Post.live_revision_id == Revision.id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.id == post_id, Post.is_live(now()))
    ).first()
    if row is None:
        raise LookupError(post_id)
    closed = comments.closed(
        site.facts(session).settings, takes_comments=row.takes_comments, publish_at=row.publish_at
    )
    return About(post_id, addresses.href(row.path), row.title, row.language, closed)


def feed(session: Session, post_id: int) -> tuple[About, list[Said]]:
    """A live post and what everybody may read of its comments, newest first."""
    found = comments.of_post(session, post_id, Reader()).everything
    newest = sorted(found, key=lambda said: said.said_at, reverse=True)
    return about(session, post_id), newest[:IN_FEED]


def answered(session: Session, post_id: int, uid: str) -> Comment | None:
    """The comment of this post that is answered; an answer to an answer joins it."""
    if not (uid.isascii() and uid.isprintable()):
        return None
    theirs = Comment.post_id == post_id, Comment.state == APPROVED
    return session.scalar(select(Comment).where(Comment.uid == uid, *theirs))


@action("comment.submit")
def submit(session: Session, sent: Submission, *, by: User | None) -> str:
    """Keep a comment; its uid. Raises `Refusal`, `Twice`, and `LookupError` where there is no post.

    The same words of the same writer in the same place are one comment, sent however often.
    """
    post = about(session, sent.post_id)
    if post.closed:
        raise post.closed
    parent = _parent(session, sent)
    uid = _uid(sent, parent, by)
    if session.scalar(select(Comment.id).where(Comment.uid == uid)):
        return uid
    comment = _written(session, sent, by)
    comment.uid, comment.parent_id = uid, parent
    _decide(session, comment, sent, by)
    _insert(session, comment)
    if comment.state == PENDING:
        _tell_authors(session, comment, post)
    elif comment.state == APPROVED:
        reply_notice.tell(session, comment)
    return uid


def _parent(session: Session, sent: Submission) -> int | None:
    """One level of replies: what answers a reply stands under the same comment."""
    if not sent.answers:
        return None
    found = answered(session, sent.post_id, sent.answers)
    if found is None:
        raise Refusal(
            N_(
                "The comment you are replying to no longer exists. If you send yours again, it "
                "will not be a reply."
            )
        )
    return found.parent_id or found.id


def _uid(sent: Submission, parent: int | None, by: User | None) -> str:
    """Made of what is said, where and by whom, so that the database itself refuses a double."""
    writer = f"user {by.id}" if by else f"guest {waiting_hash(sent.key)}"
    words = "\0".join((str(sent.post_id), str(parent or ""), writer, sent.body.strip()))
    return hashlib.sha256(words.encode()).hexdigest()[:20]


def waiting_hash(key: str) -> str:
    """What is kept of the key in a `waiting` cookie."""
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def _written(session: Session, sent: Submission, by: User | None) -> Comment:
    if not sent.rendered.text.strip():
        raise Refusal(N_("This comment has no visible text."), "body")
    if by is None:
        guest.refuse_borrowed(session, sent.name)
        change_log.withhold_address(session)
    return Comment(
        post_id=sent.post_id,
        user_id=by.id if by else None,
        name=by.display_name if by else guest.name_of(sent.name),
        email="" if by else sent.email.strip().casefold(),
        wants_answers=sent.wants_answers and bool(sent.email.strip() or by),
        body=sent.body,
        body_html=sent.rendered.html,
        renderer=RENDERER,
        score=0.0,
        language=language_of("", sent.rendered.text) or "",
        waiting_hash="" if by else waiting_hash(sent.key),
        ip=sent.ip,
        created_at=now(),
    )


def _insert(session: Session, comment: Comment) -> None:
    try:
        with session.begin_nested():
            session.add(comment)
            session.flush()
    except IntegrityError as error:
        raise Twice(comment.uid) from error


# --- does it wait? ---


def _decide(session: Session, comment: Comment, sent: Submission, by: User | None) -> None:
    """Spam, waiting, or seen by everybody at once."""
    if by is None:
        links = tuple(sent.rendered.links)
        words = CommentFeatures(comment.name, comment.email, sent.body, links, sent.network)
        comment.score = spam.admit(session, words, comment.waiting_hash)
    settings = site.facts(session).settings
    if comment.score >= SPAM_FROM:
        comment.state = SPAM
    elif _passes(session, comment, settings, by):
        comment.state, comment.decided_at = APPROVED, comment.created_at
    else:
        comment.state = PENDING


def _passes(session: Session, comment: Comment, settings: Settings, by: User | None) -> bool:
    if by is not None:
        mine = select(PostAuthor.user_id).where(PostAuthor.post_id == comment.post_id)
        if by.has_role(EDITOR) or by.id in session.scalars(mine).all():
            return True
    return settings.comments_trust and comment.score < DOUBTFUL and _is_known(session, comment)


def _is_known(session: Session, comment: Comment) -> bool:
    """A guest is known by the key in their cookie, which nobody can type, and only under the name
    and the address that were approved.
    """
    if comment.user_id:
        same = Comment.user_id == comment.user_id
    else:
        same = Comment.waiting_hash == comment.waiting_hash
        same &= (Comment.name == comment.name) & (Comment.email == comment.email)
    return comments.was_approved_last(session, same)


# --- who is told ---


def _tell_authors(session: Session, comment: Comment, post: About) -> None:
    """A mail to each author of the post who can read it and did not write the comment."""
    authors = session.scalars(
        select(User)
        .join(PostAuthor, PostAuthor.user_id == User.id)
        .where(PostAuthor.post_id == comment.post_id, User.can_sign_in, User.email.is_not(None))
    )
    for author in authors.all():
        if author.id != comment.user_id:
            outbox.owe(
                session,
                "comment_waits",
                str(author.email),
                language=author.language or site.facts(session).language,
                key=f"comment_waits:{comment.uid}:{author.id}",
                title=post.title,
                author=comment.name,
                text=comment.body,
                path="/admin/comments"
                if author.has_role(EDITOR)
                else f"{post.path}#comment-{comment.uid}",
            )


# --- with its post ---


def forget(session: Session, post_id: int) -> None:
    """The comments of a post that is deleted for good; answers before what they answer."""
    mine = Comment.post_id == post_id
    moderation.forget(session, session.scalars(select(Comment.id).where(mine)).all())
    for which in (mine & Comment.parent_id.is_not(None), mine):
        session.execute(delete(Comment).where(which), execution_options={"tags": ("comments",)})
