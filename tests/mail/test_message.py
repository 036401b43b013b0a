"""Each kind of letter: what it says, in which language, and what its headers promise."""

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

from blog.config import LANGUAGES
from blog.jobs.scheduler import JobContext
from blog.mail import message as messages
from blog.mail.smtp_client import Undelivered
from blog.models.base import now
from blog.models.comments import unsubscribe
from blog.models.jobs import outbox
from blog.models.jobs.outbox import KINDS, PendingDelivery
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
def house(config, sqlite_database) -> Iterator[JobContext]:
    mail = {"smtp_url": "smtp://mail.example", "mail_from": "blog@ink.example"}
    yield JobContext(replace(config, **mail), sqlite_database, SECRET)


def about(**more: Any) -> SiteFacts:
    return SiteFacts(title="The Ink House", address=cast.SECURE_ADDRESS, **more)


def write(
    house: JobContext, kind: str, to: str = "gus@guest.example", language: str = "en", **more: Any
) -> EmailMessage:
    """The letter, read back from the bytes that would go over the wire."""
    facts = json.loads(json.dumps({name: FACTS[name] for name in KINDS[kind]} | more))
    given = facts.pop("about", None)
    owed = PendingDelivery(7, kind, to, language, facts, now(), 1)
    raw = messages.write(house, SiteFacts(**given) if given else about(), owed).body
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
def test_every_kind_is_written_in_every_language_as_text_and_as_html(house, kind, language):
    message = write(house, kind, language=language)
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
def test_no_letter_fetches_anything_or_follows_who_reads_it(house, kind):
    html = part(write(house, kind), "html")
    assert not re.search(r"<(img|table|style|link|script|iframe|form|svg)\b|style=|src=", html)
    addresses = re.findall(r"https?://[^\"<\s]+", html)
    assert {urlsplit(one).hostname for one in addresses} == {"ink.example"}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_person_typed_is_text_and_nothing_else(house, kind):
    typed = dict.fromkeys(KINDS[kind] & {"name", "by", "title", "author", "text", "ip"}, NASTY)
    message = write(house, kind, about={"title": NASTY, "address": cast.ADDRESS}, **typed)
    html = part(message, "html")
    assert "<script" not in html and "<b>" not in html
    assert NASTY in part(message, "plain")
    html5lib.HTMLParser(strict=True).parse(html)


def test_a_letter_speaks_the_language_of_whom_it_is_for_else_the_sites(house):
    chinese = write(house, "reset", language="zh")
    assert re.search(r"[\u4e00-\u9fff]", chinese["Subject"])
    unknown = write(house, "reset", language="", about={"title": "墨斋", "language": "zh"})
    assert re.search(r"[\u4e00-\u9fff]{2}", part(unknown, "plain").replace("墨斋", ""))


# --- headers ---


def test_the_headers_say_who_when_and_that_no_person_wrote_it(house):
    message = write(house, "reset")
    assert message["From"] == "The Ink House <blog@ink.example>"
    assert message["To"] == "gus@guest.example"
    assert abs((message["Date"].datetime - now()).total_seconds()) < 60
    assert re.fullmatch(r"<[0-9a-f]{32}@ink\.example>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert message.get_content_type() == "multipart/alternative"


def test_a_letter_bears_the_same_id_at_each_try_and_another_one_another(house):
    moment = now()
    first, again, other = (
        messages.write(
            house, about(), PendingDelivery(id, "test", "g@x.example", "en", {}, moment, tries)
        ).body
        for id, tries in ((7, 1), (7, 2), (8, 1))
    )
    ids = [re.search(rb"Message-ID: (\S+)", raw)[1] for raw in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_an_answer_can_be_stopped_by_the_mail_program_itself(house):
    message = write(house, "answered", to="Gus@Guest.Example")
    stop = message["List-Unsubscribe"].strip(" <>")
    assert stop.startswith(f"{cast.SECURE_ADDRESS}/unsubscribe/")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in links(message) and stop in part(message, "plain")
    hashed = unsubscribe.read_key(SECRET, stop.rpartition("/")[2])
    assert hashed == unsubscribe.hash_of(SECRET, "gus@guest.example")


def test_a_long_link_in_a_header_stays_one_word(house):
    host = ".".join(["long" * 12] * 5)
    message = write(house, "answered", about={"title": "Ink", "address": f"https://{host}"})
    assert re.fullmatch(rf" ?<https://{host}/unsubscribe/[\w-]+>", message["List-Unsubscribe"])
    raw = next(value for name, value in message.raw_items() if name == "List-Unsubscribe")
    assert "=?" not in raw and host in raw


def test_one_click_is_promised_only_over_https(house):
    message = write(house, "answered", about={"address": cast.ADDRESS})
    assert message["List-Unsubscribe"] and message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00"])
def test_no_line_break_in_what_was_typed_makes_a_header(house, break_):
    evil = f"Ink{break_}Bcc: all@victims.example{break_}{break_}<p>hi"
    for kind in ("answered", "invitation", "reset"):
        typed = dict.fromkeys(KINDS[kind] & {"by", "title", "author", "name"}, evil)
        message = write(house, kind, about={"title": evil, "address": cast.ADDRESS}, **typed)
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
def test_what_is_no_single_address_is_not_written_to(house, to):
    with pytest.raises(Undelivered) as fault:
        write(house, "test", to=to)
    assert fault.value.is_final


def test_a_path_that_leads_elsewhere_is_not_sent(house):
    for path in ("https://evil.example/", "//evil.example/", "reset/key"):
        with pytest.raises(Undelivered):
            write(house, "reset", path=path)


# --- names of other alphabets ---


def test_a_chinese_site_with_a_domain_of_its_own_script_writes_like_any_other(house):
    config = replace(house.config, mail_from="墨斋 <blog@墨斋.example>")
    house = replace(house, config=config)
    title = "长长的标题：" + "青花瓷与异步的故事" * 20
    message = write(
        house, "answered", title=title, about={"title": "墨斋", "address": "https://墨斋.example"}
    )
    assert title in message["Subject"]
    assert message["From"].addresses[0].display_name == "墨斋"
    assert message["From"].addresses[0].addr_spec.startswith("blog@xn--")
    assert message["Message-ID"].rpartition("@")[2].startswith("xn--")
    assert title in part(message, "plain")
    assert {urlsplit(link).netloc for link in links(message)} == {"xn--2osu31a.example"}


def test_the_domain_of_an_address_goes_out_as_dns_knows_it(house):
    assert write(house, "test", to="gus@bücher.example")["To"] == "gus@xn--bcher-kva.example"


def test_an_address_with_letters_of_its_own_stays_as_it_is(house):
    assert write(house, "test", to="顾斯@guest.example")["To"] == "顾斯@guest.example"


# --- where links lead ---


def test_a_link_is_ascii_whatever_the_address_of_the_post(house):
    for path in (
        "/文章/青花瓷#comment-1",
        "/%E6%96%87%E7%AB%A0/%E9%9D%92%E8%8A%B1%E7%93%B7#comment-1",
    ):
        link = f"{cast.SECURE_ADDRESS}/%E6%96%87%E7%AB%A0/%E9%9D%92%E8%8A%B1%E7%93%B7#comment-1"
        message = write(house, "answered", path=path)
        assert link in links(message) and link in part(message, "plain")


def test_links_lead_where_the_settings_say_then_the_office_then_to_this_machine(house):
    def address(config: Any, **office: str) -> str:
        return messages.address_of(config, SiteFacts(**office))

    chosen = replace(house.config, site_url="https://env.example")
    assert address(chosen, address="https://office.example") == "https://env.example"
    assert address(house.config, address="https://office.example/") == "https://office.example"
    assert address(house.config) == f"http://127.0.0.1:{house.config.port}"


def test_a_blog_that_knows_only_this_machine_goes_by_its_senders_name(house):
    message = write(house, "test", about={"title": "Ink"})
    assert message["Message-ID"].endswith("@ink.example>")


def test_an_owner_may_word_a_letter_anew(house):
    own = house.config.data_dir / "templates" / "mail"
    own.mkdir(parents=True)
    own.joinpath("test.html").write_text(
        '{% extends layout %}{% set subject = "Ours" %}{% block words %}{{ say("Hello.") }}'
        "{% endblock %}"
    )
    message = write(house, "test")
    assert message["Subject"] == "Ours" and part(message, "plain").startswith("Hello.\n")


def test_an_owners_template_that_fails_is_tried_again_and_not_given_up(house):
    own = house.config.data_dir / "templates" / "mail"
    own.mkdir(parents=True)
    own.joinpath("test.html").write_text("{% extends layout %}{{ nothing.here }}")
    with pytest.raises(Undelivered) as fault:
        write(house, "test")
    assert not fault.value.is_final and not fault.value.is_servers


def test_a_very_long_comment_is_quoted_in_part(house):
    text = part(write(house, "answered", text="x" * 50_000), "plain")
    assert len(text) < 4000 and "x…" in text


def test_what_the_site_is_called_comes_from_its_row(house, furnished):
    def rename(session: Session) -> None:
        session.get_one(site.Site, site.THE_ONE).title = "Renamed"

    copy_into(furnished.file, house.config.sqlite_file)
    house.database.transact_now(rename)
    owed = house.database.transact_now(outbox.owe, "test", "g@x.example", language="en")
    assert owed and house.database.read_now(site.facts).title == "Renamed"
