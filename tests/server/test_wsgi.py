"""The WSGI adapter: unusual requests of WSGI servers, and the responses that they get."""

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from sanic import Sanic

from blog.app import create_app
from blog.config import Config
from blog.wsgi import Application
from tests.support.live_server import wait_for

FORM = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
FORM |= {"PATH_INFO": "/sign-in", "HTTP_SEC_FETCH_SITE": "same-origin"}
CREDENTIALS = b"login=nobody&password=wrong"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory, furnished) -> Iterator[Application]:
    config = Config(data_dir=tmp_path_factory.mktemp("wsgi"))
    shutil.copy(furnished.file, config.data_dir)
    Sanic.test_mode = True
    application = Application(create_app(config, f"wsgi-{next(numbers)}"))
    yield application
    loop = application.opened().loop
    application.close()
    wait_for(lambda: not loop.is_running())
    loop.close()


class Response:
    """One response, collected as a WSGI server does."""

    def __init__(self, application: Callable[..., Any], **environ: Any) -> None:
        setup_testing_defaults(environ)
        self.parts = application(environ, self.start)

    def start(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        self.status, self.headers = int(status.split()[0]), dict(headers)

    def read(self) -> "Response":
        self.body = b"".join(self.parts)
        return self


def test_get_returns_the_page_and_head_only_its_headers(served):
    page = Response(served).read()
    assert (page.status, int(page.headers["content-length"])) == (200, len(page.body))
    head = Response(served, REQUEST_METHOD="HEAD").read()
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]


@pytest.mark.parametrize("path", ["/\xff", "/a b?c#d", "/èe8", "/%2F", "//[", ""])
def test_any_path_gets_an_html_page(served, path):
    page = Response(served, PATH_INFO=path, QUERY_STRING="q=\xff %").read()
    assert page.status == (404 if path else 200) and b"<h1" in page.body
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_chinese_address_is_found(served):
    word = "茶".encode().decode("latin-1")
    page = Response(served, PATH_INFO="/search", QUERY_STRING=f"q={word}").read()
    assert page.status == 200 and "茶" in page.body.decode()


def test_a_form_is_read_to_its_end(served):
    complete = {"CONTENT_LENGTH": str(len(CREDENTIALS)), "wsgi.input": BytesIO(CREDENTIALS)}
    page = Response(served, **FORM, **complete).read()
    assert page.status == 422 and b"nobody" in page.body


def test_a_truncated_form_or_one_without_a_length_is_refused(served):
    truncated = {"CONTENT_LENGTH": "90", "wsgi.input": BytesIO(CREDENTIALS)}
    assert Response(served, **FORM, **truncated).read().status == 400
    assert (
        Response(served, **FORM, CONTENT_LENGTH="90", **{"wsgi.input": Disconnected()})
        .read()
        .status
        == 400
    )
    assert Response(served, **FORM, HTTP_TRANSFER_ENCODING="chunked").read().status == 411


class Disconnected:
    """Input that raises what servers raise after the client has disconnected."""

    def read(self, size: int) -> bytes:
        raise OSError("disconnected")


def test_a_client_that_disconnects_leaves_no_task_behind(served):
    loop = served.opened().loop
    before = len(asyncio.all_tasks(loop))
    for _ in range(5):
        response = Response(served)
        next(response.parts)
        response.parts.close()
    wait_for(lambda: len(asyncio.all_tasks(loop)) <= before, 10)
