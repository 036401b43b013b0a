"""The Makefile's promises that need no network: locks that agree, and messages that help."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.live_server import ROOT

PINNED = re.compile(r"(?m)^([\w.-]+)==([^ ;\\]+)")


def project() -> dict:
    return tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())


def pins(lock: str) -> dict[str, str]:
    found = PINNED.findall(ROOT.joinpath(lock).read_text())
    return {canonicalize_name(name): version for name, version in found}


def blocks(lock: str) -> dict[str, str]:
    """Each pin with its hashes."""
    text = ROOT.joinpath(lock).read_text()
    return {block.split("==")[0]: block.strip() for block in re.split(r"\n(?=\S)", text)}


# --- the locks -------------------------------------------------------------------------------


def test_the_lock_satisfies_what_the_project_declares():
    locked = pins("requirements.lock")
    for line in project()["project"]["dependencies"]:
        wanted = Requirement(line)
        assert locked[canonicalize_name(wanted.name)] in wanted.specifier, line


def test_the_lock_holds_whatever_its_packages_need_in_turn():
    locked = pins("requirements.lock")
    for name in locked:
        for line in needed_by(name):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert locked[canonicalize_name(wanted.name)] in wanted.specifier, f"{name}: {line}"


def needed_by(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # locked for another system
        return []


def test_the_lock_for_development_is_the_other_one_and_more():
    runtime, development = blocks("requirements.lock"), blocks("requirements-dev.lock")
    assert runtime.items() <= development.items()
    wanted = {canonicalize_name(Requirement(line).name) for line in dev_group()}
    assert wanted <= set(pins("requirements-dev.lock"))


def dev_group() -> list[str]:
    """With the groups that it includes."""
    groups = project()["dependency-groups"]
    lines = groups["dev"] + groups["servers"]
    return [line for line in lines if isinstance(line, str)]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_is_hashed_and_no_source_is_named(lock):
    assert all("--hash=sha256:" in block for block in blocks(lock).values())
    text = ROOT.joinpath(lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|file:|/home|/tmp", text)


def test_every_dependency_says_why_it_is_there():
    text = ROOT.joinpath("pyproject.toml").read_text()
    listed = text.partition("dependencies = [")[2].partition("\n]")[0].strip().splitlines()
    assert [line for line in listed if "#" not in line] == []


def test_the_list_of_what_must_be_installed_is_the_projects_own():
    from blog.dependencies import NEEDED

    declared = {Requirement(line).name for line in project()["project"]["dependencies"]}
    assert set(NEEDED) | {"psycopg"} >= declared


# --- make ------------------------------------------------------------------------------------


def make(*words: str, folder: Path = ROOT, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=folder,
        env=os.environ | {"LC_ALL": "C.UTF-8"} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that `make run` begins with, in a folder whose name has a space."""
    folder = tmp_path / "a clone"
    folder.joinpath("deploy").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "deploy/venv"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_make_alone_lists_its_words():
    listed = make().stdout
    words = ("run", "test", "check", "lock", "bench", "clean", "help")
    assert all(f"make {word}" in listed for word in words)


def test_make_run_starts_exactly_what_the_issue_of_a_stranger_would_type():
    assert "sanic blog.app -w 4" in make("--dry-run", "run").stdout


def an_executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_a_python_too_old_is_told(clone, tmp_path):
    old = an_executable(
        tmp_path / "python3",
        "#!/bin/sh\ncase $1 in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac\n",
    )
    done = make("installed", folder=clone, PYTHON=old)
    assert done.returncode != 0
    assert "3.11" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_a_missing_venv_module_is_told_with_its_debian_package(clone, tmp_path):
    bare = an_executable(
        tmp_path / "python3",
        "#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; *) exit 0 ;; esac\n",
    )
    done = make("installed", folder=clone, PYTHON=bare)
    assert done.returncode != 0
    assert "python3-venv" in done.stderr


def test_a_missing_python_is_told(clone):
    done = make("installed", folder=clone, PYTHON="no-such-python")
    assert done.returncode != 0
    assert "no-such-python is not installed" in done.stderr


def test_a_chinese_shell_is_told_in_chinese(clone):
    done = make("installed", folder=clone, PYTHON="no-such-python", LC_ALL="zh_CN.UTF-8")
    assert "没有安装no-such-python，请安装Debian软件包python3。" in done.stderr


@pytest.mark.slow
def test_what_is_installed_is_installed_once_and_the_user_decides_from_where(clone, tmp_path):
    """A lock of nothing stands for the real one: what matters is when pip is called, and how."""
    clone.joinpath("requirements.lock").write_text("# nothing\n")
    first = make("installed", folder=clone)
    assert first.returncode == 0, first.stderr
    assert "Installing" in first.stdout
    assert make("installed", folder=clone).stdout == ""
    clone.joinpath("requirements.lock").write_text("# nothing else\n")
    assert "Installing" in make("installed", folder=clone).stdout
    clone.joinpath("requirements.lock").write_text("six==1.17.0 --hash=sha256:" + "0" * 64 + "\n")
    nowhere = make("installed", folder=clone, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert nowhere.returncode != 0
    assert "six" in nowhere.stderr
    assert make("installed", folder=clone, PIP_NO_INDEX="1").returncode != 0, "it was not noted"


# --- system packages -------------------------------------------------------------------------


def system_packages(folder: Path, *, programs: dict[str, str], **env: str):
    """Run the script on a machine that has only these programs."""
    for name in ("id", "tr", "cat", "sh", "dirname"):
        folder.joinpath(name).symlink_to(shutil.which(name))
    for name, text in programs.items():
        an_executable(folder / name, f"#!/bin/sh\n{text}\n")
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "YES")}
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tests/system_packages.sh")],
        env=clean | {"PATH": str(folder)} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_a_font_is_told_and_nobody_is_asked_without_a_terminal(tmp_path):
    done = system_packages(
        tmp_path, programs={"chromium": "", "nginx": "", "apache2": "", "initdb": ""}
    )
    assert done.returncode == 0
    assert "fonts-noto-cjk" in done.stdout
    assert "listed at the end" in done.stdout


def test_agreed_beforehand_the_missing_ones_are_installed(tmp_path):
    programs = {"chromium": "", "nginx": "", "apache2": "", "initdb": "", "env": 'shift; "$@"'}
    programs["apt-get"] = f'echo "$@" >>{tmp_path}/asked'
    programs["sudo"] = '"$@"'
    done = system_packages(tmp_path, programs=programs, YES="1")
    assert done.returncode == 0, done.stderr
    asked = tmp_path.joinpath("asked").read_text()
    assert "update" in asked
    assert asked.strip().endswith("fonts-noto-cjk")


def test_a_complete_machine_is_left_alone(tmp_path):
    programs = {"chromium": "", "nginx": "", "apache2": "", "initdb": "", "fc-list": "echo Noto"}
    done = system_packages(tmp_path, programs=programs)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
def test_without_what_it_needs_a_complete_run_says_so_and_fails(tmp_path):
    """pytest itself, on a machine where no nginx can be found."""
    lonely = tmp_path / "test_lonely.py"
    lonely.write_text("from tests.conftest import need\ndef test_it(): need('nginx', None)\n")
    command = ["pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), str(lonely)]

    results = [
        subprocess.run(
            [sys.executable, "-m", *command, *extra],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        for extra in ((), ("--complete",))
    ]
    assert [done.returncode for done in results] == [0, 1]
    assert all("1 tests need Debian's package nginx" in done.stdout for done in results)
