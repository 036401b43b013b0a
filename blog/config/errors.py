"""The errors that end a start or a command with one line for the site owner."""

from typing import Any


class UserError(Exception):
    """An error that ends the start or a command, shown as one line in the shell's language."""

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.params = params


class BadSetting(UserError):
    """An environment variable has an invalid value. The message names the variable."""
