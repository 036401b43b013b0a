"""The processes that serve the blog: start-up, supervision, health, logging and other servers."""

from types import SimpleNamespace
from typing import Any

from sanic import Sanic

# The application, as listeners get it. `ctx` is filled in `blog.app`.
App = Sanic[Any, SimpleNamespace]  # Sanic's own type of the configuration is too loose
