"""The filter: what it makes of a comment, what it learns of decisions, and how many may come."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blog.db import Database
from blog.models.base import now
from blog.models.comments import spam, spam_features, spam_learning
from blog.models.comments.comment import APPROVED, PENDING, SPAM, Comment
from blog.models.comments.spam import SPAM_FROM, TooMany
from blog.models.comments.spam_features import CommentFeatures
from blog.models.comments.spam_learning import ALL, Feature, Lesson
from blog.models.settings import site
from blog.models.settings.site import Site
from tests.support.cast import Cast
from tests.support.planted_comments import remark

HONEST = (
    "Thank you, the part about the loop finally made me see where my handler blocked.",
    "I think the example in the second section misses an await, or do I read it wrongly?",
    "This helped a lot. Does the same hold for a worker that is being restarted?",
    "写得很清楚，第二节的例子我试过了，确实不会再阻塞事件循环。",
    "请问重启的时候，正在处理的请求会怎么样？谢谢你的文章。",
    "We had this very bug in production; the log line that you show was how we found it.",
)
RUBBISH = (
    "Cheap pills online without prescription, best price casino bonus, visit our pharmacy now",
    "Earn money fast from home, casino bonus today, click for cheap loans and pills",
    "专业代开发票，各地正规发票，加微信详谈，价格优惠",
    "代开发票加微信，办证刻章，正规票据，全国可开",
    "Best casino bonus and cheap viagra pills, online pharmacy, visit now for prices",
    "正规代开增值税发票，加微信咨询，优惠多多",
)


@pytest.fixture
def post(world: Cast) -> int:
    return world.ann_live.id


def teach(database: Database, post: int, taught: str, texts: tuple[str, ...]) -> None:
    def lesson(session: Session, text: str) -> None:
        comment = remark(session, post, text)
        spam_learning.learn(session, comment.id, taught, spam_features.words_of(comment))

    for text in texts:
        database.transact_now(lesson, text)


def score(database: Database, body: str, *links: str, **more: str) -> float:
    return database.read_now(spam.judge, CommentFeatures("Somebody", "", body, links, **more))


def signs(database: Database) -> dict[str, tuple[int, int]]:
    rows = database.read_now(lambda session: session.scalars(select(Feature)).all())
    return {row.sign: (row.approved, row.spam) for row in rows}


# --- before anything was learned ---


@pytest.mark.parametrize("text", [*HONEST, *RUBBISH])
def test_a_blog_that_has_seen_nothing_lets_every_text_without_links_wait(sqlite_database, text):
    assert score(sqlite_database, text) < spam.DOUBTFUL_FROM


def test_more_links_are_more_like_spam_and_many_are_spam(sqlite_database):
    links = [f"https://{number}.example/" for number in range(6)]
    scores = [score(sqlite_database, "Look", *links[:number]) for number in range(7)]
    assert scores == sorted(scores) and scores[2] < SPAM_FROM <= scores[5]


def test_the_same_link_many_times_is_one_link(sqlite_database):
    once = score(sqlite_database, "Look", "https://a.example/")
    assert score(sqlite_database, "Look", *["https://a.example/"] * 9) == once


LISTED = "casino\nbuy now\ncheap.example\n发票\n\n  \nC++"


@pytest.mark.parametrize(
    ("text", "is_spam"),
    [
        ("The best CASINO of all", True),
        ("The best ｃａｓｉｎｏ of all", True),
        ("Casinos are another word", False),
        ("You may buy, now and then", True),  # punctuation hides nothing
        ("Buy it now", False),
        ("正规代开发票", True),
        ("代 开 发 . 票", True),
        ("发了一张票", False),
        ("I write C++ all day", True),
        ("I write C all day", False),
    ],
)
def test_a_listed_word_makes_spam_however_it_is_written(sqlite_database, text, is_spam):
    sqlite_database.transact_now(choose, comments_words=LISTED)
    assert (score(sqlite_database, text) >= SPAM_FROM) is is_spam


def test_a_listed_host_makes_spam(sqlite_database):
    sqlite_database.transact_now(choose, comments_words=LISTED)
    assert score(sqlite_database, "Look", "https://shop.cheap.example/x") >= SPAM_FROM
    assert score(sqlite_database, "Look", "https://cheaper.example/x") < SPAM_FROM


def choose(session: Session, **choices: object) -> None:
    found = session.get(Site, site.THE_ONE)
    if found is None:
        found = Site(id=site.THE_ONE, title="Ink", uid="x", choices={})
        session.add(found)
    found.choices = {**found.choices, **choices}


# --- what is seen of a comment ---


def test_chinese_is_seen_two_characters_at_a_time_even_when_it_is_torn_apart():
    together = set(spam_features.tokens(CommentFeatures("x", "", "代开发票")))
    apart = set(spam_features.tokens(CommentFeatures("x", "", "代.开-发 票")))
    assert together == apart >= {"代开", "开发", "发票"}


def test_latin_words_are_seen_without_their_case_and_accents():
    assert {"cafe", "deja"} <= set(spam_features.tokens(CommentFeatures("x", "", "CAFÉ Déjà")))


def test_a_host_is_seen_with_the_domain_above_it_and_a_broken_link_as_none():
    links = ("https://a.b.example.com/x", "http://[x", "/here", "mailto:a@b.example")
    assert spam_features.hosts(links) == ["a.b.example.com", "b.example.com"]


def test_addresses_are_recognised_and_not_kept():
    seen = spam_features.tokens(CommentFeatures("x", "ann@ink.example", "Hi", (), "203.0.113.9"))
    assert not any("203.0.113" in sign or "ann@" in sign for sign in seen)
    again = spam_features.tokens(CommentFeatures("x", " Ann@Ink.example", "Hi", (), "203.0.113.9"))
    assert seen == again


def test_one_who_has_a_whole_network_is_one():
    def of(network: str) -> list[str]:
        return spam_features.tokens(CommentFeatures("x", "", "Hi", (), network))

    assert of("2001:db8::1") == of("2001:db8:0:0:ffff::2") == of("2001:db8::/64")
    assert of("2001:db8:0:1::1") != of("2001:db8::1")


def test_a_long_text_cannot_crowd_out_where_its_links_lead():
    body = " ".join(f"word{number}" for number in range(5_000))
    seen = spam_features.tokens(
        CommentFeatures("x", "a@b.example", body, ("https://bad.example/",))
    )
    assert len(seen) == spam_features.MOST and "host:bad.example" in seen
    assert all(
        len(sign) <= 80
        for sign in spam_features.tokens(CommentFeatures("n" * 99, "a@" + "b" * 250, ""))
    )


# --- learning ---


def test_what_keepers_decided_tells_spam_from_honest_words_in_both_languages(database, post):
    teach(database, post, spam_learning.APPROVED, HONEST)
    teach(database, post, spam_learning.SPAM, RUBBISH)
    assert score(database, "Visit our casino for cheap pills and a bonus, best prices now") > 0.7
    assert score(database, "办证，代开发票，请加微信，价格优惠") > 0.7
    assert score(database, "Thank you, the example with the handler helped me in production") < 0.1
    assert score(database, "谢谢，第二节说清楚了事件循环为什么会阻塞") < 0.1


def test_a_text_without_any_known_word_stays_in_the_middle(database, post):
    teach(database, post, spam_learning.APPROVED, HONEST)
    teach(database, post, spam_learning.SPAM, RUBBISH)
    assert score(database, "Zwölf Boxkämpfer jagen Viktor") == pytest.approx(
        score(database, "Quux frobnicate"), abs=0.05
    )
    assert score(database, "Zwölf Boxkämpfer jagen Viktor") < spam.DOUBTFUL_FROM


def test_what_was_only_ever_taught_one_kind_says_little(database, post):
    teach(database, post, spam_learning.SPAM, RUBBISH)
    assert score(database, HONEST[0]) < spam.DOUBTFUL_FROM


def test_a_text_of_many_known_words_is_judged_without_any_loss_of_numbers(database, post):
    long = " ".join(f"w{number}" for number in range(290))
    teach(database, post, spam_learning.APPROVED, HONEST)
    teach(database, post, spam_learning.SPAM, tuple(f"{long} {number}" for number in range(9)))
    assert 0.8 < score(database, long) < 1


def test_a_comment_teaches_once_and_takes_all_of_it_back(database, post):
    teach(database, post, spam_learning.APPROVED, HONEST)
    before = signs(database)

    def go(session: Session) -> None:
        comment = remark(session, post, "Casino thank you 发票", links=("https://x.example/",))
        words = spam_features.words_of(comment)
        for _ in range(3):
            spam_learning.learn(session, comment.id, spam_learning.SPAM, words)
            session.flush()
        assert session.get_one(Feature, ALL).spam == 1
        spam_learning.learn(session, comment.id, spam_learning.APPROVED, words)
        session.flush()
        session.expire_all()
        assert session.get_one(Feature, ALL).spam == 0
        assert session.get_one(Feature, "host:x.example").approved == 1
        spam_learning.unlearn(session, comment.id)
        spam_learning.unlearn(session, comment.id)

    database.transact_now(go)
    assert signs(database) == before
    assert database.read_now(lambda s: len(s.scalars(select(Lesson)).all())) == len(HONEST)


def test_what_is_known_stays_bounded_and_the_telling_is_kept(database, post, monkeypatch):
    teach(database, post, spam_learning.SPAM, RUBBISH)
    often = {sign for sign, (_, bad) in signs(database).items() if bad > 2}
    monkeypatch.setattr(spam_learning, "KEPT", 20)
    database.transact_now(spam_learning.prune)
    left = signs(database)
    assert len(left) == 20 and ALL in left and often & set(left)


def test_rare_signs_that_are_old_are_dropped(database, post):
    teach(database, post, spam_learning.SPAM, ("Frobnicate",))

    def age(session: Session) -> None:
        session.get_one(Feature, "frobnicate").seen_at = now() - spam_learning.OLD * 2

    database.transact_now(age)
    database.transact_now(spam_learning.prune)
    assert "frobnicate" not in signs(database) and ALL in signs(database)


# --- limits ---


def come(database: Database, number: int, *, post: int = 0, **given: str) -> list[str]:
    """So many comments; "" for each that was let in, else the sentence."""

    def admit(session: Session, at: int) -> None:
        words = CommentFeatures(
            "Somebody",
            given.get("email", f"{at}@mail.example").format(at),
            given.get("body", f"Hello {at}"),
            network=given.get("network", "198.51.100.{}").format(at),
        )
        found = spam.admit(session, words, given.get("writer", ""))
        if post:
            state = PENDING if found < SPAM_FROM else SPAM
            remark(session, post, words.body, email=words.email, state=state)

    told = []
    for at in range(number):
        try:
            database.transact_now(admit, at)
            told.append("")
        except TooMany as refusal:
            told.append(str(refusal))
    return told


def test_one_network_may_send_five_in_ten_minutes(database):
    told = come(database, 7, network="203.0.113.1")
    assert told[:5] == [""] * 5 and all("ten minutes" in one for one in told[5:])
    assert come(database, 1, network="203.0.113.2") == [""]


def test_one_mail_address_may_send_five_in_ten_minutes_from_anywhere(database):
    told = come(database, 7, email="Ann@Mail.Example")
    assert [bool(one) for one in told] == [False] * 5 + [True] * 2


def test_what_is_refused_counts_for_nothing(database):
    come(database, 9, network="203.0.113.1")
    numbers = database.read_now(lambda s: set(s.scalars(select(spam.Tally.number))))
    assert max(numbers) == 5


def test_one_address_may_send_thirty_a_day(database, monkeypatch):
    start = now().replace(hour=0, minute=5)
    told = []
    for at in range(7):
        monkeypatch.setattr(spam, "now", lambda at=at: start + timedelta(minutes=11 * at))
        told += come(database, 5, network="203.0.113.1")
    assert told[:30] == [""] * 30 and all("today" in one for one in told[30:])
    monkeypatch.setattr(spam, "now", lambda: start + timedelta(days=1))
    assert come(database, 1, network="203.0.113.1") == [""]


def test_the_queue_takes_twenty_of_unknown_guests_in_an_hour(database, post):
    told = come(database, 30, post=post)
    assert told[:20] == [""] * 20
    assert all("still here" in one for one in told[20:])


def test_doubtful_words_fill_only_half_of_the_queue(database, post):
    sent = come(database, 15, post=post, body="Hello {}")
    assert sent == [""] * 15
    with pytest.raises(TooMany):
        database.transact_now(spam.claim, "198.51.100.77", "", 0.5)
    database.transact_now(spam.claim, "198.51.100.78", "", 0.1)


def test_what_is_spam_is_bounded_too_and_keeps_nobody_else_out(database, monkeypatch):
    monkeypatch.setattr(spam, "MOST_SPAM", 30)
    for at in range(30):
        database.transact_now(spam.claim, f"192.0.2.{at}", "", 0.99)
    with pytest.raises(TooMany, match="still here"):
        database.transact_now(spam.claim, "192.0.2.99", "", 0.99)
    database.transact_now(spam.claim, "192.0.2.100", "", 0.1)


def test_a_decision_makes_room_in_the_queue(database, post):
    come(database, 25, post=post)

    def approve_one(session: Session) -> None:
        waiting = select(Comment).where(Comment.state == PENDING).order_by(Comment.id.desc())
        found = session.scalars(waiting).first()
        assert found
        found.state = APPROVED

    database.transact_now(approve_one)
    database.transact_now(spam.claim, "192.0.2.200", "", 0.1)


def test_who_was_approved_before_is_let_into_a_full_queue(database, post):
    def known(session: Session) -> None:
        mine = {"email": "ann@mail.example", "waiting_hash": "a" * 64}
        remark(session, post, "Hello", state=APPROVED, **mine)

    database.transact_now(known)
    come(database, 25, post=post)
    assert come(database, 1, email=" Ann@mail.example", writer="a" * 64) == [""]
    assert come(database, 1, email="bob@mail.example", writer="a" * 64) != [""]


def test_whose_last_comment_was_spam_is_let_in_no_more(database, post):
    def once_known(session: Session) -> None:
        mine = {"email": "ann@mail.example", "waiting_hash": "a" * 64}
        remark(session, post, "Hello", state=APPROVED, **mine)
        remark(session, post, "Buy", state=SPAM, **mine)

    database.transact_now(once_known)
    come(database, 25, post=post)
    assert come(database, 1, email="ann@mail.example", writer="a" * 64) != [""]


@pytest.mark.parametrize("writer", ["", "b" * 64])
def test_an_address_that_was_approved_opens_no_full_queue_for_whoever_types_it(
    database, post, writer
):
    def known(session: Session) -> None:
        mine = {"email": "ann@mail.example", "waiting_hash": "a" * 64}
        remark(session, post, "Hello", state=APPROVED, **mine)
        remark(session, post, "Moved in", email="ann@mail.example", state=APPROVED)

    database.transact_now(known)
    come(database, 25, post=post)
    assert come(database, 1, email="ann@mail.example", writer=writer) != [""]


def test_over_a_day_the_queue_takes_three_times_as_many(database, post):
    def earlier(session: Session) -> None:
        for number in range(60):
            remark(session, post, f"Hello {number}").created_at = now() - timedelta(hours=5)

    database.transact_now(earlier)
    with pytest.raises(TooMany):
        database.transact_now(spam.claim, "192.0.2.200", "", 0.1)


def test_counts_that_are_over_are_swept(database, monkeypatch):
    come(database, 3)
    database.transact_now(spam.sweep)
    number = len(database.read_now(lambda s: s.scalars(select(spam.Tally)).all()))
    assert number > 0
    monkeypatch.setattr(spam, "now", lambda: now() + timedelta(days=2))
    database.transact_now(spam.sweep)
    assert database.read_now(lambda s: s.scalars(select(spam.Tally)).all()) == []
