"""The help of the `blog` command: every command has examples that it accepts itself."""

import argparse
import re
import shlex

import pytest

from blog.cli.examples import EXAMPLES
from blog.cli.parser import parser


def subcommands() -> dict[str, argparse.ArgumentParser]:
    groups = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return groups[0].choices


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        parser().parse_args([*words, "--help"])
    return capsys.readouterr().out


def test_every_command_has_examples():
    assert EXAMPLES.keys() == {"", *subcommands()}


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_ends_with_the_examples_as_they_are_typed(command, capsys):
    text = help_of(capsys, *([command] if command else []))
    examples = text.partition("\nExamples:\n")[2].splitlines()
    assert examples[1::2] == [f"  {line}" for _, line in EXAMPLES[command]]


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_command_accepts_its_examples(command):
    for _, line in EXAMPLES[command]:
        words = shlex.split(re.sub(r"^BLOG_\S+ ", "", line).partition(" > ")[0])
        assert words.pop(0) == "blog"
        if "--help" not in words:
            parsed = parser().parse_args(words)
            assert parsed.command == command or not command


def test_help_is_chinese_in_a_chinese_shell(monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    text = help_of(capsys, "import")
    assert "\n例子：\n  # 查看会导入什么\n  blog import ~/old-blog --dry-run\n" in text
