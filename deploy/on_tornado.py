"""Runs the blog in Tornado's WSGIContainer: `python deploy/on_tornado.py`."""

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor

from tornado.httpserver import HTTPServer
from tornado.wsgi import WSGIContainer

from blog.app import app
from blog.wsgi import application

THREADS = 16  # requests at a time; without threads, one request would block all others


async def serve() -> None:
    config, stop = app.ctx.config, asyncio.Event()
    with ThreadPoolExecutor(THREADS) as threads:
        server = HTTPServer(
            WSGIContainer(application, threads),
            max_buffer_size=app.config.REQUEST_MAX_SIZE,
        )
        server.listen(config.port, config.host)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        server.stop()
        await server.close_all_connections()


if __name__ == "__main__":
    logging.getLogger("tornado.access").disabled = not app.ctx.config.access_log
    asyncio.run(serve())
