"""The archives of a release: content, description, installation with the locked packages, start."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path

import pytest
from readme_renderer import markdown

from blog import __version__
from blog.config import Config
from tests.support.live_server import ROOT, Site, environment, free_port

pytestmark = pytest.mark.slow
PAGES = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]["urls"]
SOURCE = PAGES["Source"]
FOLDERS = ("templates", "static", "content")


@pytest.fixture(scope="module")
def source_archive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(source_archive: Path, tmp_path_factory) -> Path:
    """A wheel built from the source archive, which therefore contains all that a build needs."""
    place = tmp_path_factory.mktemp("source")
    with tarfile.open(source_archive) as archive:
        archive.extractall(place, filter="data")
    folder = source_archive.parent
    [source] = place.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    name = f"inkhouse-{__version__}.dist-info/METADATA"
    return message_from_bytes(zipfile.ZipFile(wheel).read(name))


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


def test_the_source_archive_contains_the_files_of_the_repository_only(source_archive):
    with tarfile.open(source_archive) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert inside - set(run(*command, cwd=ROOT).split("\0")) == {"PKG-INFO"}
    assert {
        "pyproject.toml",
        "LICENSE",
        "Makefile",
        "requirements.lock",
        "tests/conftest.py",
    } <= inside
    assert source_archive.stat().st_size < 5_000_000


def test_a_type_checker_uses_the_types_of_the_package(wheel):
    assert "blog/py.typed" in zipfile.ZipFile(wheel).namelist()


# --- on the page of a package index ---


class Addresses(HTMLParser):
    """Collects the addresses of pictures and links."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.pictures.append(values["src"] or "")
        if tag == "a":
            self.links.append(values["href"] or "")


@pytest.fixture(scope="module")
def description(metadata: Message) -> Addresses:
    """The addresses in the description, rendered as a package index does."""
    assert metadata["Description-Content-Type"] == "text/markdown"
    html = markdown.render(metadata.get_payload(decode=True).decode(), variant="GFM")
    assert html
    addresses = Addresses()
    addresses.feed(html)
    return addresses


def test_the_pictures_of_the_description_are_files_of_this_version(description):
    start = f"{SOURCE.replace('github.com', 'raw.githubusercontent.com')}/v{__version__}/"
    readme = ROOT.joinpath("README.md").read_text()
    assert len(description.pictures) == readme.count("![") > 5
    paths = [address.removeprefix(start) for address in description.pictures]
    assert [path for path in paths if not ROOT.joinpath(path).is_file()] == []


def test_the_links_of_the_description_lead_to_files_of_this_version(description):
    start = f"{SOURCE}/blob/v{__version__}/"
    anchor = "#user-content-"  # the renderer adds one to each heading
    assert [link for link in description.links if not link.startswith(("https://", anchor))] == []
    files = [link.removeprefix(start) for link in description.links if link.startswith(start)]
    assert len(files) > 10
    assert [path for path in files if not ROOT.joinpath(path).exists()] == []


def test_the_readme_of_a_checkout_has_links_that_work_offline():
    for name in ("README.md", "README.zh-CN.md"):
        assert SOURCE not in ROOT.joinpath(name).read_text()


def test_a_package_index_accepts_both_archives(source_archive, wheel):
    checked = run(
        *(sys.executable, "-m", "twine", "check", "--strict", source_archive, wheel),
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert checked.count("PASSED") == 2


def test_the_metadata_names_the_project_s_pages_and_the_supported_systems(metadata):
    pages = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert pages == PAGES
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} <= pages.keys()
    classifiers = metadata.get_all("Classifier")
    assert "Programming Language :: Python :: 3.11" in classifiers
    assert "Operating System :: POSIX :: Linux" in classifiers


# --- installed ---


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
