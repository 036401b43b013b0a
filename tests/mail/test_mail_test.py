"""`blog mail-test`: it prints the reply of the mail server, and advice for each failure."""

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
def command_environment(
    config: Config, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give the command an empty blog, and English messages."""
    config.data_dir.mkdir()
    shutil.copy(empty_sqlite, config.data_dir)
    for name in [name for name in os.environ if name.startswith("BLOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BLOG_DATA_DIR", str(config.data_dir))
    monkeypatch.setenv("BLOG_MAIL_FROM", "blog@ink.example")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.setenv(name, "C.UTF-8")


@pytest.fixture
def send_test_mail(
    command_environment: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`send_test_mail(url)` runs the command and returns its exit code and output."""

    def run(url: str, to: str = TO) -> tuple[int, str]:
        monkeypatch.setenv("BLOG_SMTP_URL", url)
        code = main(["mail-test", to])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def mail_server() -> Iterator[PostOffice]:
    with PostOffice() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1; paths of the certificate and its key."""
    need("openssl", shutil.which("openssl"))
    folder = tmp_path_factory.mktemp("certificate")
    paths = str(folder / "made.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    options = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run(
        ["openssl", *options, "-out", paths[0], "-keyout", paths[1]],
        check=True,
        capture_output=True,
    )
    return paths


def test_an_accepted_message_is_reported_with_the_reply_of_the_server(send_test_mail, mail_server):
    code, output = send_test_mail(mail_server.url())
    assert code == 0 and "250 Taken" in output
    (message,) = mail_server.to(TO)
    assert message.message["Subject"].startswith("Test email from")
    assert "BLOG_SITE_URL" in output  # because links lead to this machine only


def test_there_is_no_warning_with_a_public_address(send_test_mail, mail_server, monkeypatch):
    monkeypatch.setenv("BLOG_SITE_URL", "https://ink.example")
    assert "BLOG_SITE_URL" not in send_test_mail(mail_server.url())[1]


def test_without_a_mail_server_the_missing_settings_are_named(send_test_mail):
    code, output = send_test_mail("")
    assert code == 1 and "BLOG_SMTP_URL" in output and "BLOG_MAIL_FROM" in output


def test_a_refused_connection_advises_to_check_host_and_port(send_test_mail):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, output = send_test_mail(f"smtp://127.0.0.1:{port}")
    assert code == 1 and "host and the port" in output and "refused" in output.lower()


def test_an_unknown_host_advises_to_check_host_and_port(send_test_mail):
    code, output = send_test_mail("smtp://no-such-host.invalid")
    assert code == 1 and "host and the port" in output


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password_is_reported_and_not_printed(send_test_mail):
    with PostOffice(user="kim", password="right") as mail_server:
        code, output = send_test_mail(mail_server.url(who="kim:wrong@"))
        assert code == 1 and "535" in output and "app password" in output
        assert "wrong" not in output
        code, output = send_test_mail(mail_server.url(who="kim:right@"))
        assert code == 0


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_that_requires_a_password_is_reported(send_test_mail):
    with PostOffice(user="kim", password="right") as mail_server:
        code, output = send_test_mail(mail_server.url())
    assert code == 1 and "530" in output


def test_a_rejected_recipient_is_reported(send_test_mail, mail_server):
    mail_server.says = lambda to: "550 Relaying denied"
    code, output = send_test_mail(mail_server.url())
    assert code == 1 and "550 Relaying denied" in output and "Check its spelling" in output


def test_a_rejected_message_is_reported(send_test_mail, mail_server):
    mail_server.takes = lambda to: "554 Spam"
    code, output = send_test_mail(mail_server.url())
    assert code == 1 and "554 Spam" in output and "rejected the message" in output


def test_a_lost_connection_is_reported(send_test_mail, mail_server):
    mail_server.dies = True
    code, output = send_test_mail(mail_server.url())
    assert code == 1 and "connection was lost" in output


def test_an_invalid_address_gets_no_message(send_test_mail, mail_server):
    code, output = send_test_mail(mail_server.url(), "kim")
    assert (
        code == 1 and output == "This is not a valid email address.\n" and mail_server.letters == []
    )


# --- TLS ---


def test_a_password_is_not_sent_without_tls(send_test_mail, mail_server, monkeypatch):
    monkeypatch.setattr("blog.mail.smtp_client.is_loopback", lambda host: False)
    code, output = send_test_mail(mail_server.url(who="kim:secret@"))
    assert code == 1 and "No secure connection" in output


def test_an_untrusted_certificate_is_refused(send_test_mail, certificate):
    with PostOffice(tls_context=context(*certificate), require_starttls=True) as mail_server:
        code, output = send_test_mail(mail_server.url("smtp+starttls"))
    assert code == 1 and "certificate" in output and mail_server.letters == []


def test_a_password_is_sent_to_a_server_with_a_trusted_certificate(
    send_test_mail, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    settings = {"tls_context": context(*certificate), "require_starttls": True}
    with PostOffice(user="kim", password="p@ss/word", **settings) as mail_server:
        code, _ = send_test_mail(mail_server.url("smtp+starttls", who="kim:p%40ss%2Fword@"))
        assert code == 0 and len(mail_server.letters) == 1


def test_smtps_uses_tls_from_the_first_byte(send_test_mail, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    with PostOffice(ssl_context=context(*certificate)) as mail_server:
        code, _ = send_test_mail(mail_server.url("smtps"))
        assert code == 0 and len(mail_server.letters) == 1


def test_smtps_to_a_server_without_tls_is_reported(send_test_mail, mail_server):
    code, output = send_test_mail(mail_server.url("smtps"))
    assert code == 1 and "smtps://" in output


def test_smtp_accepts_any_certificate_of_a_remote_server_that_offers_tls(
    send_test_mail, certificate, monkeypatch
):
    monkeypatch.setattr("blog.mail.smtp_client.is_loopback", lambda host: False)
    with PostOffice(tls_context=context(*certificate), require_starttls=True) as mail_server:
        code, _ = send_test_mail(mail_server.url())
        assert code == 0 and len(mail_server.letters) == 1


# --- settings ---


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://a:b/c@mail.example", "smtp://x:y"],
)
def test_the_error_for_an_invalid_server_url_does_not_show_its_password(url):
    with pytest.raises(BadSetting, match="BLOG_SMTP_URL") as error:
        Config.from_env({"BLOG_SMTP_URL": url, "BLOG_MAIL_FROM": "blog@ink.example"})
    assert "b/c" not in str(error.value)


@pytest.mark.parametrize("sender", ["", "blog", "a@b, c@d", "Blog blog@ink.example", "a@b..c"])
def test_an_invalid_sender_address_is_an_error(sender):
    with pytest.raises(BadSetting, match="BLOG_MAIL_FROM"):
        Config.from_env({"BLOG_SMTP_URL": "smtp://mail.example", "BLOG_MAIL_FROM": sender})


def test_the_password_of_the_mail_server_is_never_shown(command_environment, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_SMTP_URL", "smtp://kim:hush@mail.example")
    assert main(["settings"]) == 0
    output = capsys.readouterr().out
    assert "BLOG_SMTP_URL=smtp://…@mail.example\n" in output and "hush" not in output
    server = read_mail_server("smtp://kim:hush@mail.example")
    assert "hush" not in repr(server) and "hush" not in str(replace(server, port=25))
