"""Submitting a comment: check it, score it, store it and queue the emails, in one transaction."""

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
from blog.models.comments.comment import (
    APPROVED,
    PENDING,
    SPAM,
    Comment,
    Reader,
    ShownComment,
)
from blog.models.comments.spam import SPAM_FROM
from blog.models.comments.spam_features import CommentFeatures
from blog.models.jobs import outbox
from blog.models.listing import NumberedPage
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision
from blog.models.settings import site
from blog.models.settings.settings import Settings
from blog.models.users.user import EDITOR, User

LONGEST_BODY = 5_000  # characters
IN_FEED = 50  # comments on one page of a feed
DOUBTFUL = 0.4  # a trusted writer's comment with at least this spam score waits for approval


@dataclass(frozen=True)
class CommentedPost:
    """The post of a comment. `closed` is the reason why it accepts none, or None."""

    post_id: int
    path: str
    title: str
    language: str
    is_listed: bool
    closed: Refusal | None


@dataclass(frozen=True)
class FeedComments(NumberedPage):
    """One page of the feed of a post's comments."""

    post: CommentedPost
    shown: tuple[ShownComment, ...]
    total: int
    page: int
    per_page: int


@dataclass(frozen=True)
class Submission:
    """A comment as it was submitted.

    `key` is the key in a guest's cookie; it is empty for a user who is signed in. `network` is the
    guest's network, for rate limits.
    """

    post_id: int
    body: str
    rendered: Rendered
    answers: str = ""  # the uid of the comment that this one replies to
    name: str = ""
    email: str = ""
    wants_answers: bool = False
    key: str = ""
    ip: str = ""
    network: str = ""


class DuplicateComment(Exception):
    """A concurrent transaction has stored the same comment. Its argument is the comment's uid."""


def commented_post(session: Session, post_id: int) -> CommentedPost:
    """Return a public post for commenting. Raises `LookupError` if there is none."""
    row = session.execute(
        select(Revision.title, Revision.language, Revision.is_listed, Revision.takes_comments)
        .add_columns(Post.publish_at, Address.path)
        .join(Post, Post.live_revision_id == Revision.id)
        .join(Address, Address.id == Post.address_id)
        .where(Post.id == post_id, Post.is_live(now()))
    ).first()
    if row is None:
        raise LookupError(post_id)
    closed = comments.closed(
        site.facts(session).settings, takes_comments=row.takes_comments, publish_at=row.publish_at
    )
    path = addresses.href(row.path)
    return CommentedPost(post_id, path, row.title, row.language, row.is_listed, closed)


def feed(session: Session, post_id: int, page: int) -> FeedComments:
    """Return a page of the approved comments of a public post, newest first, for their feed.

    Raises `LookupError` if there is no such post, and past the last page. An unlisted post has no
    feed: its id is easy to guess, and the feed would tell its title and address.
    """
    post = commented_post(session, post_id)
    if not post.is_listed:
        raise LookupError(post_id)
    public = comments.of_post(session, post_id, Reader()).everything
    newest = sorted(public, key=lambda comment: comment.said_at, reverse=True)
    shown = tuple(newest[(page - 1) * IN_FEED : page * IN_FEED])
    if page > 1 and not shown:
        raise LookupError(page)
    return FeedComments(post, shown, len(newest), page, IN_FEED)


def find_parent(session: Session, post_id: int, uid: str) -> Comment | None:
    """Return the approved comment of this post that has the uid, to reply to it."""
    if not (uid.isascii() and uid.isprintable()):
        return None
    is_public = Comment.post_id == post_id, Comment.state == APPROVED
    return session.scalar(select(Comment).where(Comment.uid == uid, *is_public))


@action("comment.submit")
def submit(session: Session, sent: Submission, *, by: User | None) -> str:
    """Store a comment and return its uid.

    The same text by the same writer in the same place is stored once, however often it is sent.
    Raises `Refusal`, `LookupError` if the post is not public, and `DuplicateComment` if a
    concurrent transaction stored the same comment.
    """
    post = commented_post(session, sent.post_id)
    if post.closed:
        raise post.closed
    parent = _parent(session, sent)
    uid = _uid(sent, parent, by)
    if session.scalar(select(Comment.id).where(Comment.uid == uid)):
        return uid
    comment = _new_comment(session, sent, by)
    comment.uid, comment.parent_id = uid, parent
    _set_state(session, comment, sent, by)
    _insert(session, comment)
    if comment.state == PENDING:
        _notify_authors(session, comment, post)
    elif comment.state == APPROVED:
        reply_notice.queue(session, comment)
    return uid


def _parent(session: Session, sent: Submission) -> int | None:
    """Return the id of the top-level comment to nest under; a reply to a reply joins its thread."""
    if not sent.answers:
        return None
    target = find_parent(session, sent.post_id, sent.answers)
    if target is None:
        raise Refusal(
            N_(
                "The comment you are replying to no longer exists. If you send yours again, it "
                "will not be a reply."
            )
        )
    return target.parent_id or target.id


def _uid(sent: Submission, parent: int | None, by: User | None) -> str:
    """Return a hash of text, place and writer, so that a unique index prevents duplicates."""
    writer = f"user {by.id}" if by else f"guest {waiting_hash(sent.key)}"
    words = "\0".join((str(sent.post_id), str(parent or ""), writer, sent.body.strip()))
    return hashlib.sha256(words.encode()).hexdigest()[:20]


def waiting_hash(key: str) -> str:
    """Return the hash of the key in a `waiting` cookie; only the hash is stored."""
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def _new_comment(session: Session, sent: Submission, by: User | None) -> Comment:
    """Check the text and, for a guest, the name, and return the row to insert."""
    if not sent.rendered.text.strip():
        raise Refusal(N_("This comment has no visible text."), "body")
    if by is None:
        guest.refuse_impersonation(session, sent.name)
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
        raise DuplicateComment(comment.uid) from error


# --- initial state ---


def _set_state(session: Session, comment: Comment, sent: Submission, by: User | None) -> None:
    """Set the state to spam, pending or approved. Raises `TooMany` if a limit is reached."""
    if by is None:
        links = tuple(sent.rendered.links)
        words = CommentFeatures(comment.name, comment.email, sent.body, links, sent.network)
        comment.score = spam.admit(session, words, comment.waiting_hash)
    settings = site.facts(session).settings
    if comment.score >= SPAM_FROM:
        comment.state = SPAM
    elif _is_approved_at_once(session, comment, settings, by):
        comment.state, comment.decided_at = APPROVED, comment.created_at
    else:
        comment.state = PENDING


def _is_approved_at_once(
    session: Session, comment: Comment, settings: Settings, by: User | None
) -> bool:
    """Return whether to skip moderation: for editors, authors of the post and trusted writers."""
    if by is not None:
        authors = select(PostAuthor.user_id).where(PostAuthor.post_id == comment.post_id)
        if by.has_role(EDITOR) or by.id in session.scalars(authors).all():
            return True
    return settings.comments_trust and comment.score < DOUBTFUL and _is_known(session, comment)


def _is_known(session: Session, comment: Comment) -> bool:
    """Return whether the writer's latest moderated comment was approved.

    A guest is identified by the key in their cookie, which cannot be guessed, together with the
    same name and email address.
    """
    if comment.user_id:
        same = Comment.user_id == comment.user_id
    else:
        same = Comment.waiting_hash == comment.waiting_hash
        same &= (Comment.name == comment.name) & (Comment.email == comment.email)
    return comments.was_approved_last(session, same)


# --- notifications ---


def _notify_authors(session: Session, comment: Comment, post: CommentedPost) -> None:
    """Queue an email to each author of the post, except the writer of the comment."""
    authors = session.scalars(
        select(User)
        .join(PostAuthor, PostAuthor.user_id == User.id)
        .where(PostAuthor.post_id == comment.post_id, User.can_sign_in, User.email.is_not(None))
    )
    for author in authors.all():
        if author.id != comment.user_id:
            outbox.enqueue(
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


# --- deleting ---


def delete_of_post(session: Session, post_id: int) -> None:
    """Delete all comments of a post that is being deleted permanently."""
    of_post = Comment.post_id == post_id
    moderation.forget(session, session.scalars(select(Comment.id).where(of_post)).all())
    replies = of_post & Comment.parent_id.is_not(None)
    for condition in (replies, of_post):  # replies first, because they refer to their parents
        statement = delete(Comment).where(condition)
        session.execute(statement, execution_options={"tags": ("comments",)})
