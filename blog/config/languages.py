"""The languages of the blog, and the language of the shell that started it."""

import os

LANGUAGES = {"en": "English", "zh": "简体中文"}


def N_(message: str) -> str:  # noqa: N802 -- gettext's own name for "translate this later"
    """Mark a sentence for the catalogue; it is translated where it is shown."""
    return message


def shell_language() -> str:
    """Return the shell's language ("en" or "zh") by the first locale variable that is set."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if code := os.environ.get(name, "")[:2]:
            return code if code in LANGUAGES else "en"
    return "en"
