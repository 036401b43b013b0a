"""The processes that serve the blog: start-up, supervision, health, logging and other servers."""

from types import SimpleNamespace

from sanic import Sanic
from sanic.config import Config as SanicConfig

# The application as listeners get it. `ctx` is filled in `blog.app`.
App = Sanic[SanicConfig, SimpleNamespace]
