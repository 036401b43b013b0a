"""The doctor: its findings about an installation, in the shell and in the admin area."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from blog import doctor
from blog.__main__ import main
from blog.backup.storage import LastBackup
from blog.config import Config
from blog.doctor import BAD, GOOD, WARN, Machine, Origin
from blog.models.base import now
from blog.models.jobs import diagnostics
from blog.models.jobs.diagnostics import Diagnostics
from blog.models.jobs.lease import SCHEDULER, Lease
from blog.models.jobs.outbox import Delivery, MailState
from blog.models.posts.post import Post
from blog.models.settings.site import SITE_ID, Site, SiteFacts
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
MACHINE = Machine(free=9_000_000_000, can_write=True, last=LastBackup(made_at=MADE), wanted="0006")
CONFIG = Config(proxies=1, smtp_url="smtp://mail.example", mail_from="blog@ink.example")


def problems(config=CONFIG, facts=WELL, machine=MACHINE, came=None) -> dict[str, str]:
    """Return the level of each problem by its message."""
    findings = [
        finding for finding in doctor.judge(config, facts, machine, came) if finding.level != GOOD
    ]
    assert all(finding.todo for finding in findings)
    return {finding.said % finding.params: finding.level for finding in findings}


def test_a_good_installation_has_no_problems():
    assert problems() == {} and problems(came=Origin(1, True)) == {}
    assert {finding.level for finding in doctor.judge(CONFIG, WELL, MACHINE)} == {GOOD}


@pytest.mark.parametrize(
    ("address", "words", "level"),
    [
        ("", "has no public address", BAD),
        ("http://127.0.0.1:8000", "only this machine", WARN),
        ("http://localhost:8000", "only this machine", WARN),
        ("http://ink.example", "sent unencrypted", WARN),
    ],
)
def test_a_missing_or_unsafe_address_is_reported(address, words, level):
    found_problems = problems(facts=replace(WELL, site=SiteFacts(address=address)))
    assert [kind for message, kind in found_problems.items() if words in message] == [level]


def test_the_address_of_the_environment_has_precedence():
    config = replace(CONFIG, site_url="https://else.example")
    assert problems(config, replace(WELL, site=SiteFacts())) == {}


@pytest.mark.parametrize(
    ("proxies", "came", "words"),
    [
        (0, Origin(1, True), "but BLOG_PROXIES is 0: all visitors"),
        (0, None, "The address is https"),
        (2, Origin(1, True), "BLOG_PROXIES is 2, but this request passed 1"),
        (1, Origin(0, False), "BLOG_PROXIES is 1, but this request passed 0"),
    ],
)
def test_a_wrong_number_of_proxies_is_reported(proxies, came, words):
    found_problems = problems(replace(CONFIG, proxies=proxies), came=came)
    assert [level for message, level in found_problems.items() if words in message] == [BAD]


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
def test_problems_in_the_database_are_reported(change, words):
    assert [message for message in problems(facts=replace(WELL, **change)) if words in message]


def test_a_missing_mail_server_is_reported():
    assert "No mail server" in next(iter(problems(replace(CONFIG, smtp_url=""))))


@pytest.mark.parametrize(
    ("change", "words", "level"),
    [
        ({"free": 50_000_000}, "nearly full: 50 MB", BAD),
        ({"free": 500_000_000}, "nearly full: 500 MB", WARN),
        ({"can_write": False}, "cannot write", BAD),
        ({"last": LastBackup()}, "no backup yet", BAD),
        ({"last": LastBackup(made_at=MADE, fault="disk full")}, "failed: disk full", BAD),
        ({"last": LastBackup(made_at="2020-01-01T00:00:00+00:00")}, "days old", BAD),
    ],
)
def test_problems_of_the_machine_are_reported(change, words, level):
    found_problems = problems(machine=replace(MACHINE, **change))
    assert [kind for message, kind in found_problems.items() if words in message] == [level]


def test_a_new_blog_without_automatic_backups_gets_only_a_warning():
    site = replace(WELL.site, settings=replace(WELL.site.settings, backup_every=0))
    machine = replace(MACHINE, last=LastBackup())
    found_problems = problems(facts=replace(WELL, site=site, born=now()), machine=machine)
    assert found_problems == {"There is no backup yet.": WARN}
    assert problems(facts=replace(WELL, born=now()), machine=machine) == {}


def test_the_worst_finding_comes_first():
    findings = doctor.judge(CONFIG, replace(WELL, samples=1, admins=0), MACHINE)
    levels = [finding.level for finding in findings]
    assert levels == sorted(levels, key=doctor.LEVELS.index) and levels[0] == BAD


# --- facts from the database ---


def test_the_facts_are_read_from_the_database(database, world, config_of):
    samples = "/srv/blog/content"

    def change(session) -> None:
        post = session.get_one(Post, world.ann_live.id)
        post.source_path, post.source_version = f"{samples}/en/x.md", post.version
        session.get_one(Post, world.ann_draft.id).source_path = f"{samples}/en/y.md"
        session.add(Delivery(kind="test", to="x@x.example", said="550 no"))
        session.get_one(Lease, SCHEDULER).until = now()

    database.transact_now(change)
    facts = database.read_now(diagnostics.collect, samples)
    assert (facts.samples, facts.has_clock, facts.mail.late) == (1, True, 1)
    assert (facts.admins, facts.admins_with_mail) == (1, 1)
    assert facts.schema == doctor.read_machine(config_of(database)).wanted


# --- in the shell and in the admin area ---


@pytest.mark.parametrize(
    ("places", "seen"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "192.0.2.1"], False), ([], False)],
)
def test_an_unset_proxy_is_detected_by_the_addresses_of_sign_ins(database, world, places, seen):
    for place in places:
        database.transact_now(signin.create_session, world.kim.id, place, "a browser")
    facts = database.read_now(diagnostics.collect, "/nowhere")
    facts = replace(facts, site=SiteFacts(address="http://ink.example"))
    without_proxies = replace(CONFIG, proxies=0)
    assert (
        any("came from this machine" in message for message in problems(without_proxies, facts))
        == seen
    )
    assert not any("came from this machine" in message for message in problems(CONFIG, facts))
    assert not any(
        "from this machine" in message
        for message in problems(without_proxies, facts, came=Origin(0, False))
    )


@pytest.mark.parametrize(
    ("broken", "todo"),
    [("damaged", "restore the last backup"), ("elsewhere", "Make sure that PostgreSQL is running")],
)
def test_an_unusable_database_gets_a_suggestion_other_than_a_restart(
    broken, todo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    (tmp_path / "blog.sqlite3").write_bytes(b"no database at all, " * 500)
    if broken == "elsewhere":
        monkeypatch.setenv("BLOG_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert todo in output and "Restart the blog" not in output


@pytest.mark.slow  # starts a process
def test_a_closed_pipe_is_not_an_error(furnished, tmp_path):
    config = Config(data_dir=tmp_path)
    furnished.settle(config)
    config.media_dir.mkdir()
    words = f"{sys.executable} -m blog doctor | true"
    result = subprocess.run(
        ["sh", "-c", words], env=environment(config), capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_the_findings_are_shown_to_admins_and_not_to_editors(open_client):
    page = open_client.get("/admin", cookies=open_client.let_in("kim")).text
    assert "No mail server is set" in page and "blog mail-test ADDRESS" in page
    assert "No mail server" not in open_client.get("/admin", cookies=open_client.let_in("eve")).text


def test_a_problem_that_the_admin_area_can_fix_has_a_link(open_client):
    def move(session):
        session.get(Site, SITE_ID).address = "http://localhost:8000"

    open_client.database.transact_now(move)
    page = open_client.get("/admin", cookies=open_client.let_in("kim")).text
    assert '<a href="/admin/settings">Settings</a></p>' in page


def test_an_unset_proxy_is_detected_by_its_headers(open_client):
    kim = open_client.let_in("kim")
    page = open_client.get("/admin", cookies=kim, headers=[("X-Forwarded-For", "192.0.2.1")]).text
    assert "all visitors seem to share" in page
    assert "all visitors seem to share" not in open_client.get("/admin", cookies=kim).text


def test_the_findings_are_printed_in_the_shell(furnished, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert main(["doctor"]) == 1 and "There is no blog" in capsys.readouterr().err
    config = Config(data_dir=tmp_path)
    furnished.settle(config)
    config.media_dir.mkdir()
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "! No mail server is set" in output and "→ Set BLOG_SMTP_URL" in output
    assert "✓ inkhouse" in output


def test_an_unreadable_database_is_reported_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    (tmp_path / "blog.sqlite3").touch()
    assert main(["doctor"]) == 1
    assert "The database cannot be read" in capsys.readouterr().out
