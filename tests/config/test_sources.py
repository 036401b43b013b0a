"""Settings from files: secrets, and the file that BLOG_ENV_FILE names."""

import os
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from blog.__main__ import main
from blog.config import BadSetting, Config
from blog.config.sources import read_env_file
from blog.server import startup
from tests.support.live_server import ROOT, Site, environment

KEY = "0123456789abcdef" * 4
URL = "postgresql://blog:hush@db.example/blog"
SECRETS = [f.name for f in fields(Config) if f.metadata["secret"]]


@pytest.fixture
def write(tmp_path):
    """`write("name", "text")` returns the path of a new file with this text, as a string."""

    def write(name: str, text: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize("name", ["BLOG_SECRET_FILE", "BLOG_ENV_FILE", "BLOG_DATA_DIR"])
def test_the_home_folder_of_an_unknown_user_is_an_error(monkeypatch, capsys, name):
    monkeypatch.setenv(name, "~no-such-user/x")
    assert main(["settings"]) == 1
    output = "".join(capsys.readouterr())
    assert output.startswith(f"{name}=~no-such-user/x is invalid: the home folder")
    assert output.count("\n") == 1


@pytest.mark.parametrize("name", ["BLOG_SECRET_FILE", "BLOG_ENV_FILE"])
def test_a_file_may_be_in_the_home_folder(write, monkeypatch, tmp_path, name):
    write("x", KEY if name == "BLOG_SECRET_FILE" else f"BLOG_SECRET={KEY}")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Config.from_env({name: "~/x"}).secret == KEY


# --- secrets ---


def test_every_setting_with_a_password_or_a_key_is_a_secret():
    assert {"database_url", "smtp_url", "secret"} <= set(SECRETS)
    suspicious = ("secret", "token", "password", "key")
    named_so = {f.name for f in fields(Config) if f.name.endswith(suspicious)}
    assert named_so <= set(SECRETS)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file_without_the_line_break_at_its_end(write, ending):
    path = write("database_url", URL + ending)
    assert Config.from_env({"BLOG_DATABASE_URL_FILE": path}).database_url == URL


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_and_its_file_cannot_both_be_set(write, name):
    variable = f"BLOG_{name.upper()}"
    with pytest.raises(BadSetting, match=f"Both {variable} and {variable}_FILE are set"):
        Config.from_env({variable: "hush", f"{variable}_FILE": write("file", "hush")})


def test_a_setting_that_is_not_a_secret_cannot_be_read_from_a_file(write):
    assert Config.from_env({"BLOG_HOST_FILE": write("host", "::1")}).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfehush", "not text in UTF-8"),
        (b"hush" * 20_000, "larger than 64 kB"),
        (b"hush\nand more\n", "in one line"),
        (b"hush\0", "in one line"),
    ],
)
def test_the_error_for_an_unusable_secret_names_variable_and_file_only(write, content, reason):
    path = write("smtp", content)
    with pytest.raises(BadSetting, match=reason) as error:
        Config.from_env({"BLOG_SMTP_URL_FILE": path})
    message = str(error.value)
    assert message.startswith(f"BLOG_SMTP_URL_FILE names the file {path}, ")
    assert "hush" not in message and "\n" not in message
    assert error.value.__cause__ is None


def test_the_error_for_a_missing_secret_names_variable_and_file(tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(BadSetting, match=f"BLOG_SECRET_FILE names the file {path}, .* read: "):
            Config.from_env({"BLOG_SECRET_FILE": str(path)})


@pytest.mark.parametrize("name", ["BLOG_SECRET_FILE", "BLOG_ENV_FILE"])
def test_a_pipe_to_which_nothing_writes_is_an_error_instead_of_a_wait(tmp_path, name):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    command = [sys.executable, "-m", "blog", "settings"]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    process = subprocess.run(
        command, cwd=tmp_path, env=variables | {name: str(path)}, capture_output=True, timeout=60
    )
    message = f"{name} names {path}, which is not a regular file.\n"
    assert (process.returncode, process.stdout + process.stderr) == (1, message.encode())


def test_a_secret_may_be_a_symbolic_link_as_in_kubernetes(write, tmp_path):
    write("secret", KEY)
    (tmp_path / "..data").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link").symlink_to("..data/secret")
    assert Config.from_env({"BLOG_SECRET_FILE": str(tmp_path / "link")}).secret == KEY


def test_the_error_for_an_invalid_secret_does_not_show_it():
    with pytest.raises(BadSetting, match="BLOG_SECRET must be 64 hexadecimal digits") as error:
        Config.from_env({"BLOG_SECRET": "hush"})
    assert "hush" not in str(error.value)


def test_machines_with_the_same_secret_share_the_key_of_the_site(tmp_path):
    for name in ("one", "two"):
        config = Config.from_env({"BLOG_SECRET": KEY, "BLOG_DATA_DIR": str(tmp_path / name)})
        startup.prepare(config)
        assert startup.secret(config) == bytes.fromhex(KEY)
        assert not (config.data_dir / "secret").exists()


def test_no_secret_is_printed(monkeypatch, capsys):
    monkeypatch.setenv("BLOG_SECRET", KEY)
    monkeypatch.setenv("BLOG_DATABASE_URL", f"{URL}?password=hush")
    assert main(["settings"]) == 0
    output = capsys.readouterr().out
    assert "BLOG_SECRET=…\n" in output and KEY not in output
    assert "BLOG_DATABASE_URL=postgresql://…@db.example/blog\n" in output
    assert "BLOG_DATABASE_URL_FILE" in output
    assert "hush" not in output + repr(Config.from_env())


# --- the settings file ---


def test_settings_are_read_from_a_file_and_the_environment_has_precedence(write):
    path = write("blog.env", "BLOG_PORT=9000\nBLOG_HOST=::1\nBLOG_PROXIES=2\n")
    config = Config.from_env({"BLOG_ENV_FILE": path, "BLOG_HOST": "0.0.0.0"})
    assert (config.port, config.host, config.proxies) == (9000, "0.0.0.0", 2)


def test_an_empty_environment_variable_overrides_the_settings_file_with_the_default(write):
    token = write("token", "a-token-of-some-length")
    lines = ["BLOG_PROXIES=2", "BLOG_SECRET=" + KEY, f"BLOG_METRICS_TOKEN_FILE={token}"]
    path = write("blog.env", "\n".join(lines))
    config = Config.from_env({"BLOG_ENV_FILE": path})
    assert (config.proxies, config.secret) == (2, KEY)
    assert config.metrics_token == "a-token-of-some-length"
    empty = {"BLOG_PROXIES": "", "BLOG_SECRET_FILE": "", "BLOG_METRICS_TOKEN": ""}
    config = Config.from_env({"BLOG_ENV_FILE": path, **empty})
    assert (config.proxies, config.secret, config.metrics_token) == (0, "", "")


def test_an_empty_variable_and_the_file_of_a_secret_may_both_be_set(write):
    env = {"BLOG_SECRET": "", "BLOG_SECRET_FILE": write("secret", KEY)}
    assert Config.from_env(env).secret == KEY


def test_a_settings_file_has_the_format_that_systemd_and_docker_read(write):
    text = """\
        # a comment
        ; another comment

        BLOG_SITE_URL=https://example.org
        export BLOG_PORT=9000
        BLOG_MAIL_FROM="Blog <blog@example.org>"
        BLOG_SMTP_URL='smtp://me:a$b#c=d`e\\f@mail.example.org'
        OTHER_PROGRAM=ignored
        BLOG_DATABASE_URL=
    """
    assert read_env_file(write("blog.env", text.replace("\n", "\r\n"))) == {
        "BLOG_SITE_URL": "https://example.org",
        "BLOG_PORT": "9000",
        "BLOG_MAIL_FROM": "Blog <blog@example.org>",
        "BLOG_SMTP_URL": "smtp://me:a$b#c=d`e\\f@mail.example.org",
        "OTHER_PROGRAM": "ignored",
        "BLOG_DATABASE_URL": "",
    }


def test_a_shell_reads_the_same_settings_from_the_file(write):
    text = "# a comment\nexport BLOG_PORT=9000\nBLOG_MAIL_FROM='Blog <blog@example.org>'\n"
    path = write("blog.env", text)
    script = f"set -a; . {shlex.quote(path)}; env -0"
    output = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode()
    exported = dict(line.split("=", 1) for line in output.split("\0") if line)
    assert read_env_file(path).items() <= exported.items()


@pytest.mark.parametrize("line", ["BLOG_PORT", "BLOG PORT=1", "=1", "BLOG_PORT =1", "1BLOG=1"])
def test_the_error_for_a_malformed_line_names_file_and_line_without_its_text(write, line):
    path = write("blog.env", f"# first\n\n{line}\n")
    with pytest.raises(
        BadSetting, match=f"Line 3 of {path} must have the form NAME=value"
    ) as error:
        Config.from_env({"BLOG_ENV_FILE": path})
    assert line not in str(error.value)


def test_an_invalid_value_in_the_file_is_an_error(write):
    with pytest.raises(BadSetting, match="BLOG_PORT=many is invalid"):
        Config.from_env({"BLOG_ENV_FILE": write("blog.env", "BLOG_PORT=many\n")})


def test_the_error_for_a_missing_file_names_it(tmp_path):
    with pytest.raises(BadSetting, match="BLOG_ENV_FILE names the file .*none, which cannot be"):
        Config.from_env({"BLOG_ENV_FILE": str(tmp_path / "none")})


def test_the_file_may_name_the_file_of_a_secret_and_the_environment_overrides_either(write):
    secret = write("database_url", URL)
    env = {"BLOG_ENV_FILE": write("blog.env", f"BLOG_DATABASE_URL_FILE={secret}\n")}
    assert Config.from_env(env).database_url == URL
    other = URL.replace("db.", "other.")
    assert Config.from_env(env | {"BLOG_DATABASE_URL": other}).database_url == other


def test_a_command_reads_the_file(write, tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith("BLOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BLOG_ENV_FILE", write("blog.env", "BLOG_PORT=9000\n"))
    assert main(["settings"]) == 0
    assert "BLOG_PORT=9000\n" in capsys.readouterr().out
    monkeypatch.setenv("BLOG_ENV_FILE", str(tmp_path / "none"))
    assert main(["settings"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_wsgi_server_reads_the_file(config, write):
    path = write("blog.env", "BLOG_PORT=9000\n")
    variables = environment(config, BLOG_ENV_FILE=path)
    del variables["BLOG_PORT"]
    program = "from blog.wsgi import application; print(application.blog.ctx.config.port)"
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, check=True)
    assert process.stdout == b"9000\n"


@pytest.mark.server
def test_the_server_and_its_workers_read_the_file(config, write):
    variables = environment(config)
    lines = [f"{name}={variables.pop(name)}" for name in ("BLOG_DATA_DIR", "BLOG_PORT")]
    secret = write("secret", KEY + "\n")
    path = write("blog.env", "\n".join([*lines, f"BLOG_SECRET_FILE={secret}", ""]))
    with Site(config, env=variables | {"BLOG_ENV_FILE": path}) as site:
        assert len(site.workers()) == 4
        assert site.get("/health/ready").status == 200
        assert not (config.data_dir / "secret").exists()
    assert KEY not in Path(site.log).read_text()
