"""Development mode (`sanic blog.app --dev`): automatic reload and the debug page for errors."""

import shutil
from pathlib import Path

import pytest

from tests.support.live_server import ROOT, Site, ask, environment, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow]

FAULT = "{{ 'a word' + 1 }}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the program that the test may change."""
    for name in ("blog", "templates", "static", "content", "docs", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "nginx.conf", tmp_path)
    return tmp_path


def env_of(config, copy: Path, **more: str) -> dict[str, str]:
    return environment(config, PYTHONPATH=str(copy), PYTHONDONTWRITEBYTECODE="1", **more)


def break_a_page(copy: Path) -> None:
    page = copy / "blog" / "home" / "templates" / "home" / "sign_in.html"
    page.write_text(page.read_text().replace("{% block sheet %}", "{% block sheet %}" + FAULT))


def test_in_development_changes_are_reloaded_and_errors_explained(config, copy):
    with Site(config, "--dev", cwd=copy, env=env_of(config, copy)) as site:
        view = copy / "blog" / "server" / "health.py"
        view.write_text(view.read_text().replace('{"worker":', '{"changed": 1, "worker":'))
        wait_for(lambda: '"changed"' in live(site), why=site.said)
        break_a_page(copy)
        wait_for(lambda: site.get("/sign-in").status == 500, why=site.said)
        page = site.get("/sign-in")
        assert "TypeError" in page.text and "sign_in.html" in page.text
        assert "request = <BlogRequest: GET /sign-in>" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "TypeError" not in site.get("/sign-in", X_Forwarded_For="192.0.2.1").text
        assert site.stop() == 0


def live(site: Site) -> str:
    try:
        return ask(site.port, "/health/live").text
    except OSError:  # it is restarting
        return ""


@pytest.mark.parametrize("how", [("-w", "2"), ("--single-process",), ("--debug",)], ids=str)
def test_errors_are_explained_only_in_development(config, copy, how):
    break_a_page(copy)
    more = {"SANIC_DEBUG": "true", "SANIC_AUTO_RELOAD": "true"}
    with Site(config, *how, cwd=copy, env=env_of(config, copy, **more)) as site:
        page = site.get("/sign-in")
        assert page.status == 500
        assert "TypeError" not in page.text and "sign_in.html" not in page.text
        assert "<h1" in page.text
