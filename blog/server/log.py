"""The lines of the log, without what would open a door to whoever reads them."""

import logging
import re

from sanic.log import access_logger, error_logger

# Links that work for whoever has them; nginx.conf leaves out the same of its own lines.
KEYS = re.compile(
    r"(/(?:reset|invitation|preview|unsubscribe)/|/set-up\?(?:[^\s\"]*&)?key=)[\w%-]+"
)


def leave_out_keys() -> None:
    """Once for each process, however often it makes an application."""
    for logger in (access_logger, error_logger):
        logger.addFilter(hide_keys)


def hide_keys(record: logging.LogRecord) -> bool:
    """A filter: all may pass, without keys. Sanic lays the address beside the words of a line."""
    if isinstance(request := getattr(record, "request", None), str):
        record.request = without_keys(request)
    if isinstance(record.args, tuple):
        record.args = tuple(
            without_keys(one) if isinstance(one, str) else one for one in record.args
        )
    return True


def without_keys(text: str) -> str:
    return KEYS.sub(r"\1…", text)
