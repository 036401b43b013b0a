"""`blog mail-test` says in words what the mail server said, and what to do about it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blog.__main__ import main
from blog.config import BadSetting, Config
from blog.mail.settings import read_mail_server
from tests.conftest import need
from tests.support.mail_server import PostOffice, context

TO = "kim@ink.example"


@pytest.fixture
def told(config: Config, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command finds an empty blog, and English."""
    config.data_dir.mkdir()
    shutil.copy(empty_sqlite, config.data_dir)
    for name in [name for name in os.environ if name.startswith("BLOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BLOG_DATA_DIR", str(config.data_dir))
    monkeypatch.setenv("BLOG_MAIL_FROM", "blog@ink.example")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, "C.UTF-8")


@pytest.fixture
def ask(told: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`ask(url)` runs the command; its exit code, and what it printed."""

    def run(url: str, to: str = TO) -> tuple[int, str]:
        monkeypatch.setenv("BLOG_SMTP_URL", url)
        code = main(["mail-test", to])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with PostOffice() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """For 127.0.0.1, made by itself."""
    need("openssl", shutil.which("openssl"))
    folder = tmp_path_factory.mktemp("certificate")
    made = str(folder / "made.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    how = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run(
        ["openssl", *how, "-out", made[0], "-keyout", made[1]], check=True, capture_output=True
    )
    return made


def test_a_mail_that_is_taken_is_told_with_the_servers_words(ask, office):
    code, said = ask(office.url())
    assert code == 0 and "250 Taken" in said
    (letter,) = office.to(TO)
    assert letter.message["Subject"].startswith("Test email from")
    assert "BLOG_SITE_URL" in said  # for its links lead to this machine only


def test_with_a_public_address_there_is_nothing_to_warn_of(ask, office, monkeypatch):
    monkeypatch.setenv("BLOG_SITE_URL", "https://ink.example")
    assert "BLOG_SITE_URL" not in ask(office.url())[1]


def test_without_a_mail_server_it_says_which_settings_are_lacking(ask):
    code, said = ask("")
    assert code == 1 and "BLOG_SMTP_URL" in said and "BLOG_MAIL_FROM" in said


def test_where_nobody_listens_it_speaks_of_host_and_port(ask):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, said = ask(f"smtp://127.0.0.1:{port}")
    assert code == 1 and "host and the port" in said and "refused" in said.lower()


def test_a_host_that_is_none_is_told_the_same_way(ask):
    code, said = ask("smtp://no-such-host.invalid")
    assert code == 1 and "host and the port" in said


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password_is_called_one_and_not_shown(ask):
    with PostOffice(user="kim", password="right") as office:
        code, said = ask(office.url(who="kim:wrong@"))
        assert code == 1 and "535" in said and "app password" in said
        assert "wrong" not in said
        code, said = ask(office.url(who="kim:right@"))
        assert code == 0


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_that_wants_a_password_and_was_given_none_is_understood(ask):
    with PostOffice(user="kim", password="right") as office:
        code, said = ask(office.url())
    assert code == 1 and "530" in said


def test_a_refused_recipient_is_called_one(ask, office):
    office.says = lambda to: "550 Relaying denied"
    code, said = ask(office.url())
    assert code == 1 and "550 Relaying denied" in said and "Check its spelling" in said


def test_a_refused_letter_is_called_one(ask, office):
    office.takes = lambda to: "554 Spam"
    code, said = ask(office.url())
    assert code == 1 and "554 Spam" in said and "rejected the message" in said


def test_a_broken_line_is_called_one(ask, office):
    office.dies = True
    code, said = ask(office.url())
    assert code == 1 and "connection was lost" in said


def test_what_is_no_address_is_not_written_to(ask, office):
    code, said = ask(office.url(), "kim")
    assert code == 1 and said == "This is not a valid email address.\n" and office.letters == []


# --- TLS ---


def test_a_password_is_not_told_to_a_server_that_cannot_keep_it_secret(ask, office, monkeypatch):
    monkeypatch.setattr("blog.mail.smtp_client.is_loopback", lambda host: False)
    code, said = ask(office.url(who="kim:secret@"))
    assert code == 1 and "No secure connection" in said


def test_a_certificate_that_nobody_vouches_for_is_refused(ask, certificate):
    with PostOffice(tls_context=context(*certificate), require_starttls=True) as office:
        code, said = ask(office.url("smtp+starttls"))
    assert code == 1 and "certificate" in said and office.letters == []


def test_a_server_with_a_good_certificate_is_told_the_password(ask, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    settings = {"tls_context": context(*certificate), "require_starttls": True}
    with PostOffice(user="kim", password="p@ss/word", **settings) as office:
        code, _ = ask(office.url("smtp+starttls", who="kim:p%40ss%2Fword@"))
        assert code == 0 and len(office.letters) == 1


def test_tls_from_the_first_byte(ask, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with PostOffice(ssl_context=context(*certificate)) as office:
        code, _ = ask(office.url("smtps"))
        assert code == 0 and len(office.letters) == 1


def test_tls_from_the_first_byte_where_none_is_spoken(ask, office):
    code, said = ask(office.url("smtps"))
    assert code == 1 and "smtps://" in said


def test_a_server_elsewhere_that_offers_tls_is_taken_at_its_word(ask, certificate, monkeypatch):
    monkeypatch.setattr("blog.mail.smtp_client.is_loopback", lambda host: False)
    with PostOffice(tls_context=context(*certificate), require_starttls=True) as office:
        code, _ = ask(office.url())
        assert code == 0 and len(office.letters) == 1


# --- settings ---


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://a:b/c@mail.example", "smtp://x:y"],
)
def test_an_address_of_a_server_that_is_none_ends_the_start_without_its_password(url):
    with pytest.raises(BadSetting, match="BLOG_SMTP_URL") as told:
        Config.from_env({"BLOG_SMTP_URL": url, "BLOG_MAIL_FROM": "blog@ink.example"})
    assert "b/c" not in str(told.value)


@pytest.mark.parametrize("sender", ["", "blog", "a@b, c@d", "Blog blog@ink.example", "a@b..c"])
def test_a_sender_that_is_no_address_ends_the_start(sender):
    with pytest.raises(BadSetting, match="BLOG_MAIL_FROM"):
        Config.from_env({"BLOG_SMTP_URL": "smtp://mail.example", "BLOG_MAIL_FROM": sender})


def test_the_password_of_the_mail_server_is_never_shown(told, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_SMTP_URL", "smtp://kim:hush@mail.example")
    assert main(["settings"]) == 0
    shown = capsys.readouterr().out
    assert "smtp://kim:…@mail.example:587" in shown and "hush" not in shown
    server = read_mail_server("smtp://kim:hush@mail.example")
    assert "hush" not in repr(server) and "hush" not in str(replace(server, port=25))
