"""Expands the path of a setting."""

from pathlib import Path

from blog.config.errors import BadSetting
from blog.config.languages import N_


def expanded(name: str, path: str) -> Path:
    """Return the path with `~` or `~user` replaced by the home folder.

    `name` is the variable of the setting. Raises `BadSetting` if there is no such folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        message = N_("%(name)s=%(path)s is invalid: the home folder of this user is unknown.")
        raise BadSetting(message, name=name, path=path) from None
