"""Removes secret keys from the server's log: links in it must not work for whoever reads it."""

import logging
import re

from sanic.log import access_logger, error_logger

# Keys in links that work for anyone who has them. nginx.conf removes the same ones from its log.
KEYS = re.compile(
    r"(/(?:reset|invitation|preview|unsubscribe)/|/set-up\?(?:[^\s\"]*&)?key=)[\w%-]+"
)


def install_key_filter() -> None:
    """Add the filter to Sanic's loggers. Safe to call more than once per process."""
    for logger in (access_logger, error_logger):
        logger.addFilter(remove_keys)


def remove_keys(record: logging.LogRecord) -> bool:
    """Remove keys from a log record; a logging filter that lets every record pass.

    Sanic stores the requested URL as an attribute of the record, not in its message.
    """
    if isinstance(request := getattr(record, "request", None), str):
        record.request = without_keys(request)
    if isinstance(record.args, tuple):
        record.args = tuple(
            without_keys(arg) if isinstance(arg, str) else arg for arg in record.args
        )
    return True


def without_keys(text: str) -> str:
    """Replace each key by an ellipsis."""
    return KEYS.sub(r"\1…", text)
