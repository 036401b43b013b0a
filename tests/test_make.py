"""The Makefile and its scripts: lock files, error messages, installation of system packages."""

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
    pairs = PINNED.findall(ROOT.joinpath(lock).read_text())
    return {canonicalize_name(name): version for name, version in pairs}


def blocks(lock: str) -> dict[str, str]:
    """Return each pin with its hashes by package name, without the systems that it is for."""
    text = re.sub(r" ; .*(?= \\\n)", "", ROOT.joinpath(lock).read_text())
    return {block.split("==")[0]: block.strip() for block in re.split(r"\n(?=\S)", text)}


# --- the locks -------------------------------------------------------------------------------


def test_the_lock_satisfies_the_declared_dependencies():
    locked = pins("requirements.lock")
    for line in project()["project"]["dependencies"]:
        requirement = Requirement(line)
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_the_lock_contains_indirect_dependencies():
    locked = pins("requirements.lock")
    for name in locked:
        for line in needed_by(name):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert locked[canonicalize_name(requirement.name)] in requirement.specifier, (
                    f"{name}: {line}"
                )


def needed_by(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # locked for another system
        return []


def test_the_lock_for_development_contains_the_other_one():
    runtime, development = blocks("requirements.lock"), blocks("requirements-dev.lock")
    assert runtime.items() <= development.items()
    requirement = {canonicalize_name(Requirement(line).name) for line in dev_group()}
    assert requirement <= set(pins("requirements-dev.lock"))


def dev_group() -> list[str]:
    """Return the dev dependencies, with those of the included group."""
    groups = project()["dependency-groups"]
    lines = groups["dev"] + groups["servers"]
    return [line for line in lines if isinstance(line, str)]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash_and_no_package_index_is_named(lock):
    assert all("--hash=sha256:" in block for block in blocks(lock).values())
    text = ROOT.joinpath(lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|file:|/home|/tmp", text)


def test_every_dependency_has_a_comment():
    text = ROOT.joinpath("pyproject.toml").read_text()
    listed = text.partition("dependencies = [")[2].partition("\n]")[0].strip().splitlines()
    assert [line for line in listed if "#" not in line] == []


def test_the_list_of_required_packages_is_complete():
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
    """The files that `make run` needs, in a folder with a space in its name."""
    folder = tmp_path / "a clone"
    folder.joinpath("deploy").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "deploy/venv"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_make_without_a_target_lists_all_targets():
    listed = make().stdout
    words = ("run", "test", "check", "lock", "bench", "clean", "help")
    assert all(f"make {word}" in listed for word in words)


def test_make_run_starts_sanic_with_four_workers():
    assert "sanic blog.app -w 4" in make("--dry-run", "run").stdout


def an_executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_reported(clone, tmp_path):
    old = an_executable(
        tmp_path / "python3",
        "#!/bin/sh\ncase $1 in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac\n",
    )
    result = make("installed", folder=clone, PYTHON=old)
    assert result.returncode != 0
    assert "3.11" in result.stderr
    assert "Python 3.9.2" in result.stderr


def test_a_missing_venv_module_is_reported_with_its_debian_package(clone, tmp_path):
    bare = an_executable(
        tmp_path / "python3",
        "#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; *) exit 0 ;; esac\n",
    )
    result = make("installed", folder=clone, PYTHON=bare)
    assert result.returncode != 0
    assert "python3-venv" in result.stderr


def test_a_missing_python_is_reported(clone):
    result = make("installed", folder=clone, PYTHON="no-such-python")
    assert result.returncode != 0
    assert "no-such-python is not installed" in result.stderr


def test_messages_are_chinese_in_a_chinese_shell(clone):
    result = make("installed", folder=clone, PYTHON="no-such-python", LC_ALL="zh_CN.UTF-8")
    assert "没有安装no-such-python，请安装Debian软件包python3。" in result.stderr


@pytest.mark.slow
def test_packages_are_installed_once_and_pip_settings_are_respected(clone, tmp_path):
    """An empty lock file replaces the real one, since only the calls of pip are tested."""
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
    assert make("installed", folder=clone, PIP_NO_INDEX="1").returncode != 0, (
        "the failed installation was recorded as done"
    )


# --- system packages -------------------------------------------------------------------------


INSTALLED = dict.fromkeys(
    ("chromium", "nginx", "apache2", "curl", "openssl", "wrk", "newsboat", "zsh", "initdb"), ""
)


def system_packages(folder: Path, *, programs: dict[str, str], **env: str):
    """Run the script with a PATH that has only these programs."""
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


def test_a_missing_font_is_reported_and_without_a_terminal_nothing_is_asked(tmp_path):
    result = system_packages(tmp_path, programs=INSTALLED)
    assert result.returncode == 0
    assert "fonts-noto-cjk" in result.stdout
    assert "listed at the end" in result.stdout


def test_with_yes_missing_packages_are_installed(tmp_path):
    programs = INSTALLED | {"env": 'shift; "$@"'}
    programs["apt-get"] = f'echo "$@" >>{tmp_path}/asked'
    programs["sudo"] = '"$@"'
    result = system_packages(tmp_path, programs=programs, YES="1")
    assert result.returncode == 0, result.stderr
    asked = tmp_path.joinpath("asked").read_text()
    assert "update" in asked
    assert asked.strip().endswith("fonts-noto-cjk")


def test_on_a_complete_machine_nothing_is_installed(tmp_path):
    result = system_packages(tmp_path, programs=INSTALLED | {"fc-list": "echo Noto"})
    assert (result.returncode, result.stdout) == (0, "")


def test_every_package_that_a_test_needs_is_offered_for_installation():
    script = ROOT.joinpath("tests/system_packages.sh").read_text()
    tests = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    needed = set(re.findall(r'\bneed\("([\w-]+)"', tests))
    assert "wrk" in needed
    assert needed <= set(re.findall(r"\|\| echo ([\w-]+)", script))


@pytest.mark.slow
def test_a_complete_run_fails_if_a_package_is_missing(tmp_path):
    """Run pytest itself with a test that needs a package."""
    single = tmp_path / "test_single.py"
    single.write_text("from tests.conftest import need\ndef test_it(): need('nginx', None)\n")
    command = ["pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), str(single)]

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
    assert [result.returncode for result in results] == [0, 1]
    assert all("1 tests need Debian's package nginx" in result.stdout for result in results)
