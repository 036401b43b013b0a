"""What a start says when it cannot go on, and where it says to go."""

import socket

import pytest

from blog import db
from blog.__main__ import main
from blog.config import BadSetting, Config, UserError, local_address, ssh_server
from blog.db.migrate import migrate
from blog.server import startup
from blog.web.templating import environment, warm


@pytest.mark.parametrize("left", ["", "abc", "zz" * 32])
def test_a_damaged_secret_is_refused_and_not_used(tmp_path, left):
    made = startup.secret(tmp_path)
    assert len(made) == 32 and startup.secret(tmp_path) == made
    (tmp_path / "secret").write_text(left)
    with pytest.raises(UserError, match="damaged"):
        startup.secret(tmp_path)


def test_a_data_folder_that_is_a_file_is_told_by_the_settings_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetting, match="BLOG_DATA_DIR=.*file"):
        startup.prepare(Config(data_dir=tmp_path / "file"))


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path):
    (tmp_path / "blog.sqlite3").write_text("a diary, not a database " * 20)
    with pytest.raises(db.UnusableDatabase, match=r"blog\.sqlite3 cannot be opened") as told:
        migrate(Config(data_dir=tmp_path))
    assert "\n" not in str(told.value)


def test_a_database_out_of_reach_is_told_in_one_line_without_its_password(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://blog:hush@127.0.0.1:{port}/blog"
    with pytest.raises(db.UnusableDatabase, match=f"127.0.0.1:{port}/blog") as told:
        migrate(Config(data_dir=tmp_path, database_url=url))
    assert "\n" not in str(told.value) and "hush" not in str(told.value)


def test_an_address_that_is_not_this_machines_is_not_called_a_taken_port():
    with pytest.raises(SystemExit, match="BLOG_HOST=192.0.2.1"):
        startup.refuse_taken_port("192.0.2.1", 8000)


def test_an_origin_that_is_none_is_refused():
    with pytest.raises(BadSetting, match="BLOG_TRUSTED_ORIGINS"):
        Config.from_env({"BLOG_TRUSTED_ORIGINS": "https://a.example.org, elsewhere"})


def test_a_slip_in_an_owners_template_is_told_with_its_line(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "base.html").write_text("<p>\n{% block main %}")
    with pytest.raises(UserError, match=r"templates/base\.html has an error in line 2"):
        warm(environment(Config(data_dir=tmp_path)))


@pytest.mark.parametrize(("port", "way"), [("22", "kim@"), ("2222", "-p 2222 kim@")])
def test_the_way_over_ssh_goes_by_the_port_that_was_come_by(monkeypatch, port, way):
    monkeypatch.setenv("SSH_CONNECTION", f"192.0.2.1 50000 198.51.100.7 {port}")
    monkeypatch.setenv("USER", "kim")
    assert ssh_server() == f"{way}198.51.100.7"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_the_printed_link_is_one_that_a_browser_can_open(host, address):
    assert local_address(host, 8000) == address


def test_an_admin_without_a_password_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BLOG_DATA_DIR", str(tmp_path))
    with open("/dev/null") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["create-admin", "ann"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_argparse_says_of_itself_is_in_the_language_of_the_console(capsys, monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        main(["create-admin"])
    assert "缺少参数：name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    assert "show this help" not in capsys.readouterr().out
