"""Tornado: its own server and handlers, or Flask in its WSGIContainer.

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
    """A query of a tenth of a millisecond is asked in the loop: any thread would cost more."""
    found = page(path)
    if found is None:
        raise HTTPError(404)
    return template.post.render(found)


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
