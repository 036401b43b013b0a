"""Comments as the models keep them: who sees which, what is closed, who passes, who is told."""

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
from blog.models.comments.submission import Submission, Twice
from blog.models.jobs.outbox import Delivery
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.public import page_queries
from blog.models.public.compiled_query import CompiledQuery
from blog.models.settings import site
from blog.models.settings.settings import Settings
from tests.support.cast import Cast

KEY, OTHER_KEY = "k" * 32, "o" * 32


def words(world: Cast, body: str = "A fine morning to you.", **more: object) -> Submission:
    about = world.posts[str(more.pop("post", "ann_live"))]
    more = {"name": "Greta Guest", "key": KEY, "network": "192.0.2.9", **more}
    return Submission(about.id, body, render(body, trust="guest"), **more)  # type: ignore[arg-type] -- by name


def send(database: Database, sent: Submission, by: object = None) -> Comment:
    uid = database.transact_now(submission.submit, sent, by=by)
    return database.read_now(lambda s: s.scalars(select(Comment).where(Comment.uid == uid)).one())


def decide(database: Database, world: Cast, said: Comment, state: str) -> None:
    database.transact_now(moderation.decide, [said.id], state, by=world.eve)


def choose(database: Database, **settings: object) -> None:
    def put(session):
        row = session.get_one(site.Site, site.THE_ONE)
        row.choices = {**row.choices, **settings}

    database.transact_now(put)


def thread(database: Database, world: Cast, post: str = "ann_live", **reader: object):
    about = Reader(**reader)  # type: ignore[arg-type] -- by name
    return database.read_now(comment.of_post, world.posts[post].id, about)


def said(found) -> list[str]:
    return [one.name for top in found.comments for one in (top, *top.answers)]


def owed(database: Database, kind: str) -> list[Delivery]:
    query = select(Delivery).where(Delivery.kind == kind).order_by(Delivery.to)
    return list(database.read_now(lambda session: session.scalars(query).all()))


# --- who sees which ---


def test_readers_see_what_is_approved_with_answers_under_it(database, world):
    found = thread(database, world)
    assert said(found) == ["Rita", "Ann Archer"]
    assert found.count == 2
    assert [one.name for one in found.comments[0].answers] == ["Ann Archer"]


def test_a_comment_waits_and_only_its_writer_sees_it(database, world):
    mine = send(database, words(world))
    assert mine.state == PENDING
    assert "Greta Guest" not in said(thread(database, world))
    assert "Greta Guest" not in said(
        thread(database, world, waiting_hash=submission.waiting_hash(OTHER_KEY))
    )
    seen = thread(database, world, waiting_hash=submission.waiting_hash(KEY))
    assert [(one.name, one.is_waiting) for one in seen.comments][-1] == ("Greta Guest", True)
    assert seen.count == 2


@pytest.mark.parametrize("state", [PENDING, SPAM])
def test_nobody_is_told_that_their_words_were_taken_for_spam(database, world, state):
    mine = send(database, words(world))
    if state == SPAM:
        decide(database, world, mine, SPAM)
    seen = thread(database, world, waiting_hash=mine.waiting_hash)
    assert seen.comments[-1].is_waiting


def test_what_was_rejected_is_shown_to_nobody(database, world):
    mine = send(database, words(world))
    decide(database, world, mine, REJECTED)
    assert "Greta Guest" not in said(thread(database, world, waiting_hash=mine.waiting_hash))


def test_an_answer_whose_comment_was_taken_away_keeps_its_place(database, world):
    decide(database, world, world.comments["rita"], REJECTED)
    found = thread(database, world)
    assert [(one.is_gone, one.name) for one in found.comments] == [(True, "")]
    assert [one.name for one in found.comments[0].answers] == ["Ann Archer"]
    assert found.count == 1


def test_an_answer_to_an_answer_joins_it(database, world):
    send(database, words(world, answers="ann-said"))
    found = thread(database, world, waiting_hash=submission.waiting_hash(KEY))
    assert [one.name for one in found.comments[0].answers] == ["Ann Archer", "Greta Guest"]


@pytest.mark.parametrize(
    "uid", ["paul-said", "spammer-said", "zhou-said", "nobody-said", "a\0b", "\ud800"]
)
def test_only_what_can_be_read_on_the_same_post_can_be_answered(database, world, uid):
    with pytest.raises(Refusal, match="no longer exists"):
        send(database, words(world, answers=uid))


def test_a_page_of_comments_costs_one_query(database, world, monkeypatch):
    asked, real = [], CompiledQuery.rows

    def rows(statement, *given, **values):
        asked.append(statement)
        return real(statement, *given, **values)

    event.listen(database.reading, "before_cursor_execute", lambda *a: asked.append(a[2]))
    monkeypatch.setattr(CompiledQuery, "rows", rows)
    thread(database, world)
    assert len(asked) == 1


def test_a_badge_tells_authors_and_editors_from_guests_of_the_same_name(database, world):
    send(database, words(world, "As an editor."), by=world.eve)
    send(database, words(world, "As its author."), by=world.ann)
    decide(database, world, send(database, words(world, "As someone."), by=world.bob), APPROVED)
    badges = {one.name: one.badge for one in thread(database, world).comments}
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
def test_comments_are_closed_for_the_site_for_a_post_or_by_age(settings, takes, days_old, is_open):
    closed = comment.closed(
        Settings(**settings), takes_comments=takes, publish_at=now() - timedelta(days=days_old)
    )
    assert (closed is None) == is_open


def test_a_closed_post_refuses_with_its_sentence(database, world):
    choose(database, comments_days=10)
    with pytest.raises(Refusal, match="stay open for 10 days"):
        send(database, words(world))
    assert send(database, words(world, post="bob_live")).state == PENDING


def test_the_switch_of_a_post_takes_effect_when_it_is_updated(database, world):
    def shut(session, *, by):
        post = editing.load(session, world.ann_live.id, by=by)
        post.takes_comments = False

    def update(session, *, by):
        post = editing.load(session, world.ann_live.id, by=by)
        publishing.publish(session, post.id, render(post.body), post.version, by=by)

    database.transact_now(shut, by=world.ann)
    send(database, words(world))
    database.transact_now(update, by=world.ann)
    with pytest.raises(Refusal, match="closed here"):
        send(database, words(world, "Too late."))


def test_a_page_takes_none_until_it_is_told_to_and_says_nothing_of_it(database, world):
    shown = database.read_now(page_queries.at, "/about")
    assert shown.thread.is_silent
    with pytest.raises(Refusal, match="closed here"):
        send(database, words(world, post="about"))


@pytest.mark.parametrize("post", ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn"])
def test_what_is_not_public_takes_no_comments(database, world, post):
    with pytest.raises(LookupError):
        send(database, words(world, post=post))


# --- the same twice ---


def test_the_same_words_of_the_same_writer_are_one_comment(database, world):
    assert (
        send(database, words(world)).id
        == send(database, words(world, " A fine morning to you.\n")).id
    )
    assert send(database, words(world, key=OTHER_KEY)).id != send(database, words(world)).id
    assert send(database, words(world, answers="rita-said")).id != send(database, words(world)).id


def test_twenty_presses_at_once_make_one_comment_and_one_mail(database, world, config_of):
    uids: list[str] = []

    def press() -> None:
        mine = Database(config_of(database))
        try:
            uids.append(mine.transact_now(submission.submit, words(world), by=None))
        except Twice as twice:
            uids.append(str(twice))
        finally:
            mine.close()

    pressing = [threading.Thread(target=press) for _ in range(20)]
    for one in pressing:
        one.start()
    for one in pressing:
        one.join()
    assert (len(uids), len(set(uids))) == (20, 1)
    count = select(func.count()).select_from(Comment).where(Comment.name == "Greta Guest")
    assert database.read_now(lambda session: session.scalar(count)) == 1
    assert len(owed(database, "comment_waits")) == 1


# --- who passes ---


def test_editors_and_the_authors_of_the_post_pass_at_once_and_others_wait(database, world):
    states = [
        send(database, words(world, f"From {name}."), by=world.people[name]).state
        for name in ("ann", "eve", "kim", "bob")
    ]
    assert states == [APPROVED, APPROVED, APPROVED, PENDING]


def test_a_known_writer_passes_only_where_the_keeper_wants_it(database, world):
    decide(database, world, send(database, words(world)), APPROVED)
    assert send(database, words(world, "Once more.")).state == PENDING
    choose(database, comments_trust=True)
    assert send(database, words(world, "And again.")).state == APPROVED


@pytest.mark.parametrize(
    "changed",
    [{"key": OTHER_KEY}, {"name": "Someone Else"}, {"email": "other@guest.example"}],
)
def test_nobody_is_known_by_what_they_can_type(database, world, changed):
    choose(database, comments_trust=True)
    known = {"email": "greta@guest.example"}
    decide(database, world, send(database, words(world, **known)), APPROVED)
    assert send(database, words(world, "Me again.", **{**known, **changed})).state == PENDING
    assert send(database, words(world, "Truly me.", **known)).state == APPROVED


def test_whose_last_comment_was_taken_back_waits_again(database, world):
    choose(database, comments_trust=True)
    decide(database, world, send(database, words(world)), APPROVED)
    decide(database, world, send(database, words(world, "Passes.")), REJECTED)
    assert send(database, words(world, "Waits.")).state == PENDING


def test_what_looks_like_spam_is_kept_out_of_the_queue_and_told_to_nobody(database, world):
    choose(database, comments_words="cheap pills")
    mine = send(database, words(world, "Buy cheap pills https://a.example https://b.example"))
    assert (mine.state, owed(database, "comment_waits")) == (SPAM, [])


def test_a_limit_refuses_and_leaves_nothing_behind(database, world):
    choose(database, comments_waiting=1)
    send(database, words(world))
    with pytest.raises(TooMany):
        send(database, words(world, "One more.", key=OTHER_KEY, network="192.0.2.10"))
    count = select(func.count()).select_from(Comment).where(Comment.name == "Greta Guest")
    assert database.read_now(lambda session: session.scalar(count)) == 1


# --- who is told ---


def test_the_authors_are_told_once_what_waits_and_where(database, world):
    mine = send(database, words(world))
    send(database, words(world))
    (mail,) = owed(database, "comment_waits")
    assert mail.to == "ann@ink.example"
    assert mail.facts["author"] == "Greta Guest"
    assert mail.facts["text"] == mine.body
    assert mail.facts["title"] == world.ann_live.title


def test_nobody_is_told_of_their_own_comment(database, world):
    send(database, words(world, "Said by its author."), by=world.ann)
    assert owed(database, "comment_waits") == []


def test_who_is_answered_by_someone_who_passes_is_told_at_once(database, world):
    send(database, words(world, "Glad you like it.", answers="rita-said"), by=world.eve)
    (mail,) = owed(database, "answered")
    assert mail.to == "rita@elsewhere.example"


# --- names and words ---


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
def test_a_name_is_one_readable_line(typed, shown):
    guest.check_name(typed)
    assert guest.name_of(typed) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize("typed", ["", " ", "\u200b", "\u3164", "\u202e\u2066", "...", "x" * 61])
def test_a_name_that_cannot_be_read_is_refused(typed):
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
def test_nobody_signs_as_one_of_the_house(database, world, typed):
    with pytest.raises(Refusal, match="has this name"):
        send(database, words(world, name=typed))


@pytest.mark.parametrize("body", ["[](http://nothing.example)", "&nbsp;", "```\n```", "\u3000"])
def test_a_comment_says_something(database, world, body):
    with pytest.raises(Refusal):
        send(database, words(world, body))


def test_a_comment_knows_its_language(database, world):
    assert send(database, words(world, "这篇文章写得很好，谢谢作者。")).language == "zh"
    assert send(database, words(world, "A very good text, thank you.")).language == "en"


# --- with its post ---


def test_with_a_post_that_is_deleted_for_good_its_comments_go(database, world):
    decide(database, world, send(database, words(world, answers="rita-said")), APPROVED)
    database.transact_now(publishing.trash, world.ann_live.id, by=world.ann)
    database.transact_now(publishing.delete_permanently, world.ann_live.id, by=world.ann)
    left = database.read_now(lambda session: session.scalars(select(Comment.name)).all())
    assert left == ["Zhou"]
    assert database.read_now(lambda s: s.scalar(select(func.count(Moderation.id)))) == 0


def test_a_post_in_the_trash_hides_its_comments_and_brings_them_back(database, world):
    database.transact_now(publishing.trash, world.ann_live.id, by=world.ann)
    with pytest.raises(LookupError):
        database.read_now(submission.about, world.ann_live.id)
    assert database.read_now(lambda s: s.get_one(Post, world.ann_live.id)).trashed_at
    assert len(thread(database, world).comments) == 1


def test_what_readers_see_changes_with_an_approval_and_not_with_a_new_comment(database, world):
    def latest(session):
        return session.scalars(select(Change.tags).order_by(Change.id.desc()).limit(1)).one()

    mine = send(database, words(world))
    page = f"post:{world.ann_live.id}"
    assert page not in database.read_now(latest)
    decide(database, world, mine, APPROVED)
    assert page in database.read_now(latest)


def test_the_key_of_the_cookie_is_not_kept(database, world):
    mine = send(database, words(world))
    kept = [str(getattr(mine, column.name)) for column in Comment.__table__.columns]
    assert not any(KEY in value for value in kept)
