"""Rendered emails: their text and HTML in each language, their links and their headers."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import html5lib
import pytest
from sqlalchemy.orm import Session

from blog.config import LANGUAGES, Config
from blog.jobs.scheduler import JobContext
from blog.mail import message as messages
from blog.mail.smtp_client import Undelivered
from blog.models.base import now
from blog.models.comments import unsubscribe
from blog.models.jobs import outbox
from blog.models.jobs.email_kinds import KINDS
from blog.models.jobs.outbox import PendingDelivery
from blog.models.settings import site
from blog.models.settings.site import SiteFacts
from tests.support import cast
from tests.support.app_client import copy_into

SECRET = b"s" * 32
NASTY = "<script>alert(1)</script> & \"quoted\" 'so' &amp; <b>bold</b>"
FACTS = {
    "name": "Gus",
    "by": "Kim Keeper",
    "role": "editor",
    "title": "On ink",
    "author": "Ann Archer",
    "text": "First line.\n\nSecond & third.",
    "path": "/posts/ink#comment-1",
    "at": "2026-11-21T03:45:00+00:00",
    "ip": "192.0.2.7",
}


@pytest.fixture
def context(config, sqlite_database) -> Iterator[JobContext]:
    mail = {"smtp_url": "smtp://mail.example", "mail_from": "blog@ink.example"}
    yield JobContext(replace(config, **mail), sqlite_database, SECRET)


def site_facts() -> SiteFacts:
    return SiteFacts(title="The Ink House", address=cast.SECURE_ADDRESS)


def write(
    context: JobContext, kind: str, to: str = "gus@guest.example", language: str = "en", **more: Any
) -> EmailMessage:
    """Render an email and parse its encoded bytes; `about` in `more` replaces the site's facts."""
    facts = json.loads(json.dumps({name: FACTS[name] for name in KINDS[kind]} | more))
    site_values = facts.pop("about", None)
    delivery = PendingDelivery(7, kind, to, language, facts, now(), 1)
    raw = messages.write(
        context, SiteFacts(**site_values) if site_values else site_facts(), delivery
    ).body
    assert raw.isascii() or not to.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage) and not message.defects
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def links(message: EmailMessage) -> list[str]:
    return re.findall(r'href="([^"]*)"', part(message, "html"))


# --- every kind ---


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_rendered_in_every_language_as_text_and_html(context, kind, language):
    message = write(context, kind, language=language)
    text, html = part(message, "plain"), part(message, "html")
    assert message["Subject"] and "\n" not in message["Subject"]
    assert f'lang="{language}"' in html
    html5lib.HTMLParser(strict=True).parse(html)
    assert "<" not in text and "&#" not in text and "&amp;" not in text
    assert "\n\n\n" not in text
    if "path" in KINDS[kind]:
        link = cast.SECURE_ADDRESS + FACTS["path"]
        assert link in text and link in links(message)


@pytest.mark.parametrize("kind", KINDS)
def test_no_email_loads_anything_or_tracks_its_reader(context, kind):
    html = part(write(context, kind), "html")
    assert not re.search(r"<(img|table|style|link|script|iframe|form|svg)\b|style=|src=", html)
    addresses = re.findall(r"https?://[^\"<\s]+", html)
    assert {urlsplit(address).hostname for address in addresses} == {"ink.example"}


@pytest.mark.parametrize("kind", KINDS)
def test_user_input_is_escaped(context, kind):
    typed = dict.fromkeys(KINDS[kind] & {"name", "by", "title", "author", "text", "ip"}, NASTY)
    message = write(context, kind, about={"title": NASTY, "address": cast.ADDRESS}, **typed)
    html = part(message, "html")
    assert "<script" not in html and "<b>" not in html
    assert NASTY in part(message, "plain")
    html5lib.HTMLParser(strict=True).parse(html)


def test_an_email_is_in_the_language_of_its_recipient_or_else_of_the_site(context):
    chinese = write(context, "reset", language="zh")
    assert re.search(r"[\u4e00-\u9fff]", chinese["Subject"])
    unknown = write(context, "reset", language="", about={"title": "墨斋", "language": "zh"})
    assert re.search(r"[\u4e00-\u9fff]{2}", part(unknown, "plain").replace("墨斋", ""))


# --- headers ---


def test_the_headers_name_sender_recipient_date_and_automatic_origin(context):
    message = write(context, "reset")
    assert message["From"] == "The Ink House <blog@ink.example>"
    assert message["To"] == "gus@guest.example"
    assert abs((message["Date"].datetime - now()).total_seconds()) < 60
    assert re.fullmatch(r"<[0-9a-f]{32}@ink\.example>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert message.get_content_type() == "multipart/alternative"


def test_the_message_id_is_the_same_for_each_try_and_different_for_each_email(context):
    moment = now()
    first, again, other = (
        messages.write(
            context,
            site_facts(),
            PendingDelivery(id, "test", "g@x.example", "en", {}, moment, tries),
        ).body
        for id, tries in ((7, 1), (7, 2), (8, 1))
    )
    ids = [re.search(rb"Message-ID: (\S+)", raw)[1] for raw in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_reply_notice_can_be_unsubscribed_by_the_mail_program(context):
    message = write(context, "answered", to="Gus@Guest.Example")
    stop = message["List-Unsubscribe"].strip(" <>")
    assert stop.startswith(f"{cast.SECURE_ADDRESS}/unsubscribe/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in links(message) and stop in part(message, "plain")
    hashed = unsubscribe.read_link_key(SECRET, stop.rpartition("/")[2])
    assert hashed == unsubscribe.hash_of(SECRET, "gus@guest.example")


def test_a_long_link_in_a_header_is_not_split(context):
    host = ".".join(["long" * 12] * 5)
    message = write(context, "answered", about={"title": "Ink", "address": f"https://{host}"})
    assert re.fullmatch(rf" ?<https://{host}/unsubscribe/[\w-]+>", message["List-Unsubscribe"])
    raw = next(value for name, value in message.raw_items() if name == "List-Unsubscribe")
    assert "=?" not in raw and host in raw


def test_one_click_unsubscribe_is_offered_only_with_https(context):
    message = write(context, "answered", about={"address": cast.ADDRESS})
    assert message["List-Unsubscribe"] and message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00"])
def test_a_line_break_in_user_input_adds_no_header(context, line_break):
    evil = f"Ink{line_break}Bcc: all@victims.example{line_break}{line_break}<p>hi"
    for kind in ("answered", "invitation", "reset"):
        typed = dict.fromkeys(KINDS[kind] & {"by", "title", "author", "name"}, evil)
        message = write(context, kind, about={"title": evil, "address": cast.ADDRESS}, **typed)
        assert message["Bcc"] is None and len(message.get_all("To")) == 1


@pytest.mark.parametrize(
    "to",
    [
        "gus@guest.example\r\nBcc: all@victims.example",
        "gus@guest.example\n",
        "gus@guest.example, all@victims.example",
        "<gus@guest.example>",
        "gus",
        "gus@",
        "@guest.example",
        "gus@guest..example",
        "gus@" + "g" * 64 + ".example",
    ],
)
def test_an_invalid_recipient_is_a_final_error(context, to):
    with pytest.raises(Undelivered) as error:
        write(context, "test", to=to)
    assert error.value.is_final


def test_a_link_to_another_site_is_an_error(context):
    for path in ("https://evil.example/", "//evil.example/", "reset/key"):
        with pytest.raises(Undelivered):
            write(context, "reset", path=path)


# --- non-ASCII names and domains ---


def test_a_site_with_a_chinese_domain_can_send_email(context):
    config = replace(context.config, mail_from="墨斋 <blog@墨斋.example>")
    context = replace(context, config=config)
    title = "长长的标题：" + "青花瓷与异步的故事" * 20
    message = write(
        context, "answered", title=title, about={"title": "墨斋", "address": "https://墨斋.example"}
    )
    assert title in message["Subject"]
    assert message["From"].addresses[0].display_name == "墨斋"
    assert message["From"].addresses[0].addr_spec.startswith("blog@xn--")
    assert message["Message-ID"].rpartition("@")[2].startswith("xn--")
    assert title in part(message, "plain")
    assert {urlsplit(link).netloc for link in links(message)} == {"xn--2osu31a.example"}


def test_the_domain_of_a_recipient_is_encoded_with_idna(context):
    assert write(context, "test", to="gus@bücher.example")["To"] == "gus@xn--bcher-kva.example"


def test_a_non_ascii_mailbox_name_is_kept(context):
    assert write(context, "test", to="顾斯@guest.example")["To"] == "顾斯@guest.example"


# --- where links lead ---


def test_a_link_is_ascii_for_any_path_of_a_post(context):
    for path in (
        "/文章/青花瓷#comment-1",
        "/%E6%96%87%E7%AB%A0/%E9%9D%92%E8%8A%B1%E7%93%B7#comment-1",
    ):
        link = f"{cast.SECURE_ADDRESS}/%E6%96%87%E7%AB%A0/%E9%9D%92%E8%8A%B1%E7%93%B7#comment-1"
        message = write(context, "answered", path=path)
        assert link in links(message) and link in part(message, "plain")


def test_links_use_the_configured_address_then_the_sites_then_the_local_one(context):
    def address(config: Config, **values: str) -> str:
        return messages.address_of(config, SiteFacts(**values))

    chosen = replace(context.config, site_url="https://env.example")
    assert address(chosen, address="https://site.example") == "https://env.example"
    assert address(context.config, address="https://site.example/") == "https://site.example"
    assert address(context.config) == f"http://127.0.0.1:{context.config.port}"


def test_the_message_id_of_a_site_without_an_address_has_the_domain_of_the_sender(context):
    message = write(context, "test", about={"title": "Ink"})
    assert message["Message-ID"].endswith("@ink.example>")


def test_the_site_owner_can_replace_a_template(context):
    folder = context.config.data_dir / "templates" / "mail"
    folder.mkdir(parents=True)
    folder.joinpath("test.html").write_text(
        '{% extends layout %}{% set subject = "Ours" %}{% block words %}{{ say("Hello.") }}'
        "{% endblock %}"
    )
    message = write(context, "test")
    assert message["Subject"] == "Ours" and part(message, "plain").startswith("Hello.\n")


def test_an_error_in_a_template_of_the_site_owner_is_not_final(context):
    folder = context.config.data_dir / "templates" / "mail"
    folder.mkdir(parents=True)
    folder.joinpath("test.html").write_text("{% extends layout %}{{ nothing.here }}")
    with pytest.raises(Undelivered) as error:
        write(context, "test")
    assert not error.value.is_final and not error.value.is_server_fault


def test_a_very_long_comment_is_cut(context):
    text = part(write(context, "answered", text="x" * 50_000), "plain")
    assert len(text) < 4000 and "x…" in text


def test_the_title_of_the_site_comes_from_the_database(context, furnished):
    def rename(session: Session) -> None:
        session.get_one(site.Site, site.SITE_ID).title = "Renamed"

    copy_into(furnished.file, context.config.sqlite_file)
    context.database.transact_now(rename)
    is_queued = context.database.transact_now(outbox.enqueue, "test", "g@x.example", language="en")
    assert is_queued and context.database.read_now(site.facts).title == "Renamed"
