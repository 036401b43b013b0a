"""The built wheel: its content, its installation with the locked packages, and its start."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from blog import __version__
from blog.config import Config
from tests.support.live_server import ROOT, Site, environment, free_port

pytestmark = pytest.mark.slow
FOLDERS = ("templates", "static", "content")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory) -> Path:
    """The bin folder of an environment with the locked packages and the wheel."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=True)
    pip = (home / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    hashed = ("--require-hashes", "--only-binary", ":all:")
    run(*pip, *hashed, "-r", ROOT / "requirements.lock", cwd=home)
    run(*pip, "--no-deps", "--no-index", wheel, cwd=home)
    return home / "bin"


def run(*command: object, cwd: Path, **options: object) -> str:
    process = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def files(folder: str) -> set[str]:
    """Return the files in a folder, without hidden files and caches."""
    paths = {path.relative_to(ROOT) for path in ROOT.joinpath(folder).rglob("*") if path.is_file()}
    return {path.as_posix() for path in paths if not re.search(r"/\.|__pycache__", path.as_posix())}


def test_the_wheel_contains_all_files_that_are_not_python(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    beside = {f"blog/_site/{name}" for folder in FOLDERS for name in files(folder)}
    assert beside
    assert files("blog") | beside <= inside
    assert any(name.startswith("blog/locale/zh") for name in inside)
    assert any(name.startswith("blog/migrations/versions/") for name in inside)


def test_the_wheel_contains_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"blog", f"inkhouse-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".sqlite3")]


@pytest.mark.server
def test_the_blog_starts_in_an_empty_folder(installed, tmp_path):
    config = Config(data_dir=tmp_path / "data", port=free_port())
    env = environment(config)
    del env["BLOG_DATA_DIR"]
    with Site(config, cwd=tmp_path, env=env, programs=installed) as site:
        page = site.get("/")
        assert page.status in (200, 303)
        assert len(site.workers()) == 4
        hash = next(path.name for path in (tmp_path / "data/static").iterdir())
        stylesheet = next((tmp_path / "data/static" / hash).rglob("*.css"))
        address = stylesheet.relative_to(tmp_path / "data").as_posix()
        assert site.get(f"/{address}").body == stylesheet.read_bytes()
    assert not (tmp_path / "blog").exists()


def test_the_command_supports_both_languages_in_any_folder(installed, tmp_path):
    blog = installed / "blog"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLOG_")}
    assert __version__ in run(blog, "--version", cwd=tmp_path, env=clean)
    english = run(blog, "settings", cwd=tmp_path, env=clean | {"LANG": "en_US.UTF-8", "LC_ALL": ""})
    chinese = run(blog, "settings", cwd=tmp_path, env=clean | {"LANG": "zh_CN.UTF-8", "LC_ALL": ""})
    assert "BLOG_DATA_DIR" in english
    assert "数据" in chinese


def test_the_sample_posts_are_found(installed, tmp_path):
    where = "from blog.config import Config; print(Config().sample_posts)"
    folder = Path(run(installed / "python", "-c", where, cwd=tmp_path).strip())
    assert folder.is_relative_to(installed.parent)
    assert {path.name for path in folder.iterdir()} >= {"en", "zh"}


def test_the_lock_installs_all_dependencies(installed, tmp_path):
    run(installed / "python", "-m", "pip", "--disable-pip-version-check", "check", cwd=tmp_path)
