"""What is wrong with an installation is said in words, with what to do."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from blog import doctor
from blog.__main__ import main
from blog.backup.storage import Last
from blog.config import Config
from blog.doctor import BAD, GOOD, WARN, Came, Machine
from blog.models.base import now
from blog.models.jobs import diagnostics
from blog.models.jobs.diagnostics import Diagnostics
from blog.models.jobs.lease import CLOCK, Lease
from blog.models.jobs.outbox import Delivery, MailState
from blog.models.posts.post import Post
from blog.models.settings.site import THE_ONE, Site, SiteFacts
from blog.models.users import signin
from tests.support.live_server import environment, free_port

MADE = now().isoformat(timespec="seconds")
WELL = Diagnostics(
    site=SiteFacts(address="https://ink.example"),
    born=now() - timedelta(days=30),
    schema="0006",
    mail=MailState(),
    admins=1,
    admins_with_mail=1,
    samples=0,
    has_clock=True,
)
MACHINE = Machine(free=9_000_000_000, can_write=True, last=Last(made_at=MADE), wanted="0006")
CONFIG = Config(proxies=1, smtp_url="smtp://mail.example", mail_from="blog@ink.example")


def said(config=CONFIG, found=WELL, machine=MACHINE, came=None) -> dict[str, str]:
    """What is not well, by sentence."""
    findings = doctor.judge(config, found, machine, came)
    assert all(one.todo for one in findings if one.level != GOOD)
    return {one.said % one.params: one.level for one in findings if one.level != GOOD}


def test_where_all_is_well_nothing_is_to_mend():
    assert said() == {} and said(came=Came(1, True)) == {}
    assert {one.level for one in doctor.judge(CONFIG, WELL, MACHINE)} == {GOOD}


@pytest.mark.parametrize(
    ("address", "words", "level"),
    [
        ("", "has no public address", BAD),
        ("http://127.0.0.1:8000", "only this machine", WARN),
        ("http://localhost:8000", "only this machine", WARN),
        ("http://ink.example", "sent unencrypted", WARN),
    ],
)
def test_an_address_that_is_none_or_not_safe_is_told(address, words, level):
    found = said(found=replace(WELL, site=SiteFacts(address=address)))
    assert [kind for sentence, kind in found.items() if words in sentence] == [level]


def test_the_address_of_the_environment_wins():
    there = replace(CONFIG, site_url="https://else.example")
    assert said(there, replace(WELL, site=SiteFacts())) == {}


@pytest.mark.parametrize(
    ("proxies", "came", "words"),
    [
        (0, Came(1, True), "but BLOG_PROXIES is 0: all visitors"),
        (0, None, "The address is https"),
        (2, Came(1, True), "BLOG_PROXIES is 2, but this request passed 1"),
        (1, Came(0, False), "BLOG_PROXIES is 1, but this request passed 0"),
    ],
)
def test_proxies_that_the_setting_does_not_know_are_told(proxies, came, words):
    found = said(replace(CONFIG, proxies=proxies), came=came)
    assert [level for sentence, level in found.items() if words in sentence] == [BAD]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"admins": 0, "admins_with_mail": 0}, "No admin can sign in"),
        ({"admins_with_mail": 0}, "No admin has an email address"),
        ({"samples": 3}, "still public: 3"),
        ({"has_clock": False}, "No process runs the scheduled tasks"),
        ({"schema": "0099"}, "newer than the program: its schema is 0099"),
        ({"schema": "0005"}, "is 0005, but the program on disk needs 0006"),
        ({"mail": MailState(1, 1, 0, "550 no")}, "sent: 1. The last response was: 550 no"),
        ({"mail": MailState(0, 0, 2, "timed out")}, "sent: 2. The last response was: timed out"),
    ],
)
def test_what_the_database_knows_is_told(change, words):
    assert [one for one in said(found=replace(WELL, **change)) if words in one]


def test_no_mail_server_is_told():
    assert "No mail server" in next(iter(said(replace(CONFIG, smtp_url=""))))


@pytest.mark.parametrize(
    ("change", "words", "level"),
    [
        ({"free": 50_000_000}, "nearly full: 50 MB", BAD),
        ({"free": 500_000_000}, "nearly full: 500 MB", WARN),
        ({"can_write": False}, "cannot write", BAD),
        ({"last": Last()}, "no backup yet", BAD),
        ({"last": Last(made_at=MADE, fault="disk full")}, "failed: disk full", BAD),
        ({"last": Last(made_at="2020-01-01T00:00:00+00:00")}, "days old", BAD),
    ],
)
def test_what_the_machine_knows_is_told(change, words, level):
    found = said(machine=replace(MACHINE, **change))
    assert [kind for sentence, kind in found.items() if words in sentence] == [level]


def test_a_new_blog_is_only_reminded_of_backups_and_only_where_none_come_by_themselves():
    site = replace(WELL.site, settings=replace(WELL.site.settings, backup_every=0))
    machine = replace(MACHINE, last=Last())
    found = said(found=replace(WELL, site=site, born=now()), machine=machine)
    assert found == {"There is no backup yet.": WARN}
    assert said(found=replace(WELL, born=now()), machine=machine) == {}


def test_the_worst_stands_first():
    levels = [
        one.level for one in doctor.judge(CONFIG, replace(WELL, samples=1, admins=0), MACHINE)
    ]
    assert levels == sorted(levels, key=doctor.LEVELS.index) and levels[0] == BAD


# --- what the database knows ---


def test_how_things_stand_is_read_off_the_database(database, world, config_of):
    samples = "/srv/blog/content"

    def happen(session) -> None:
        post = session.get_one(Post, world.ann_live.id)
        post.source_path, post.source_version = f"{samples}/en/x.md", post.version
        session.get_one(Post, world.ann_draft.id).source_path = f"{samples}/en/y.md"
        session.add(Delivery(kind="test", to="x@x.example", said="550 no"))
        session.get_one(Lease, CLOCK).until = now()

    database.transact_now(happen)
    found = database.read_now(diagnostics.look, samples)
    assert (found.samples, found.has_clock, found.mail.late) == (1, True, 1)
    assert (found.admins, found.admins_with_mail) == (1, 1)
    assert found.schema == doctor.look_at(config_of(database)).wanted


# --- where it is said ---


@pytest.mark.parametrize(
    ("places", "seen"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "192.0.2.1"], False), ([], False)],
)
def test_a_shell_sees_a_proxy_that_nobody_has_told_of_by_where_people_come_from(
    database, world, places, seen
):
    for place in places:
        database.transact_now(signin.open_, world.kim.id, place, "a browser")
    found = database.read_now(diagnostics.look, "/nowhere")
    found = replace(found, site=SiteFacts(address="http://ink.example"))
    alone = replace(CONFIG, proxies=0)
    assert any("came from this machine" in sentence for sentence in said(alone, found)) == seen
    assert not any("came from this machine" in sentence for sentence in said(CONFIG, found))
    assert not any("from this machine" in one for one in said(alone, found, came=Came(0, False)))


@pytest.mark.parametrize(
    ("broken", "todo"),
    [("damaged", "restore the last backup"), ("elsewhere", "Make sure that PostgreSQL is running")],
)
def test_a_database_that_no_start_would_bring_up_is_not_told_to_be_started(
    broken, todo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    (tmp_path / "blog.sqlite3").write_bytes(b"no database at all, " * 500)
    if broken == "elsewhere":
        monkeypatch.setenv("BLOG_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert todo in said and "Restart the blog" not in said


@pytest.mark.slow  # a command in a process of its own
def test_who_has_read_enough_of_it_breaks_nothing(furnished, tmp_path):
    config = Config(data_dir=tmp_path)
    furnished.settle(config)
    config.media_dir.mkdir()
    words = f"{sys.executable} -m blog doctor | true"
    done = subprocess.run(
        ["sh", "-c", words], env=environment(config), capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_an_admin_reads_it_on_the_overview_and_an_editor_is_not_bothered(open_client):
    page = open_client.get("/admin", cookies=open_client.let_in("kim")).text
    assert "No mail server is set" in page and "blog mail-test ADDRESS" in page
    assert "No mail server" not in open_client.get("/admin", cookies=open_client.let_in("eve")).text


def test_what_the_office_can_mend_has_a_link_to_the_place(open_client):
    def move(session):
        session.get(Site, THE_ONE).address = "http://localhost:8000"

    open_client.database.transact_now(move)
    page = open_client.get("/admin", cookies=open_client.let_in("kim")).text
    assert '<a href="/admin/settings">Settings</a></p>' in page


def test_a_proxy_that_nobody_has_told_of_is_seen_by_its_headers(open_client):
    kim = open_client.let_in("kim")
    page = open_client.get("/admin", cookies=kim, headers=[("X-Forwarded-For", "192.0.2.1")]).text
    assert "all visitors seem to share" in page
    assert "all visitors seem to share" not in open_client.get("/admin", cookies=kim).text


def test_the_shell_says_the_same(furnished, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert main(["doctor"]) == 1 and "There is no blog" in capsys.readouterr().err
    config = Config(data_dir=tmp_path)
    furnished.settle(config)
    config.media_dir.mkdir()
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "! No mail server is set" in told and "→ Set BLOG_SMTP_URL" in told
    assert "✓ inkhouse" in told


def test_a_database_of_another_release_is_told_and_no_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    (tmp_path / "blog.sqlite3").touch()
    assert main(["doctor"]) == 1
    assert "The database cannot be read" in capsys.readouterr().out
