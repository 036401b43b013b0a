"""Where the text of a setting comes from: the environment, BLOG_ENV_FILE, or the file of a secret.

The environment has precedence over the file that BLOG_ENV_FILE names, even with an empty value,
which stands for the default. In each of the two, a secret setting is given either directly
(BLOG_SMTP_URL) or as the path of a file that contains it (BLOG_SMTP_URL_FILE).
"""

import os
import re
import stat
from collections.abc import Mapping

from blog.config.errors import BadSetting
from blog.config.languages import N_
from blog.config.paths import expanded

PREFIX = "BLOG_"
ENV_FILE = f"{PREFIX}ENV_FILE"
FILE_SUFFIX = "_FILE"
MAX_BYTES = 64_000  # of a settings file or a secret; a larger file is a wrong path
ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)")


def variables(environ: Mapping[str, str]) -> list[Mapping[str, str]]:
    """Return the environment and the variables of its BLOG_ENV_FILE, the strongest first.

    Raises `BadSetting` if the file cannot be read.
    """
    path = environ.get(ENV_FILE, "").strip()
    return [environ, read_env_file(path)] if path else [environ]


def text_of(name: str, sources: list[Mapping[str, str]], *, is_secret: bool) -> str:
    """Return the text of the variable `name`, or "" if it is unset or empty.

    The first source that sets the variable, or the file of a secret, decides, even if the value is
    empty. Raises `BadSetting` if one source sets both, or if the file cannot be read.
    """
    names = (name, name + FILE_SUFFIX) if is_secret else (name,)
    for source in sources:
        text = source.get(name, "").strip()
        path = source.get(name + FILE_SUFFIX, "").strip() if is_secret else ""
        if text and path:
            message = N_("Both %(name)s and %(name)s_FILE are set; set only one of them.")
            raise BadSetting(message, name=name)
        if path:
            return read_secret(name + FILE_SUFFIX, path)
        if any(variable in source for variable in names):
            return text
    return ""


def read_secret(name: str, path: str) -> str:
    """Return the secret in a file, without the line break at its end. Raises `BadSetting`.

    `name` is the variable that names the file. No message contains the secret.
    """
    secret = _read(name, path).removesuffix("\n").removesuffix("\r")
    if not secret.strip():
        raise BadSetting(N_("%(name)s names the file %(path)s, which is empty."), **_at(name, path))
    if not secret.isprintable():
        message = N_(
            "%(name)s names the file %(path)s, which must contain only the secret, in one line."
        )
        raise BadSetting(message, **_at(name, path))
    return secret.strip()


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables in a file of `NAME=value` lines. Raises `BadSetting`.

    It accepts what systemd, Docker and shells read in the same way: comments, empty lines, `export`
    before a name, and one pair of quotes around a value. Nothing in a value is expanded, and no
    character of it is special, so that a password needs no escaping.
    """
    lines = _read(ENV_FILE, path).split("\n")
    assignments = (_assignment(path, *numbered) for numbered in enumerate(lines, 1))
    return dict(pair for pair in assignments if pair)


def _assignment(path: str, number: int, line: str) -> tuple[str, str] | None:
    """Return name and value of a line, or None for a comment or an empty line."""
    line = line.strip()
    if not line or line[0] in "#;":
        return None
    assignment = ASSIGNMENT.fullmatch(line)
    if not assignment:
        message = N_("Line %(number)s of %(path)s must have the form NAME=value.")
        raise BadSetting(message, number=number, path=expanded(ENV_FILE, path))
    name, value = assignment[1], assignment[2].strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return name, value[1:-1] if is_quoted else value


def _read(name: str, path: str) -> str:
    """Return the text of a small UTF-8 file."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait until something writes to it.
        with open(expanded(name, path), "rb", opener=_open_without_waiting) as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = file.read(MAX_BYTES + 1) if is_regular else b""
    except OSError as error:
        message = N_("%(name)s names the file %(path)s, which cannot be read: %(why)s.")
        raise BadSetting(message, **_at(name, path), why=error.strerror) from error
    if not is_regular:
        message = N_("%(name)s names %(path)s, which is not a regular file.")
        raise BadSetting(message, **_at(name, path))
    if len(content) > MAX_BYTES:
        message = N_("%(name)s names the file %(path)s, which is larger than %(kb)s kB.")
        raise BadSetting(message, **_at(name, path), kb=MAX_BYTES // 1000)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = N_("%(name)s names the file %(path)s, which is not text in UTF-8.")
        raise BadSetting(message, **_at(name, path)) from None  # the cause contains the secret


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _at(name: str, path: str) -> dict[str, object]:
    return {"name": name, "path": expanded(name, path)}
