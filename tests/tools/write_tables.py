"""Regenerates the tables in docs/settings.md and docs/commands.md from the code: `make docs`."""

import argparse
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from blog.cli.parser import parser
from blog.config import IN_A_FILE, Config, file_variable_of, variable_of
from blog.models.settings.setting import Setting, declared
from blog.models.settings.settings import GROUPS, Settings
from blog.web.i18n import translate
from tests.support.source_tree import ROOT

TABLE = re.compile(r"(?ms)(^<!-- (\w+) -->\n).*?(^<!-- end -->$)")
HEADS = {
    "environment": {"en": ("Setting", "Default", "What it is"), "zh": ("设置", "默认值", "是什么")},
    "admin": {"en": ("Setting", "Default", "What it is"), "zh": ("设置", "默认值", "是什么")},
    "commands": {"en": ("Command", "What it does"), "zh": ("命令", "做什么")},
}

SPACES = {"en": " ", "zh": ""}  # between two sentences


def pages() -> Iterator[tuple[str, Path]]:
    for name in ("settings", "commands"):
        yield "en", ROOT / "docs" / f"{name}.md"
        yield "zh", ROOT / "docs" / "zh" / f"{name}.md"


def written(language: str, text: str) -> str:
    """Return the text of a page with current tables."""
    return TABLE.sub(lambda match: match[1] + table(language, match[2]) + match[3], text)


def table(language: str, name: str) -> str:
    makers = {"environment": environment, "admin": admin_settings, "commands": commands}
    rows = [HEADS[name][language], *makers[name](language)]
    lines = ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines) + "\n"


def plain(cell: str) -> str:
    """Escape characters that Markdown would read as a column or a tag."""
    return cell if cell.startswith("`") else cell.replace("|", "\\|").replace("<", "\\<")


def environment(language: str) -> Iterator[tuple[str, str, str]]:
    for field in fields(Config):
        help = translate(language, field.metadata["help"])
        if other := file_variable_of(field):
            help += SPACES[language] + translate(language, IN_A_FILE, name=f"`{other}`")
        yield f"`{variable_of(field)}`", shown(field.default), help


def admin_settings(language: str) -> Iterator[tuple[str, str, str]]:
    for setting in declared(Settings):
        if setting.kind == "hidden":
            continue
        group = translate(language, GROUPS[setting.group])
        label = translate(language, setting.label)
        colon = translate(language, ": ")
        help = translate(language, setting.help)
        yield f"{group}{colon}{label}", default_of(language, setting), help


def default_of(language: str, setting: Setting) -> str:
    """Return a setting's default as its page shows it. Options lose their explanation."""
    if isinstance(setting.default, bool):
        return translate(language, "on" if setting.default else "off")
    if setting.default in setting.options:
        option = translate(language, setting.options[setting.default])
        return option.partition(translate(language, ": "))[0]
    return shown(setting.default)


def commands(language: str) -> Iterator[tuple[str, str]]:
    os.environ["LC_ALL"] = language  # commands use the language of the shell
    groups = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    for action in groups[0]._choices_actions:
        usage = groups[0].choices[action.dest].format_usage().partition("blog ")[2]
        words = re.sub(r" ?\[-h\]", "", " ".join(usage.split()))
        yield f"`blog {words}`", str(action.help)


def shown(value: object) -> str:
    if isinstance(value, bool):
        value = "on" if value else "off"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text}`" if text and "\n" not in text else ""


def main() -> None:
    for language, path in pages():
        path.write_text(written(language, path.read_text()))


if __name__ == "__main__":
    main()
