"""Serves the page with Tornado handlers, or with Flask in Tornado's WSGIContainer.

python -m bench.rivals.tornado.app PORT PROCESSES [flask]
"""

import asyncio
import os
import sys
from typing import Any

from aiocache import SimpleMemoryCache, cached
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.process import fork_processes
from tornado.web import Application, HTTPError, RequestHandler
from tornado.wsgi import WSGIContainer

from bench.rivals import template
from bench.rivals.post import page


class Post(RequestHandler):
    async def get(self) -> None:
        self.finish(await rendered(self.request.path))


async def rendered(path: str) -> str:
    """Query in the event loop: each query takes about 0.1 ms, and a thread would cost more."""
    context = page(path)
    if context is None:
        raise HTTPError(404)
    return template.post.render(context)


if os.environ.get("BENCH_CACHE"):
    rendered = cached(ttl=60, cache=SimpleMemoryCache, key_builder=lambda _, path: path)(rendered)


def application(kind: str) -> Any:
    if kind == "flask":
        from bench.rivals.flask.app import app

        return WSGIContainer(app)
    return Application([(r"/.*", Post)])


def main(port: str, processes: str, kind: str = "") -> None:
    sockets = bind_sockets(int(port), "127.0.0.1", backlog=2048)
    fork_processes(int(processes), max_restarts=0)
    asyncio.run(serve(sockets, kind))


async def serve(sockets: list[Any], kind: str) -> None:
    HTTPServer(application(kind)).add_sockets(sockets)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
