"""Runs the blog on Werkzeug's server, for local use: `python deploy/on_werkzeug.py`."""

import logging
import signal
import sys
import threading
from typing import Any

from werkzeug.serving import ThreadedWSGIServer

from blog.app import app
from blog.wsgi import application


class Server(ThreadedWSGIServer):
    daemon_threads = False  # stopping waits for running requests

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report disconnected clients and malformed requests as errors."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ValueError)):
            super().handle_error(request, client_address)

    def stop(self, *_signal: Any) -> None:
        threading.Thread(target=self.shutdown).start()


if __name__ == "__main__":
    config = app.ctx.config
    logging.getLogger("werkzeug").disabled = not config.access_log
    server = Server(config.host, config.port, application)
    signal.signal(signal.SIGTERM, server.stop)
    server.serve_forever()
