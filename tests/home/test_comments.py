"""Submitting comments: the preview, the cookie, validation, and keeping what was typed."""

import json
import re
import threading
from datetime import timedelta
from html import unescape
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from sqlalchemy import func, select

from blog.home import guest_cookie
from blog.home.guest_cookie import Proof
from blog.markup import render
from blog.models.audit.change_log import WITHHELD, Change
from blog.models.base import now
from blog.models.comments import moderation
from blog.models.comments.comment import APPROVED, Comment
from blog.models.posts import editing, publishing
from blog.models.posts.post import Post
from blog.models.settings import site
from tests.support import cast
from tests.support.app_client import Answer, AppClient

TYPED = {
    "name": "Greta Guest",
    "email": "greta@guest.example",
    "body": "A *fine* morning.\n\nTruly.",
}
ATOM = "{http://www.w3.org/2005/Atom}"
ELSEWHERE = (("Origin", "https://elsewhere.example"), ("Sec-Fetch-Site", "cross-site"))


def address(client: AppClient, post: str = "ann_live") -> str:
    return f"/comments/{client.cast.posts[post].id}"


def proof_of(answer: Answer) -> str:
    return re.findall(r'name="proof" value="([^"]+)"', answer.text)[0]


def old_proof(
    client: AppClient, seconds: int = 10, post: str = "ann_live", key: str = "k" * 32
) -> str:
    """A proof from a preview that was shown this many seconds ago."""
    request = type("Request", (), {"app": client.app})
    proof = Proof(int(now().timestamp()) - seconds, key)
    return guest_cookie.sign(request, proof, client.cast.posts[post].id)


def advance_time(monkeypatch: pytest.MonkeyPatch, seconds: int = 3) -> None:
    """Let this many seconds pass for `guest_cookie`."""
    later = now() + timedelta(seconds=seconds)
    monkeypatch.setattr(guest_cookie, "now", lambda: later)


def send(client: AppClient, post: str = "ann_live", **how: object) -> Answer:
    """Send a comment with a proof that is ten seconds old, as after reading the preview."""
    cookies = how.pop("cookies", {})
    form = {**TYPED, "proof": old_proof(client, post=post), **how}
    return client.post(address(client, post), form, cookies=cookies)


def stored_comments(client: AppClient) -> list[Comment]:
    query = select(Comment).where(Comment.name == "Greta Guest").order_by(Comment.id)
    return list(client.database.read_now(lambda session: session.scalars(query).all()))


def choose(client: AppClient, **settings: object) -> None:
    def update_settings(session):
        row = session.get_one(site.Site, site.SITE_ID)
        row.choices = {**row.choices, **settings}

    client.database.transact_now(update_settings)


def shows_typed(answer: Answer) -> bool:
    text = unescape(answer.text)
    return all(value in text for value in (TYPED["body"], TYPED["name"], TYPED["email"]))


# --- the form and the comments below a post ---


def test_the_form_below_a_post_is_the_same_for_every_guest(open_client):
    path = open_client.cast.ann_live.path
    first, second = open_client.get(path), open_client.get(path)
    assert first.body == second.body
    assert 'name="body"' in first.text
    assert 'name="proof"' not in first.text
    assert first.cookies == {}
    assert first.header("cache-control") == "no-cache"


def test_a_post_shows_approved_comments_with_count_and_anchors(open_client):
    page = open_client.get(open_client.cast.ann_live.path).text
    assert "2 comments" in page
    assert 'id="comment-rita-said"' in page
    assert "A <em>lovely</em> spoonful." in page
    assert "unapprovedly" not in page
    assert "elsewhere.example" not in page  # no email address


def test_pending_comments_are_not_public(open_client):
    for path in ("/", "/feed.atom", "/search?q=unapprovedly", "/search?q=pillsandwatches"):
        text = open_client.get(path).text
        assert "unapprovedly</" not in text
        assert "pillsandwatches</" not in text


def test_the_comments_of_a_post_have_a_feed(open_client):
    path = f"{address(open_client)}/feed.atom"
    assert path in open_client.get(open_client.cast.ann_live.path).text
    answer = open_client.get(path)
    assert answer.header("content-type").startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.body)  # noqa: S314 -- our own feed
    names = [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")]
    assert names == ["Ann Archer", "Rita"]
    assert "unapprovedly" not in answer.text
    assert open_client.get(path, headers=[("If-None-Match", answer.header("etag"))]).status == 304
    assert open_client.get(f"{address(open_client, 'ann_draft')}/feed.atom").status == 404


def test_the_comments_of_an_unlisted_post_have_no_feed(client):
    """Anybody could count its number up, and learn the title and the address of the post."""
    feed = f"{address(client, 'ann_unlisted')}/feed.atom"
    assert client.get(feed).status == 404
    page = client.get(client.cast.ann_unlisted.path)
    assert (page.status, 'name="body"' in page.text) == (200, True)
    assert "/comments/" in page.text and feed not in page.text

    live = client.cast.ann_live
    assert client.get(f"{address(client)}/feed.atom").status == 200
    client.database.transact_now(unlist, live.id, by=client.cast.ann)
    for file in ("feed.atom", "rss.xml", "feed.json", "feed.atom/page/2"):
        answer = client.get(f"{address(client)}/{file}")
        assert (answer.status, live.word in answer.text) == (404, False)


def unlist(session, id, *, by):
    post = session.get_one(Post, id)
    copy = editing.WorkingCopy(
        title=post.title,
        slug=post.slug,
        body=post.body,
        is_listed=False,
        version=post.version,
    )
    editing.save(session, id, copy, by=by)
    publishing.publish(session, id, render(post.body), post.version, by=by)


# --- preview and submission ---


def test_a_guest_sees_a_preview_before_the_comment_is_stored(client, monkeypatch):
    shown = client.post(address(client), TYPED)
    assert (shown.status, shown.header("cache-control"), shown.cookies) == (200, "no-store", {})
    assert "A <em>fine</em> morning." in shown.text
    assert shows_typed(shown)
    assert stored_comments(client) == []
    advance_time(monkeypatch)
    sent = client.post(address(client), {**TYPED, "proof": proof_of(shown)})
    (comment,) = stored_comments(client)
    assert sent.status == 303
    assert sent.header("location") == f"{client.cast.ann_live.path}#comment-{comment.uid}"
    assert sent.cookies.keys() == {"waiting"}


def test_a_pending_comment_is_shown_only_to_its_writer(client):
    sent = send(client)
    own = client.get(client.cast.ann_live.path, cookies=sent.cookies)
    assert "Pending" in own.text
    assert "A <em>fine</em> morning." in own.text
    assert own.header("cache-control") == "private, no-store"
    assert "fine</em>" not in client.get(client.cast.ann_live.path).text
    other = client.get(client.cast.ann_live.path, cookies={"waiting": "o" * 32})
    assert "fine</em>" not in other.text


def test_an_approved_comment_is_public(client):
    send(client)
    client.database.transact_now(
        moderation.decide, [stored_comments(client)[0].id], APPROVED, by=client.cast.eve
    )
    assert "A <em>fine</em> morning." in client.get(client.cast.ann_live.path).text


def test_the_address_of_a_guest_is_in_the_moderation_queue_but_not_in_the_audit_log(client):
    kim = client.let_in("kim")
    send(client)
    assert stored_comments(client)[0].ip == "127.0.0.1"
    assert "from 127.0.0.1" in client.get("/admin/comments", cookies=client.let_in("eve")).text
    newest = select(Change).where(Change.action == "comment.submit").order_by(Change.id.desc())
    entry = client.database.read_now(lambda session: session.scalars(newest).first())
    assert entry.ip == WITHHELD and "127.0.0.1" not in json.dumps(entry.facts)
    page = client.get(f"/admin/audit/{entry.id}", cookies=kim).text
    assert "A visitor" in page and "not recorded for readers" in page


def test_the_guest_cookie_is_http_only_and_lasts_a_month(client):
    (cookie,) = send(client).all("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "max-age=2592000", "path=/"} <= parts
    assert re.fullmatch(r"waiting=[\w-]{32}", cookie.split(";")[0].replace('"', ""))


def test_the_guest_cookie_is_secure_over_https(client):
    def secure(session):
        session.get_one(site.Site, site.SITE_ID).address = cast.SECURE_ADDRESS

    client.database.transact_now(secure)
    (cookie,) = send(client).all("set-cookie")
    assert cookie.startswith("__Host-waiting=")
    assert "secure" in cookie.lower()


def test_a_second_comment_keeps_the_key_in_the_cookie(client):
    first = send(client)
    again = send(client, body="Once more.", cookies=first.cookies)
    assert again.cookies == first.cookies
    assert len({comment.waiting_hash for comment in stored_comments(client)}) == 1


@pytest.mark.parametrize(
    ("seconds", "sentence"), [(0, "very quick"), (1, "very quick"), (90_000, "more than a day")]
)
def test_a_comment_sent_too_early_or_too_late_is_shown_again(client, seconds, sentence):
    answer = send(client, proof=old_proof(client, seconds))
    assert answer.status == 422
    assert sentence in answer.text
    assert shows_typed(answer)
    assert stored_comments(client) == []


def test_a_comment_sent_too_early_can_be_sent_again(client, monkeypatch):
    early = send(client, proof=old_proof(client, 1))
    advance_time(monkeypatch, 2)
    assert send(client, proof=proof_of(early)).status == 303


@pytest.mark.parametrize(
    "forge",
    [
        lambda proof: proof[:-1] + ("0" if proof[-1] != "0" else "1"),
        lambda proof: "1" + proof,
        lambda proof: proof.partition(".")[2],
        lambda proof: "",
        lambda proof: "..",
        lambda proof: "½.é." + "x" * 64,
    ],
)
def test_a_forged_proof_only_shows_the_preview(client, forge):
    answer = send(client, proof=forge(old_proof(client)))
    assert answer.status == 200
    assert stored_comments(client) == []


def test_the_proof_of_another_post_is_not_accepted(client):
    assert send(client, proof=old_proof(client, post="bob_live")).status == 200
    assert stored_comments(client) == []


def test_twenty_simultaneous_submissions_store_one_comment(client):
    form = {**TYPED, "proof": old_proof(client)}
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.post(address(client), form)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored_comments(client)) == 1
    assert len({answer.header("location") for answer in answers if answer.status == 303}) == 1
    assert {answer.status for answer in answers} <= {303, 503}  # 503: asked to send it again


def test_a_repeated_submission_stores_one_comment(client):
    first = send(client)
    again = send(client, cookies=first.cookies)
    assert again.header("location") == first.header("location")
    assert len(stored_comments(client)) == 1


# --- refused comments keep their text ---


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "Please fill this in."),
        ({"name": "\u200b\u202e"}, "Enter the name to show."),
        ({"name": "x" * 70}, "longer than 60 characters"),
        ({"name": "ann  ARCHER"}, "An author of this site has this name"),
        ({"email": "not an address"}, "not a valid email address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "not a valid email address"),
        ({"body": " \n "}, "Please fill this in."),
        ({"body": "x" * 5001}, "longer than 5000 characters"),
        ({"body": "[](http://nothing.example)"}, "no visible text"),
        ({"homepage": "https://spam.example"}, "stay empty"),
        ({"answers": "nobody-said"}, "no longer exists"),
    ],
)
def test_an_invalid_comment_gets_an_error_and_keeps_the_form(client, wrong, sentence):
    answer = send(client, **wrong)
    assert answer.status == 422
    assert sentence in unescape(answer.text)
    shown = unescape(answer.text)
    for name in ("name", "email", "body"):
        typed = {**TYPED, **wrong}[name]
        assert typed.translate({0x200B: None, 0x202E: None}).replace(
            "\r\n", "\n"
        ) in shown.translate({0x200B: None, 0x202E: None})
    assert stored_comments(client) == []


def test_the_honeypot_field_is_cleared_and_the_comment_can_be_sent_again(client):
    trapped = send(client, homepage="https://filled.example")
    assert "https://filled.example" not in trapped.text
    assert send(client, proof=proof_of(trapped)).status == 303


@pytest.mark.parametrize("settings", [{"comments": "closed"}, {"comments_days": 5}])
def test_closed_comments_are_announced_and_refused(client, settings):
    choose(client, **settings)
    page = client.get(client.cast.ann_live.path).text
    assert 'name="body"' not in page
    assert f'action="{address(client)}"' not in page
    assert "answers=" not in page
    assert "does not accept comments" in page or "Comments are closed here" in page
    assert "A <em>lovely</em> spoonful." in page
    answer = send(client)
    assert answer.status == 422
    assert TYPED["body"] in unescape(answer.text)
    assert client.get(address(client)).status == 200
    assert stored_comments(client) == []


def test_an_author_can_close_the_comments_of_one_post(client):
    from tests.support.dashboard_client import Writer

    ann = Writer(client, "ann")
    form = ann.sheet(client.cast.ann_live.id)
    form.pop("takes_comments")
    ann.post(f"/control-panel/posts/{client.cast.ann_live.id}/publish", form)
    assert "Comments are closed here" in client.get(client.cast.ann_live.path).text
    assert 'name="body"' in client.get(client.cast.bob_live.path).text


def test_a_page_takes_comments_once_they_are_switched_on(client):
    from tests.support.dashboard_client import Writer

    eve = Writer(client, "eve")
    assert "omment" not in client.get("/about").text
    form = {**eve.sheet(client.cast.about.id), "takes_comments": "on"}
    eve.post(f"/control-panel/posts/{client.cast.about.id}/publish", form)
    assert 'name="body"' in client.get("/about").text


@pytest.mark.parametrize("post", ["ann_draft", "ann_scheduled", "ann_trashed", "ann_withdrawn"])
def test_a_post_that_is_not_live_takes_no_comment(client, post):
    assert client.get(address(client, post)).status == 404
    assert send(client, post=post).status == 404


@pytest.mark.parametrize("id", ["0", "999999", "99999999999999999999", "-1", "x"])
def test_a_post_that_does_not_exist_takes_no_comment(client, id):
    assert client.post(f"/comments/{id}", TYPED).status in (404, 405)
    assert client.get(f"/comments/{id}").status == 404


def test_too_many_comments_are_refused_with_429_and_the_form_is_kept(client):
    statuses = [send(client, body=f"Number {number}.").status for number in range(8)]
    assert statuses[0] == 303
    answer = send(client)
    assert answer.status == 429
    assert shows_typed(answer)
    assert proof_of(answer)


def test_a_full_queue_accepts_only_browsers_with_an_approved_comment(client):
    sent = send(client)
    client.database.transact_now(
        moderation.decide, [stored_comments(client)[0].id], APPROVED, by=client.cast.eve
    )
    choose(client, comments_waiting=1)
    stranger = {**TYPED, "proof": old_proof(client, key="s" * 32)}
    filling = {**stranger, "email": ""}
    assert client.post(address(client), filling).status == 303  # now the queue is full
    refused = client.post(address(client), {**stranger, "body": "Me again."})
    assert refused.status == 429 and "still here" in refused.text
    assert client.post(address(client), TYPED).status == 429  # not even a preview
    assert send(client, body="Me again.", cookies=sent.cookies).status == 303


# --- signed-in people ---


def test_a_signed_in_person_comments_without_a_preview_under_their_own_name(client):
    ann = client.let_in("ann")
    page = client.get(client.cast.ann_live.path, cookies=ann).text
    assert "You are commenting as Ann Archer." in page
    assert 'name="email"' not in page
    sent = client.post(address(client), {"body": "Thank you all.", "name": "Bob"}, cookies=ann)
    assert (sent.status, sent.cookies) == (303, {})
    text = client.get(client.cast.ann_live.path).text
    assert "Thank you all." in text
    assert text.count("Ann Archer</bdi>") == 2


def test_a_comment_by_another_author_is_pending_and_visible_to_them(client):
    bob = client.let_in("bob")
    client.post(address(client), {"body": "From a colleague."}, cookies=bob)
    assert "Pending" in client.get(client.cast.ann_live.path, cookies=bob).text
    assert "From a colleague." not in client.get(client.cast.ann_live.path).text


def test_a_comment_sent_after_the_session_ended_asks_for_a_name(client):
    answer = client.post(address(client), {"body": "Written while signed in."})
    assert answer.status == 422
    assert "Written while signed in." in answer.text
    assert 'name="name"' in answer.text


# --- replies ---


def test_the_reply_page_shows_the_parent_comment(open_client):
    page = open_client.get(address(open_client) + "?answers=rita-said")
    assert page.status == 200
    assert "You are replying to Rita:" in page.text
    assert 'name="answers" value="rita-said"' in page.text
    assert "noindex" in page.text


@pytest.mark.parametrize("uid", ["paul-said", "nobody", quote("<b>x</b>"), ""])
def test_a_comment_that_is_not_public_cannot_be_replied_to(open_client, uid):
    page = open_client.get(f"{address(open_client)}?answers={uid}")
    assert page.status == 200
    assert "You are replying" not in page.text
    assert "<b>x" not in page.text


def test_a_reply_is_shown_below_its_parent(client):
    sent = send(client, answers="ann-said")
    page = client.get(client.cast.ann_live.path, cookies=sent.cookies).text
    answers = page.partition('class="thread answers"')[2].partition("</ol>")[0]
    assert "A <em>fine</em> morning." in answers


# --- cross-site requests ---


@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        ELSEWHERE[:1],
        ELSEWHERE[1:],
        (("Origin", "null"),),
        (("Sec-Fetch-Site", "same-site"),),
        (("Origin", cast.ADDRESS), ("Origin", cast.ADDRESS)),
    ],
)
def test_a_cross_site_submission_is_refused(client, headers):
    form = {**TYPED, "proof": old_proof(client)}
    assert client.post(address(client), form, headers=headers).status == 403
    assert stored_comments(client) == []


def test_a_submission_without_origin_headers_is_accepted_only_without_a_cookie(client):
    form = {**TYPED, "proof": old_proof(client)}
    first = client.post(address(client), form, headers=())
    assert first.status == 303
    again = client.post(address(client), {**form, "body": "x"}, headers=(), cookies=first.cookies)
    assert again.status == 403


@pytest.mark.parametrize(
    "cookie", ["x", "k" * 33, "k" * 31 + ";", "é" * 16, "../../etc", "k" * 5000]
)
def test_a_malformed_guest_cookie_is_replaced(client, cookie):
    answer = send(client, cookies={"waiting": quote(cookie)})
    assert answer.status == 303
    assert re.fullmatch(r"[\w-]{32}", answer.cookies["waiting"])


# --- allowed content ---


@pytest.mark.parametrize(
    "nasty",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://elsewhere.example/pixel.png)",
        "<a href='//elsewhere.example' onclick=alert(1)>x</a>",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "# A heading\n\nText",
        "<style>body{display:none}</style>",
    ],
)
def test_a_comment_cannot_contain_pictures_tables_headings_or_html(client, nasty):
    sent = send(client, body=nasty)
    page = client.get(client.cast.ann_live.path, cookies=sent.cookies).text
    body = page.partition(sent.header("location").partition("#")[2])[2].partition("</article>")[0]
    html = body.partition('dir="auto"')[2]
    assert not re.search(r"<(script|img|table|style|h\d|a [^>]*on\w+=)", html)
    assert "javascript:" not in re.findall(r'href="([^"]*)"', html)


def test_links_in_comments_are_nofollow_ugc(client):
    sent = send(client, body="See https://elsewhere.example/x for more.")
    page = client.get(client.cast.ann_live.path, cookies=sent.cookies).text
    (rel,) = re.findall(r'href="https://elsewhere.example/x" rel="([^"]+)"', page)
    assert {"nofollow", "ugc"} <= set(rel.split())


def test_names_are_escaped(client):
    sent = send(client, name="<b>Greta</b>")
    page = client.get(client.cast.ann_live.path, cookies=sent.cookies).text
    assert "&lt;b&gt;Greta&lt;/b&gt;" in page
    assert "<b>Greta" not in page


def test_undeclared_form_fields_are_ignored(client):
    undeclared = {
        "state": "approved",
        "user_id": "1",
        "score": "0",
        "parent_id": "1",
        "uid": "mine",
    }
    send(client, **undeclared)
    (comment,) = stored_comments(client)
    assert (comment.state, comment.user_id, comment.parent_id) == ("pending", None, None)
    assert comment.uid != "mine"


def test_a_preview_stores_nothing(client):
    before = rows(client)
    for _ in range(3):
        client.post(address(client), TYPED)
    assert rows(client) == before


def rows(client: AppClient) -> int:
    count = select(func.count()).select_from(Comment)
    return int(client.database.read_now(lambda session: session.scalar(count)) or 0)


# --- moderators ---


def test_editors_and_the_posts_authors_see_pending_comments_in_place(client):
    path = client.cast.ann_live.path
    seen = {
        name: client.get(path, cookies=client.let_in(name)).text for name in ("eve", "ann", "bob")
    }
    assert {name: "unapprovedly" in text for name, text in seen.items()} == {
        "eve": True,
        "ann": True,
        "bob": False,
    }
    assert "Readers cannot see it yet." in seen["ann"]
    assert {name for name, text in seen.items() if 'href="/admin/comments"' in text} == {"eve"}
    assert all("pillsandwatches" not in text for text in seen.values())


def test_comments_are_refused_when_too_many_are_being_rendered(client, monkeypatch):
    monkeypatch.setattr("blog.home.comments.MAX_RENDERING", 0)
    answer = send(client)
    assert answer.status == 503
    assert shows_typed(answer)
    assert proof_of(answer)
    assert stored_comments(client) == []
