"""Completion of the `blog` command in bash and zsh, driven as a person presses Tab."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blog.__main__ import main
from tests.conftest import need


@pytest.fixture
def script(tmp_path, capsys, monkeypatch):
    """`script("bash")` returns the file of the script that the command prints."""

    def write(shell: str) -> Path:
        assert main(["completion", shell]) == 0
        path = tmp_path / "script" / f"_{shell}"
        path.parent.mkdir()
        path.write_text(capsys.readouterr().out)
        return path

    return write


@pytest.fixture
def complete_in_bash(script, tmp_path):
    """`complete_in_bash("blog", "im")` returns what Tab offers for the last word."""
    path, folder = script("bash"), tmp_path / "here"
    folder.joinpath("old-blog").mkdir(parents=True)
    folder.joinpath("backup.tar.gz").touch()

    def complete(*words: str) -> list[str]:
        program = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
            'words=($(complete -p blog)); "${words[-2]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        command = ["bash", "--norc", "-c", program, "bash", str(path), *words]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True
        ).stdout.split()

    return complete


def test_bash_completes_a_command(complete_in_bash):
    assert complete_in_bash("blog", "im") == ["import"]
    assert set(complete_in_bash("blog", "re")) == {"restore", "reset-password"}
    assert {"doctor", "backup", "completion"} <= set(complete_in_bash("blog", ""))


def test_bash_completes_the_options_of_a_command(complete_in_bash):
    assert complete_in_bash("blog", "import", "--perm") == ["--permalink"]
    assert complete_in_bash("blog", "backup", "--perm") == []


def test_bash_completes_paths_and_choices(complete_in_bash):
    assert complete_in_bash("blog", "import", "o") == ["old-blog"]
    assert complete_in_bash("blog", "restore", "b") == ["backup.tar.gz"]
    assert complete_in_bash("blog", "completion", "z") == ["zsh"]


class Zsh:
    """An interactive zsh in a terminal."""

    def __init__(self, folder: Path, functions: Path) -> None:
        folder.joinpath(".zshrc").write_text(
            f"PS1='READY> '; fpath=({functions} $fpath); autoload -Uz compinit; compinit -u\n"
            "unsetopt zle_bracketed_paste; zstyle ':completion:*' menu no\n"
        )
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(  # noqa: S606 -- a program of the test, without user input
                "zsh", ["zsh", "-i"], os.environ | {"ZDOTDIR": str(folder), "TERM": "dumb"}
            )
        self.output = ""

    def type(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def wait_for(self, text: str, seconds: float = 60) -> bool:
        """Read until the output contains the text."""
        end = time.monotonic() + seconds
        while text not in self.output and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.output += os.read(self.terminal, 4096).decode(errors="replace")
        return text in self.output

    def close(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.process, 0)


@pytest.fixture
def zsh(script, tmp_path):
    need("zsh", shutil.which("zsh"))
    path = script("zsh")
    path.rename(path.with_name("_blog"))
    shell = Zsh(tmp_path, path.parent)
    yield shell
    shell.close()


def test_zsh_completes_a_command_and_its_options(zsh):
    assert zsh.wait_for("READY> ")
    zsh.type("blog im\t")
    assert zsh.wait_for("blog import "), zsh.output
    zsh.type("--perm\t")
    assert zsh.wait_for("--permalink"), zsh.output


def test_a_shell_without_support_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "powershell"])
    assert re.search("bash.*zsh", capsys.readouterr().err)


@pytest.mark.slow
def test_the_script_is_printed_by_the_installed_command_without_a_blog(tmp_path):
    command = [sys.executable, "-m", "blog", "completion", "zsh"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert process.stdout.startswith("#compdef blog")
    assert list(tmp_path.iterdir()) == []
