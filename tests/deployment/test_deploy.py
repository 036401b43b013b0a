"""`blog deploy`: what it shows, writes and removes, and the deployed site in a real nginx."""

import configparser
import os
import pwd
import re
import shlex
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from blog.deploy import config_files
from blog.deploy.config_files import MARK, Deployment
from tests.conftest import need
from tests.support.live_server import ROOT, Site, environment, free_port, program, wait_for

pytestmark = pytest.mark.slow

DOMAIN = "ink.example.org"
SITE = f"etc/nginx/sites-available/{DOMAIN}"
UNIT = "etc/systemd/system/blog.service"
SETTINGS = "etc/blog/blog.env"


def deploy(machine: Path, *options: str, answer: str = "", domain: str = DOMAIN):
    """Run the command on another machine's root folder. `answer` is typed at its question."""
    return subprocess.run(
        [sys.executable, "-m", "blog", "deploy", domain, "--root", str(machine), *options],
        input=answer,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANG": "C.UTF-8"},
    )


def all_files(machine: Path) -> dict[str, str]:
    return {
        str(path.relative_to(machine)): path.read_text()
        for path in machine.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def machine(tmp_path):
    """A machine on which the blog was deployed."""
    root = tmp_path / "machine"
    result = deploy(root, "--yes")
    assert result.returncode == 0, result.stderr
    return root


@pytest.mark.parametrize(
    "home", ["/srv/x\nExecStartPre=/bin/evil", "/srv/a b", "/srv/x;", "srv/blog", "/", "/srv/../x"]
)
def test_a_home_folder_with_special_characters_is_refused(tmp_path, home):
    result = deploy(tmp_path / "machine", "--yes", "--home", home)
    assert result.returncode == 1 and "not a valid folder" in result.stderr
    assert not (tmp_path / "machine").exists()


@pytest.fixture
def my_blog(tmp_path):
    """A blog in a folder with special characters, whose commands print their arguments."""
    folder = tmp_path / "my 100% “$blog”"
    for name in ("sanic", "blog"):
        path = folder / ".venv/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\npwd\nprintf "%s|" "$0" "$@"\n')
        path.chmod(0o755)
    return Deployment(
        domain=DOMAIN,
        installed=folder,
        shipped=ROOT,
        programs=folder / ".venv/bin",
        workers=2,
        user=pwd.getpwuid(os.geteuid()).pw_name,
        root=tmp_path / "machine",
    )


def test_an_install_folder_with_spaces_is_one_word_in_the_services(my_blog, tmp_path):
    text = config_files.unit_text(my_blog, "blog.service")
    words = re.search(r"(?m)^ExecStart=(.*)$", text)[1]
    assert shlex.split(words.replace("%%", "%")) == [
        *(str(my_blog.programs / "sanic"), "blog.app", "-w", "2")
    ]
    if program("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "ink-of-a-test.service"
    unit.write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert "ink-of-a-test" not in result.stderr and result.returncode == 0, result.stderr


def test_the_scheduler_starts_stops_and_restarts_with_the_blog(my_blog, tmp_path):
    """Both read the settings when they start; the handbook restarts only the blog."""
    blog, tick = configparser.RawConfigParser(), configparser.RawConfigParser()
    for parser, name in ((blog, "blog.service"), (tick, "blog-tick.service")):
        text = config_files.unit_text(my_blog, name)
        (tmp_path / name).write_text(text)
        parser.read_string(text)
    assert blog["Unit"]["Wants"] == "blog-tick.service"
    assert tick["Unit"]["PartOf"] == "blog.service"
    assert "blog.service" in tick["Unit"]["After"].split()
    assert tick["Service"]["EnvironmentFile"] == blog["Service"]["EnvironmentFile"]
    if program("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    units = [tmp_path / "blog.service", tmp_path / "blog-tick.service"]
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "blog" not in result.stderr and result.returncode == 0, result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the command takes the rights of a service")
def test_the_command_runs_a_blog_in_a_folder_with_special_characters(my_blog, tmp_path):
    settings = tmp_path / "blog.env"
    settings.write_text("BLOG_PORT=8000\n")
    command = tmp_path / "blog"
    text = config_files.command_text(my_blog).replace(str(my_blog.settings), str(settings))
    command.write_text(text.replace(f"-g {config_files.SHARED}", "-g root"))
    result = subprocess.run(
        ["sh", command, "backup", "a b"], capture_output=True, text=True, check=False
    )
    output = f"{my_blog.installed}\n{my_blog.programs}/blog|backup|a b|"
    assert result.stdout == output, result.stderr


def test_the_command_deploys_with_the_rights_of_its_caller(my_blog):
    text = config_files.command_text(my_blog).replace("runuser", "false")
    result = subprocess.run(
        ["sh", "-c", text, "blog", "deploy", DOMAIN, "--remove"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.endswith(f"|deploy|{DOMAIN}|--remove|"), result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the command takes the rights of a service")
def test_the_command_reads_the_settings_as_the_services_do(my_blog, tmp_path):
    """A shell would interpret characters such as & in a password and < in a sender."""
    program = my_blog.programs / "blog"
    program.write_text('#!/bin/sh\nprintf "%s|" "$BLOG_SMTP_URL" "$BLOG_MAIL_FROM" "$BLOG_PORT"\n')
    settings = tmp_path / "blog.env"
    settings.write_text(
        "# BLOG_PORT=1\nBLOG_SMTP_URL=smtp://me:a$b&c(d`e\\f@mail.example.org\n\n"
        "  BLOG_PORT='8001'  \nBLOG_MAIL_FROM=\"Ann's blog <ann@example.org>\""
    )
    text = config_files.command_text(my_blog).replace(str(my_blog.settings), str(settings))
    result = subprocess.run(
        ["sh", "-c", text.replace(f"-g {config_files.SHARED}", "-g root")],
        capture_output=True,
        text=True,
        check=False,
    )
    output = "smtp://me:a$b&c(d`e\\f@mail.example.org|Ann's blog <ann@example.org>|8001|"
    assert result.stdout == output, result.stderr


def test_without_an_answer_nothing_is_written_and_one_line_says_so(tmp_path):
    result = deploy(tmp_path / "machine", answer="")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1 and "--yes" in result.stderr
    assert not (tmp_path / "machine").exists()


def test_a_chinese_domain_is_written_in_its_ascii_form(tmp_path):
    result = deploy(tmp_path, "--yes", domain="博客.中国")
    assert result.returncode == 0, result.stderr
    site = tmp_path / "etc/nginx/sites-available/xn--9krq6q.xn--fiqs8s"
    assert "server_name xn--9krq6q.xn--fiqs8s;" in site.read_text()


def with_certificate(machine: Path, *, real: bool = False) -> Path:
    folder = machine / "etc/letsencrypt/live" / DOMAIN
    folder.mkdir(parents=True)
    key, chain = folder / "privkey.pem", folder / "fullchain.pem"
    if not real:
        chain.write_text("a certificate")
        return folder
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    make += ["-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN},IP:127.0.0.1"]
    make += ["-keyout", str(key), "-out", str(chain)]
    subprocess.run(make, check=True, capture_output=True)
    return folder


def test_nothing_is_written_before_a_yes(tmp_path):
    result = deploy(tmp_path / "machine", answer="n\n")
    assert result.returncode == 1
    assert "+ /etc/systemd/system/blog.service" in result.stdout
    assert f"server_name {DOMAIN};" in result.stdout
    assert not (tmp_path / "machine").exists()


def test_a_yes_writes_the_site_the_services_and_the_settings(tmp_path):
    machine = tmp_path / "machine"
    assert deploy(machine, answer="y\n").returncode == 0
    files = all_files(machine)
    assert all(MARK in text for text in files.values())
    assert f"BLOG_SITE_URL=http://{DOMAIN}\n" in files[SETTINGS]
    assert f"EnvironmentFile=/{SETTINGS}" in files[UNIT]
    assert (machine / "etc/nginx/sites-enabled" / DOMAIN).is_symlink()


def test_deploying_again_changes_nothing(machine):
    before = all_files(machine)
    result = deploy(machine, "--yes")
    assert result.returncode == 0
    assert "+++" not in result.stdout
    assert all_files(machine) == before


def test_settings_that_the_site_owner_added_are_kept(machine):
    path = machine / SETTINGS
    path.write_text(path.read_text() + "BLOG_SMTP_URL=smtp://mail.example.org\n")
    assert deploy(machine, "--yes").returncode == 0
    assert path.read_text().endswith("BLOG_SMTP_URL=smtp://mail.example.org\n")
    assert deploy(machine, "--remove", "--yes").returncode == 0
    assert list(all_files(machine)) == [SETTINGS]


def test_remove_deletes_all_files(machine):
    assert deploy(machine, "--remove", answer="n\n").returncode == 1
    assert all_files(machine)
    assert deploy(machine, "--remove", answer="y\n").returncode == 0
    assert all_files(machine) == {}
    assert "Nothing on this machine" in deploy(machine, "--remove", "--yes").stdout


def test_a_file_with_the_same_name_that_is_not_ours_is_kept(machine):
    (machine / UNIT).write_text("[Service]\nExecStart=/bin/true\n")
    before = all_files(machine)
    result = deploy(machine, "--yes")
    assert result.returncode == 1
    assert "was not written by blog deploy" in result.stderr
    assert all_files(machine) == before


@pytest.mark.parametrize("kind", ["a file", "a link"])
def test_a_site_with_the_same_name_that_is_not_ours_is_kept(tmp_path, kind):
    place = tmp_path / "etc/nginx/sites-enabled" / DOMAIN
    place.parent.mkdir(parents=True)
    if kind == "a file":
        place.write_text("server { }\n")
    else:
        place.symlink_to("/srv/mine/site.conf")
    result = deploy(tmp_path, "--yes")
    assert result.returncode == 1 and "was not written by blog deploy" in result.stderr
    deploy(tmp_path, "--remove", "--yes")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [place]


def test_a_program_with_the_same_name_that_is_not_ours_is_kept(tmp_path):
    command = tmp_path / "usr/local/bin/blog"
    command.parent.mkdir(parents=True)
    command.write_bytes(b"\x7fELF\xd0\xff")
    result = deploy(tmp_path, "--yes")
    assert result.returncode == 1 and "was not written by blog deploy" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert command.read_bytes() == b"\x7fELF\xd0\xff"


def test_a_second_domain_is_refused_because_nginx_would_refuse_both(machine):
    before = all_files(machine)
    result = deploy(machine, "--yes", domain="other.example.org")
    assert result.returncode == 1 and f"{DOMAIN} --remove" in result.stderr
    assert all_files(machine) == before


def test_remove_with_a_mistyped_name_deletes_nothing(machine):
    before = all_files(machine)
    result = deploy(machine, "--remove", "--yes", domain="inc.example.org")
    assert "Nothing on this machine" in result.stdout
    assert all_files(machine) == before


@pytest.mark.parametrize("name", ["example", "../etc", "a b.org", "-x.org", "x.org;", "x..org"])
def test_an_invalid_domain_is_refused(tmp_path, name):
    result = deploy(tmp_path / "machine", "--yes", "--", domain=name)
    assert result.returncode != 0
    assert not (tmp_path / "machine").exists()


def test_with_a_certificate_the_site_redirects_to_https(machine):
    with_certificate(machine)
    assert deploy(machine, "--yes").returncode == 0
    files = all_files(machine)
    assert f"BLOG_SITE_URL=https://{DOMAIN}\n" in files[SETTINGS]
    assert f"return 301 https://{DOMAIN}$request_uri;" in files[SITE]
    assert files[SITE].count("location ^~ /.well-known/acme-challenge/") == 2
    servers = re.findall(r"(?m)^server \{", files[SITE])
    lines = files[SITE].count("access_log /var/log/nginx/access.log blog buffer=32k flush=1s;")
    assert lines == len(servers) == 3


# --- in a real nginx ---


@pytest.fixture
def https(machine, config):
    """The deployed site in a real nginx, before the blog with the deployed settings."""
    need("nginx", program("nginx"))
    folder = with_certificate(machine, real=True)
    assert deploy(machine, "--yes").returncode == 0
    http, tls = free_port(), free_port()
    text = (machine / SITE).read_text()
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", text)
    text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{http}", text)
    text = text.replace("listen 443", f"listen 127.0.0.1:{tls}")
    text = text.replace(f"/etc/letsencrypt/live/{DOMAIN}", str(folder))
    text = text.replace("/srv/blog/data", str(config.data_dir)).replace("/srv/blog", str(machine))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{config.port}")
    text = text.replace("/var/log/nginx", str(machine))
    text = text.replace("/var/cache/nginx-blog", f"{machine}/kept")
    temps = "".join(
        f"{kind}_temp_path {machine}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (machine / "nginx.conf").write_text(
        f"daemon off; pid {machine}/pid; error_log {machine}/error.log; events {{}}\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\nhttp {{ access_log off; {temps}\n{text}\n}}"
    )
    challenge = machine / "acme/.well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("a challenge")
    env = environment(config, BLOG_SITE_URL=f"https://{DOMAIN}", BLOG_PROXIES="1")
    with Site(config, env=env):
        command = [str(program("nginx")), "-c", str(machine / "nginx.conf")]
        nginx = subprocess.Popen([*command, "-e", str(machine / "error.log")])
        try:
            yield http, tls, folder / "fullchain.pem"
        finally:
            nginx.terminate()
            nginx.wait(20)


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


@pytest.mark.server
@pytest.mark.nginx
def test_the_deployed_site_answers_over_tls_and_redirects_from_http(https):
    http, tls, chain = https
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(chain)))
    client = urllib.request.build_opener(trusting, NoRedirects)

    def ask(url: str) -> tuple[int, str, dict[str, str]]:
        request = urllib.request.Request(url, headers={"Host": DOMAIN})  # noqa: S310 -- our own
        try:
            with client.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, "", dict(error.headers)
        except OSError:
            return 0, "", {}

    wait_for(lambda: ask(f"https://127.0.0.1:{tls}/")[0] == 200)
    _, page, headers = ask(f"https://127.0.0.1:{tls}/")
    assert "<h1" in page
    named = {name.lower(): value for name, value in headers.items()}
    assert named["strict-transport-security"].startswith("max-age=31536000")
    status, _, headers = ask(f"http://127.0.0.1:{http}/posts/a?b=c")
    assert (status, headers["Location"]) == (301, f"https://{DOMAIN}/posts/a?b=c")
    assert ask(f"http://127.0.0.1:{http}/.well-known/acme-challenge/token")[1] == "a challenge"


@pytest.mark.server
@pytest.mark.nginx
def test_the_deployed_site_supports_http2_and_sends_security_headers_with_its_own_errors(https):
    need("curl", program("curl"))
    http, tls, chain = https

    def head(url: str, *options: str) -> list[str]:
        command = ["curl", "-s", "-D-", "-o/dev/null", "--cacert", str(chain), "--http2"]
        command += ["--connect-to", f"{DOMAIN}:443:127.0.0.1:{tls}"]
        command += ["--connect-to", f"{DOMAIN}:80:127.0.0.1:{http}", *options, url]
        result = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
        return result.stdout.lower().splitlines()

    wait_for(lambda: head(f"https://{DOMAIN}/")[:1] == ["http/2 200 "])
    secure = "strict-transport-security: max-age=31536000"
    for path, options, status in (
        ("/", [], 200),
        ("/", ["-H", "Accept-Encoding: br"], 200),
        ("/sign-in", ["-H", "Content-Length: 99000000", "-d", "x"], 413),
        ("/", ["-X", "TRACE"], 405),
        ("/%00", [], 400),
        ("/" + "x" * 9000, ["--http1.1"], 414),
        ("/", ["-H", "Host: evil.example"], 421),
        ("/.well-known/acme-challenge/nothing", [], 404),
    ):
        lines = head(f"https://{DOMAIN}{path}", *options)
        assert re.match(rf"http/(2|1.1) {status} ", lines[0]), path
        assert lines.count(secure) == 1, path
        assert sum(line.startswith("content-security-policy:") for line in lines) == 1, path
    redirected = head(f"http://{DOMAIN}/about")
    assert redirected[0] == "http/1.1 301 moved permanently"
    assert any(line.startswith("content-security-policy:") for line in redirected)
    assert secure not in redirected  # it has no meaning over plain http
