"""Runs a real nginx with the shipped nginx.conf, changed only in paths, port and host name.

`Listener` stands in for the blog and records what nginx forwards.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.live_server import ROOT, Reply, Site, ask, free_port, program, wait_for

HOST = "ink.example"
# Headers with which a visitor might forge their address, and which must not be trusted.
FORGED = {
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X_Forwarded_For": "6.6.6.6",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Port": "444",
    "X_Forwarded_Path": "/evil",
    "X_Real_IP": "6.6.6.6",
    "X_Scheme": "https",
    "Origin": "https://elsewhere.example",
    "Sec_Fetch_Site": "cross-site",
}
MAIN = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/blog.conf;
}}
"""


class Front:
    """A web server in front of a site, with its own folder. Subclasses start the program."""

    port: int
    folder: Path

    def run(self, command: list[str]) -> Self:
        self.process = subprocess.Popen(command)
        wait_for(self.answers, why=self.errors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.errors
        with contextlib.suppress(OSError):
            return self.get("/").status > 0
        return False

    @property
    def errors(self) -> str:
        log = self.folder / "error.log"
        return log.read_text() if log.exists() else ""

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask(path, **headers)

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Reply:
        return ask(self.port, path, method, body, **{"Host": HOST, **headers})


class Nginx(Front):
    """`with Nginx(site) as front: front.get("/")`."""

    def __init__(self, site: Site, *, may_read: bool = True) -> None:
        self.site = site
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="nginx-"))
        # Started by root, its workers change to a user that cannot read the data folder.
        user = "user root;" if may_read and os.geteuid() == 0 else ""
        self.folder.joinpath("nginx.conf").write_text(MAIN.format(folder=self.folder, user=user))
        self.folder.joinpath("blog.conf").write_text(self.config_text(ROOT.joinpath("nginx.conf")))

    def config_text(self, shipped: Path) -> str:
        """Return the shipped file with our port, host and folder in the lines to be edited."""
        text = re.sub(r"(?m)^ *listen \[::\].*\n", "", shipped.read_text())
        text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{self.port}", text)
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.site.port}")
        text = text.replace("blog.example.org", HOST)
        text = text.replace("/var/log/nginx", str(self.folder))
        text = text.replace("/var/cache/nginx-blog", str(self.folder / "kept"))
        return text.replace("/srv/blog/data", str(self.site.config.data_dir))

    def __enter__(self) -> Self:
        command = [str(program("nginx")), "-c", str(self.folder / "nginx.conf")]
        command += ["-e", str(self.folder / "error.log")]
        return self.run(command)

    @property
    def lines(self) -> str:
        """The access log, with one line for each request."""
        log = self.folder / "access.log"
        return log.read_text() if log.exists() else ""


class Listener:
    """Stands in for the blog and records the requests that nginx forwards."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.requests: list[bytes] = []
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def listen(self):
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(20)
                self.requests.append(line.recv(65536))
                line.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
