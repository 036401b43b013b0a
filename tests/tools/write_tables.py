"""Writes the tables of docs/settings.md and docs/commands.md anew: `make docs`.

What stands in them comes from the code, so that no setting and no command can be missing.
"""

import argparse
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from blog.__main__ import parser
from blog.config import PREFIX, Config
from blog.models.settings.setting import Setting, declared
from blog.models.settings.settings import GROUPS, Settings
from blog.web.i18n import translate
from tests.support.source_tree import ROOT

BETWEEN = re.compile(r"(?ms)(^<!-- (\w+) -->\n).*?(^<!-- end -->$)")
HEADS = {
    "environment": {"en": ("Setting", "Default", "What it is"), "zh": ("设置", "默认值", "是什么")},
    "office": {"en": ("Setting", "Default", "What it is"), "zh": ("设置", "默认值", "是什么")},
    "commands": {"en": ("Command", "What it does"), "zh": ("命令", "做什么")},
}


def pages() -> Iterator[tuple[str, Path]]:
    for name in ("settings", "commands"):
        yield "en", ROOT / "docs" / f"{name}.md"
        yield "zh", ROOT / "docs" / "zh" / f"{name}.md"


def written(language: str, text: str) -> str:
    """The page with its tables as the code says them now."""
    return BETWEEN.sub(lambda found: found[1] + table(language, found[2]) + found[3], text)


def table(language: str, name: str) -> str:
    makers = {"environment": environment, "office": office, "commands": commands}
    rows = [HEADS[name][language], *makers[name](language)]
    lines = ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines) + "\n"


def plain(cell: str) -> str:
    """Words as they stand, and no column or tag of Markdown."""
    return cell if cell.startswith("`") else cell.replace("|", "\\|").replace("<", "\\<")


def environment(language: str) -> Iterator[tuple[str, str, str]]:
    for field in fields(Config):
        help = translate(language, field.metadata["help"])
        yield f"`{PREFIX}{field.name.upper()}`", shown(field.default), help


def office(language: str) -> Iterator[tuple[str, str, str]]:
    for one in (one for one in declared(Settings) if one.kind != "hidden"):
        group = translate(language, GROUPS[one.group])
        label = translate(language, one.label)
        colon = translate(language, ": ")
        yield f"{group}{colon}{label}", chosen(language, one), translate(language, one.help)


def chosen(language: str, one: Setting) -> str:
    """A default as the settings call it: of a choice, its name without what is said of it."""
    if isinstance(one.default, bool):
        return translate(language, "on" if one.default else "off")
    if one.default in one.options:
        words = translate(language, one.options[one.default])
        return words.partition(translate(language, ": "))[0]
    return shown(one.default)


def commands(language: str) -> Iterator[tuple[str, str]]:
    os.environ["LC_ALL"] = language  # a command speaks the language of its shell
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
