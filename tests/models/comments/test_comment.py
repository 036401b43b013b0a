"""Comments: visibility, closing, duplicates, initial state, notices and validation."""

import threading
import unicodedata
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from blog.db import Database
from blog.markup import render
from blog.models.audit.change_log import Change
from blog.models.base import Refusal, now
from blog.models.comments import comment, guest, moderation, submission
from blog.models.comments.comment import APPROVED, PENDING, REJECTED, SPAM, Comment, Reader
from blog.models.comments.moderation import Moderation
from blog.models.comments.spam import TooMany
from blog.models.comments.submission import DuplicateComment, Submission
from blog.models.jobs.outbox import Delivery
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.public import page_queries
from blog.models.public.compiled_query import CompiledQuery
from blog.models.settings import site
from blog.models.settings.settings import Settings
from tests.support.cast import Cast

KEY, OTHER_KEY = "k" * 32, "o" * 32


def words(world: Cast, body: str = "A fine morning to you.", **fields: object) -> Submission:
    """Return a guest's submission; `post` names a post of the cast, other `fields` override."""
    post = world.posts[str(fields.pop("post", "ann_live"))]
    fields = {"name": "Greta Guest", "key": KEY, "network": "192.0.2.9", **fields}
    return Submission(post.id, body, render(body, trust="guest"), **fields)  # type: ignore[arg-type] -- by name


def send(database: Database, sent: Submission, by: object = None) -> Comment:
    """Submit a comment and return the stored row."""
    uid = database.transact_now(submission.submit, sent, by=by)
    return database.read_now(lambda s: s.scalars(select(Comment).where(Comment.uid == uid)).one())


def decide(database: Database, world: Cast, target: Comment, state: str) -> None:
    """Moderate a comment as an editor."""
    database.transact_now(moderation.decide, [target.id], state, by=world.eve)


def change_settings(database: Database, **settings: object) -> None:
    def update(session):
        row = session.get_one(site.Site, site.SITE_ID)
        row.choices = {**row.choices, **settings}

    database.transact_now(update)


def thread(database: Database, world: Cast, post: str = "ann_live", **reader: object):
    """Return the comments of a post as a reader with these fields sees them."""
    viewer = Reader(**reader)  # type: ignore[arg-type] -- by name
    return database.read_now(comment.of_post, world.posts[post].id, viewer)


def names(shown) -> list[str]:
    """Return the names of a thread's writers, each followed by those who replied."""
    return [each.name for top in shown.comments for each in (top, *top.answers)]


def queued(database: Database, kind: str) -> list[Delivery]:
    """Return the emails of a kind in the outbox."""
    query = select(Delivery).where(Delivery.kind == kind).order_by(Delivery.to)
    return list(database.read_now(lambda session: session.scalars(query).all()))


# --- visibility ---


def test_readers_see_approved_comments_with_nested_replies(database, world):
    shown = thread(database, world)
    assert names(shown) == ["Rita", "Ann Archer"]
    assert shown.count == 2
    assert [reply.name for reply in shown.comments[0].answers] == ["Ann Archer"]


def test_a_pending_comment_is_visible_only_to_its_writer(database, world):
    mine = send(database, words(world))
    assert mine.state == PENDING
    assert "Greta Guest" not in names(thread(database, world))
    assert "Greta Guest" not in names(
        thread(database, world, waiting_hash=submission.waiting_hash(OTHER_KEY))
    )
    shown = thread(database, world, waiting_hash=submission.waiting_hash(KEY))
    assert [(top.name, top.is_waiting) for top in shown.comments][-1] == ("Greta Guest", True)
    assert shown.count == 2


@pytest.mark.parametrize("state", [PENDING, SPAM])
def test_a_writer_sees_their_spam_as_pending(database, world, state):
    mine = send(database, words(world))
    if state == SPAM:
        decide(database, world, mine, SPAM)
    shown = thread(database, world, waiting_hash=mine.waiting_hash)
    assert shown.comments[-1].is_waiting


def test_a_rejected_comment_is_hidden_from_its_writer(database, world):
    mine = send(database, words(world))
    decide(database, world, mine, REJECTED)
    assert "Greta Guest" not in names(thread(database, world, waiting_hash=mine.waiting_hash))


def test_a_reply_to_a_hidden_comment_is_nested_under_a_placeholder(database, world):
    decide(database, world, world.comments["rita"], REJECTED)
    shown = thread(database, world)
    assert [(top.is_gone, top.name) for top in shown.comments] == [(True, "")]
    assert [reply.name for reply in shown.comments[0].answers] == ["Ann Archer"]
    assert shown.count == 1


def test_a_reply_to_a_reply_joins_the_same_thread(database, world):
    send(database, words(world, answers="ann-said"))
    shown = thread(database, world, waiting_hash=submission.waiting_hash(KEY))
    assert [reply.name for reply in shown.comments[0].answers] == ["Ann Archer", "Greta Guest"]


@pytest.mark.parametrize(
    "uid", ["paul-said", "spammer-said", "zhou-said", "nobody-said", "a\0b", "\ud800"]
)
def test_only_approved_comments_of_the_same_post_can_be_replied_to(database, world, uid):
    with pytest.raises(Refusal, match="no longer exists"):
        send(database, words(world, answers=uid))


def test_the_comments_of_a_post_need_one_query(database, world, monkeypatch):
    statements, real_rows = [], CompiledQuery.rows

    def rows(statement, *args, **values):
        statements.append(statement)
        return real_rows(statement, *args, **values)

    event.listen(database.reading, "before_cursor_execute", lambda *a: statements.append(a[2]))
    monkeypatch.setattr(CompiledQuery, "rows", rows)
    thread(database, world)
    assert len(statements) == 1


def test_badges_distinguish_authors_editors_and_guests(database, world):
    send(database, words(world, "As an editor."), by=world.eve)
    send(database, words(world, "As its author."), by=world.ann)
    decide(database, world, send(database, words(world, "As someone."), by=world.bob), APPROVED)
    badges = {top.name: top.badge for top in thread(database, world).comments}
    assert badges == {"Rita": "", "Eve Edgar": "editor", "Ann Archer": "author", "白波": "writer"}


# --- closed ---


@pytest.mark.parametrize(
    ("settings", "takes", "days_old", "is_open"),
    [
        ({}, True, 9999, True),
        ({"comments": "closed"}, True, 0, False),
        ({}, False, 0, False),
        ({"comments_days": 30}, True, 29, True),
        ({"comments_days": 30}, True, 31, False),
    ],
)
def test_comments_are_closed_by_site_setting_post_setting_or_age(
    settings, takes, days_old, is_open
):
    closed = comment.closed(
        Settings(**settings), takes_comments=takes, publish_at=now() - timedelta(days=days_old)
    )
    assert (closed is None) == is_open


def test_a_closed_post_refuses_comments_with_the_reason(database, world):
    change_settings(database, comments_days=10)
    with pytest.raises(Refusal, match="stay open for 10 days"):
        send(database, words(world))
    assert send(database, words(world, post="bob_live")).state == PENDING


def test_closing_comments_takes_effect_when_the_post_is_updated(database, world):
    def close(session, *, by):
        copy = editing.WorkingCopy(takes_comments=False, version=2)
        editing.save(session, world.ann_live.id, copy, by=by)

    def update(session, *, by):
        post = editing.load(session, world.ann_live.id, by=by)
        publishing.publish(session, post.id, render(post.body), post.version, by=by)

    database.transact_now(close, by=world.ann)
    send(database, words(world))
    database.transact_now(update, by=world.ann)
    with pytest.raises(Refusal, match="closed here"):
        send(database, words(world, "Too late."))


def test_a_page_accepts_no_comments_by_default_and_shows_no_comment_section(database, world):
    shown = database.read_now(page_queries.at, "/about")
    assert shown.thread.is_silent
    with pytest.raises(Refusal, match="closed here"):
        send(database, words(world, post="about"))


@pytest.mark.parametrize("post", ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn"])
def test_a_post_that_is_not_public_accepts_no_comments(database, world, post):
    with pytest.raises(LookupError):
        send(database, words(world, post=post))


# --- duplicates ---


def test_the_same_text_by_the_same_writer_is_stored_once(database, world):
    assert (
        send(database, words(world)).id
        == send(database, words(world, " A fine morning to you.\n")).id
    )
    assert send(database, words(world, key=OTHER_KEY)).id != send(database, words(world)).id
    assert send(database, words(world, answers="rita-said")).id != send(database, words(world)).id


def test_twenty_concurrent_submissions_store_one_comment_and_queue_one_email(
    database, world, config_of
):
    uids: list[str] = []

    def submit() -> None:
        own_database = Database(config_of(database))
        try:
            uids.append(own_database.transact_now(submission.submit, words(world), by=None))
        except DuplicateComment as duplicate:
            uids.append(str(duplicate))
        finally:
            own_database.close()

    threads = [threading.Thread(target=submit) for _ in range(20)]
    for started in threads:
        started.start()
    for started in threads:
        started.join()
    assert (len(uids), len(set(uids))) == (20, 1)
    count = select(func.count()).select_from(Comment).where(Comment.name == "Greta Guest")
    assert database.read_now(lambda session: session.scalar(count)) == 1
    assert len(queued(database, "comment_waits")) == 1


# --- initial state ---


def test_comments_by_editors_and_the_posts_authors_are_approved_at_once(database, world):
    states = [
        send(database, words(world, f"From {name}."), by=world.people[name]).state
        for name in ("ann", "eve", "kim", "bob")
    ]
    assert states == [APPROVED, APPROVED, APPROVED, PENDING]


def test_a_known_writer_is_approved_at_once_only_if_the_setting_is_on(database, world):
    decide(database, world, send(database, words(world)), APPROVED)
    assert send(database, words(world, "Once more.")).state == PENDING
    change_settings(database, comments_trust=True)
    assert send(database, words(world, "And again.")).state == APPROVED


@pytest.mark.parametrize(
    "changed",
    [{"key": OTHER_KEY}, {"name": "Someone Else"}, {"email": "other@guest.example"}],
)
def test_a_writer_is_recognized_only_by_cookie_name_and_address_together(database, world, changed):
    change_settings(database, comments_trust=True)
    known = {"email": "greta@guest.example"}
    decide(database, world, send(database, words(world, **known)), APPROVED)
    assert send(database, words(world, "Me again.", **{**known, **changed})).state == PENDING
    assert send(database, words(world, "Truly me.", **known)).state == APPROVED


def test_a_writer_whose_last_comment_was_rejected_waits_for_approval_again(database, world):
    change_settings(database, comments_trust=True)
    decide(database, world, send(database, words(world)), APPROVED)
    decide(database, world, send(database, words(world, "Passes.")), REJECTED)
    assert send(database, words(world, "Waits.")).state == PENDING


def test_spam_is_stored_as_spam_and_nobody_is_notified(database, world):
    change_settings(database, comments_words="cheap pills")
    mine = send(database, words(world, "Buy cheap pills https://a.example https://b.example"))
    assert (mine.state, queued(database, "comment_waits")) == (SPAM, [])


def test_a_comment_beyond_the_limit_is_not_stored(database, world):
    change_settings(database, comments_waiting=1)
    send(database, words(world))
    with pytest.raises(TooMany):
        send(database, words(world, "One more.", key=OTHER_KEY, network="192.0.2.10"))
    count = select(func.count()).select_from(Comment).where(Comment.name == "Greta Guest")
    assert database.read_now(lambda session: session.scalar(count)) == 1


# --- notices ---


def test_the_posts_author_is_notified_once_of_a_pending_comment(database, world):
    mine = send(database, words(world))
    send(database, words(world))
    (mail,) = queued(database, "comment_waits")
    assert mail.to == "ann@ink.example"
    assert mail.facts["author"] == "Greta Guest"
    assert mail.facts["text"] == mine.body
    assert mail.facts["title"] == world.ann_live.title


def test_nobody_is_notified_of_their_own_comment(database, world):
    send(database, words(world, "Said by its author."), by=world.ann)
    assert queued(database, "comment_waits") == []


def test_a_reply_that_is_approved_at_once_queues_a_notice(database, world):
    send(database, words(world, "Glad you like it.", answers="rita-said"), by=world.eve)
    (mail,) = queued(database, "answered")
    assert mail.to == "rita@elsewhere.example"


# --- names and text ---


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Greta \n Guest ", "Greta Guest"),
        ("\u202eGreta\u200b\u2066", "Greta"),
        ("G\u0300\u0301\u0302\u0303\u0304", "G\u0300\u0301"),
        ("格蕾塔", "格蕾塔"),
        ("🐼", "🐼"),
    ],
)
def test_a_name_is_reduced_to_one_readable_line(typed, shown):
    guest.check_name(typed)
    assert guest.name_of(typed) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize("typed", ["", " ", "\u200b", "\u3164", "\u202e\u2066", "...", "x" * 61])
def test_an_unreadable_or_overlong_name_is_refused(typed):
    with pytest.raises(Refusal):
        guest.check_name(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "Ann Archer",
        "ann archer",
        "ＡＮＮ　Archer",
        "\u0410nn Archer",
        "Ánn-Archer",
        "白 波",
        "Lee Byline",
        "the ink  house",
    ],
)
def test_a_guest_cannot_use_a_name_that_looks_like_a_users_or_the_sites(database, world, typed):
    with pytest.raises(Refusal, match="has this name"):
        send(database, words(world, name=typed))


@pytest.mark.parametrize("body", ["[](http://nothing.example)", "&nbsp;", "```\n```", "\u3000"])
def test_a_comment_without_visible_text_is_refused(database, world, body):
    with pytest.raises(Refusal):
        send(database, words(world, body))


def test_the_language_of_a_comment_is_detected(database, world):
    assert send(database, words(world, "这篇文章写得很好，谢谢作者。")).language == "zh"
    assert send(database, words(world, "A very good text, thank you.")).language == "en"


# --- effects on and of the post ---


def test_deleting_a_post_permanently_deletes_its_comments(database, world):
    decide(database, world, send(database, words(world, answers="rita-said")), APPROVED)
    database.transact_now(publishing.trash, world.ann_live.id, by=world.ann)
    database.transact_now(publishing.delete_permanently, world.ann_live.id, by=world.ann)
    left = database.read_now(lambda session: session.scalars(select(Comment.name)).all())
    assert left == ["Zhou"]
    assert database.read_now(lambda s: s.scalar(select(func.count(Moderation.id)))) == 0


def test_comments_of_a_post_in_the_trash_are_kept_but_not_accepted(database, world):
    database.transact_now(publishing.trash, world.ann_live.id, by=world.ann)
    with pytest.raises(LookupError):
        database.read_now(submission.commented_post, world.ann_live.id)
    assert database.read_now(lambda s: s.get_one(Post, world.ann_live.id)).trashed_at
    assert len(thread(database, world).comments) == 1


def test_only_approval_invalidates_the_page_of_the_post(database, world):
    def latest(session):
        return session.scalars(select(Change.tags).order_by(Change.id.desc()).limit(1)).one()

    mine = send(database, words(world))
    page = f"post:{world.ann_live.id}"
    assert page not in database.read_now(latest)
    decide(database, world, mine, APPROVED)
    assert page in database.read_now(latest)


def test_the_key_of_the_cookie_is_not_stored(database, world):
    mine = send(database, words(world))
    stored = [str(getattr(mine, column.name)) for column in Comment.__table__.columns]
    assert not any(KEY in value for value in stored)
