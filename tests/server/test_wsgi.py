"""What a server that speaks WSGI may hand over, odd things too, and what it gets back."""

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
TRY = b"login=nobody&password=wrong"
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


class Heard:
    """One answer, as a WSGI server would gather it."""

    def __init__(self, application: Callable[..., Any], **environ: Any) -> None:
        setup_testing_defaults(environ)
        self.parts = application(environ, self.start)

    def start(self, status: str, headers: list[tuple[str, str]], _fault: object = None) -> None:
        self.status, self.headers = int(status.split()[0]), dict(headers)

    def all(self) -> "Heard":
        self.body = b"".join(self.parts)
        return self


def test_a_page_comes_whole_and_its_head_alone(served):
    page = Heard(served).all()
    assert (page.status, int(page.headers["content-length"])) == (200, len(page.body))
    head = Heard(served, REQUEST_METHOD="HEAD").all()
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]


@pytest.mark.parametrize("path", ["/\xff", "/a b?c#d", "/èe8", "/%2F", "//[", ""])
def test_any_path_is_an_address_even_if_nothing_is_there(served, path):
    page = Heard(served, PATH_INFO=path, QUERY_STRING="q=\xff %").all()
    assert page.status == (404 if path else 200) and b"<h1" in page.body
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_chinese_address_is_found(served):
    word = "茶".encode().decode("latin-1")
    page = Heard(served, PATH_INFO="/search", QUERY_STRING=f"q={word}").all()
    assert page.status == 200 and "茶" in page.body.decode()


def test_a_form_is_read_to_its_end(served):
    whole = {"CONTENT_LENGTH": str(len(TRY)), "wsgi.input": BytesIO(TRY)}
    page = Heard(served, **FORM, **whole).all()
    assert page.status == 422 and b"nobody" in page.body


def test_half_a_form_or_one_of_untold_length_is_none(served):
    half = {"CONTENT_LENGTH": "90", "wsgi.input": BytesIO(TRY)}
    assert Heard(served, **FORM, **half).all().status == 400
    assert Heard(served, **FORM, CONTENT_LENGTH="90", **{"wsgi.input": Gone()}).all().status == 400
    assert Heard(served, **FORM, HTTP_TRANSFER_ENCODING="chunked").all().status == 411


class Gone:
    """What a server raises for whoever has left."""

    def read(self, size: int) -> bytes:
        raise OSError("gone")


def test_whoever_leaves_in_the_middle_leaves_nothing_behind(served):
    loop = served.opened().loop
    before = len(asyncio.all_tasks(loop))
    for _ in range(5):
        answer = Heard(served)
        next(answer.parts)
        answer.parts.close()
    wait_for(lambda: len(asyncio.all_tasks(loop)) <= before, 10)
