"""Runs the blog under other servers, with the exact commands of docs/servers.md."""

import io
import re
import shlex
import socket
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from PIL import Image

from blog.config import Config
from tests.support.dashboard_client import fields_of
from tests.support.live_server import ROOT, Site, environment

# Parts of the commands in the handbook -> what the tests use instead.
REPLACEMENTS = {
    "8000": "{port}",
    "-w 4": "-w 2",
    "--workers 4": "--workers 2",
    "-p 4": "-p 2",
}
PASSWORD = "four words in a row"
BOUNDARY = "7d9f1c"
FORM = "application/x-www-form-urlencoded"


def blocks(kind: str, language: str = "") -> dict[str, list[str]]:
    """Return the code blocks of this kind in docs/servers.md by their heading."""
    text = (ROOT / "docs" / language / "servers.md").read_text()
    return {
        section.partition("\n")[0]: re.findall(rf"(?ms)^```{kind}\n(.*?)^```", section)
        for section in re.split(r"(?m)^###? ", text)[1:]
    }


def chapter() -> dict[str, list[str]]:
    return blocks("sh")


class Hosted(Site):
    """`with Hosted(config, "uvicorn …") as site:`. Runs a program of the virtual environment."""

    def __init__(self, config: Config, command: str, **settings: str) -> None:
        super().__init__(config, env=environment(config, **settings))
        command = command.replace("\\\n", " ")
        for word, replacement in REPLACEMENTS.items():
            command = command.replace(word, replacement.format(port=config.port))
        first, *words = shlex.split(command)
        self.command = [str(Path(sys.executable).parent / first), *words]


def say(port: int, words: bytes, leave: bool = False) -> bytes:
    """Send exactly these bytes, then return the response or, with `leave`, disconnect."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        with suppress(ConnectionError, TimeoutError):
            line.sendall(words)
        with suppress(ConnectionError, TimeoutError):
            while not leave and (piece := line.recv(65536)):
                received += piece
    return received


class SiteOwner:
    """A site owner's browser, which keeps cookies and follows redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        )

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> "Page":
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, fields)  # noqa: S310 -- our own site
        try:
            return Page(self.browser.open(request, timeout=30))
        except HTTPError as refusal:
            return Page(refusal)

    def post(self, path: str, form: Mapping[str, Any]) -> "Page":
        return self.ask(path, urlencode(form, doseq=True).encode(), Sec_Fetch_Site="same-origin")

    def send(self, path: str, name: str, raw: bytes) -> "Page":
        """Upload a file as the picture field of a page does."""
        head = f'Content-Disposition: form-data; name="picture"; filename="{name}"\r\n\r\n'
        body = f"--{BOUNDARY}\r\n{head}".encode() + raw + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return self.ask(
            path, body, Sec_Fetch_Site="same-origin", Content_Type=kind, Accept="application/json"
        )

    # --- actions of a site owner -----------------------------------------------------------------

    def set_up(self, link: str) -> "Page":
        form = {"title": "茶", "address": self.url, "language": "en", "timezone": "UTC"}
        form |= {"name": "ann", "email": "ann@example.org", "password": PASSWORD}
        return self.post(link, form)

    def sign_in(self) -> "Page":
        return self.post("/sign-in", {"login": "ann", "password": PASSWORD})

    def publish(self, **typed: str) -> "Page":
        edit_page = self.post("/control-panel/posts/new", {"kind": "post"})
        return self.post(f"{edit_page.path}/publish", {**fields_of(edit_page.text), **typed})


class Page:
    """The response after all redirects, with its path."""

    def __init__(self, answer: HTTPResponse | HTTPError) -> None:
        with answer:
            self.status = answer.status
            self.path = urllib.request.urlparse(answer.geturl()).path
            self.headers, self.body = answer.headers, answer.read()

    @property
    def text(self) -> str:
        return self.body.decode()


def photograph() -> bytes:
    drawn = io.BytesIO()
    Image.effect_noise((900, 600), 60).convert("RGB").save(drawn, "JPEG")
    return drawn.getvalue()
