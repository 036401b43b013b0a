"""Start-up and commands: error messages in one line, and the printed addresses."""

import socket

import pytest

from blog import db
from blog.__main__ import main
from blog.config import BadSetting, Config, UserError, local_address, ssh_server
from blog.db.migrate import migrate
from blog.server import startup
from blog.web.templating import environment, preload


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32])
def test_a_damaged_secret_is_refused(tmp_path, content):
    secret = startup.secret(Config(data_dir=tmp_path))
    assert len(secret) == 32 and startup.secret(Config(data_dir=tmp_path)) == secret
    (tmp_path / "secret").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        startup.secret(Config(data_dir=tmp_path))


def test_the_error_for_a_data_folder_that_is_a_file_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetting, match="BLOG_DATA_DIR=.*file"):
        startup.prepare(Config(data_dir=tmp_path / "file"))


def test_the_error_for_a_file_that_is_not_a_database_is_one_line(tmp_path):
    (tmp_path / "blog.sqlite3").write_text("a diary, not a database " * 20)
    with pytest.raises(db.UnusableDatabase, match=r"blog\.sqlite3 cannot be opened") as error:
        migrate(Config(data_dir=tmp_path))
    assert "\n" not in str(error.value)


def test_the_error_for_an_unreachable_database_is_one_line_without_its_password(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://blog:hush@127.0.0.1:{port}/blog"
    with pytest.raises(db.UnusableDatabase, match=f"127.0.0.1:{port}/blog") as error:
        migrate(Config(data_dir=tmp_path, database_url=url))
    assert "\n" not in str(error.value) and "hush" not in str(error.value)


def test_an_address_of_another_machine_is_not_reported_as_a_taken_port():
    with pytest.raises(SystemExit, match="BLOG_HOST=192.0.2.1"):
        startup.refuse_taken_port("192.0.2.1", 8000)


def test_an_invalid_trusted_origin_is_refused():
    with pytest.raises(BadSetting, match="BLOG_TRUSTED_ORIGINS"):
        Config.from_env({"BLOG_TRUSTED_ORIGINS": "https://a.example.org, elsewhere"})


def test_the_error_for_a_broken_template_of_the_owner_names_its_line(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "base.html").write_text("<p>\n{% block main %}")
    with pytest.raises(UserError, match=r"templates/base\.html has an error in line 2"):
        preload(environment(Config(data_dir=tmp_path)))


@pytest.mark.parametrize(("port", "arguments"), [("22", "kim@"), ("2222", "-p 2222 kim@")])
def test_the_ssh_command_uses_the_port_of_the_current_connection(monkeypatch, port, arguments):
    monkeypatch.setenv("SSH_CONNECTION", f"192.0.2.1 50000 198.51.100.7 {port}")
    monkeypatch.setenv("USER", "kim")
    assert ssh_server() == f"{arguments}198.51.100.7"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_printed_address_can_be_opened_in_a_browser(host, address):
    assert local_address(host, 8000) == address


def test_an_admin_without_a_password_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    with open("/dev/null") as empty:
        monkeypatch.setattr("sys.stdin", empty)
        assert main(["create-admin", "ann"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_messages_of_argparse_are_in_the_language_of_the_console(capsys, monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        main(["create-admin"])
    assert "缺少参数：name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    assert "show this help" not in capsys.readouterr().out
