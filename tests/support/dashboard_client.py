"""A client for the dashboard: a signed-in author's browser, and its fixtures."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest

from blog.models.posts.content import FIELDS
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from tests.support import cast
from tests.support.app_client import Answer, AppClient


@dataclass
class Writer:
    """A signed-in author who submits the forms of the edit page like a browser without scripts."""

    client: AppClient
    name: str

    def __post_init__(self) -> None:
        self.user = self.client.cast.people[self.name]
        self.cookies = cast.sign_in(self.client.database, self.user)

    def get(self, path: str, **how: Any) -> Answer:
        return self.client.get(path, cookies=self.cookies, **how)

    def post(self, path: str, form: dict[str, Any] | None = None, **how: Any) -> Answer:
        return self.client.post(path, form, cookies=self.cookies, **how)

    def new(self, kind: str = "post") -> int:
        answer = self.post("/control-panel/posts/new", {"kind": kind})
        assert answer.status == 303
        return int(answer.header("location").rpartition("/")[2])

    def sheet(self, id: int) -> dict[str, Any]:
        """Return the fields of the edit page, as they would be submitted unchanged."""
        page = self.get(f"/control-panel/posts/{id}")
        assert page.status == 200
        return fields_of(page.text)

    def press(self, act: str, id: int, **typed: Any) -> Answer:
        form = {**self.sheet(id), **typed}
        return self.post(f"/control-panel/posts/{id}/{act}", form)

    def row(self, id: int) -> Post:
        return self.client.database.read_now(lambda session: session.get_one(Post, id))


def fields_of(page: str) -> dict[str, Any]:
    """Return what a browser would submit from the edit page, if nothing is changed."""
    patterns = {
        "text": r'<input [^>]*name="{name}"[^>]* value="([^"]*)"',
        "textarea": r'(?s)<textarea [^>]*name="{name}"[^>]*>\n(.*?)</textarea>',
        "select": r'(?s)<select [^>]*name="{name}".*?<option value="(\w+)" selected',
        "checkbox": r'<input [^>]*name="{name}"[^>]* value="(on)" checked',
    }
    values: dict[str, Any] = {
        name: unescape(found[1])
        for name, field in FIELDS.items()
        if (found := re.search(patterns[field.control].format(name=name), page))
    }
    values["version"] = re.findall(r'name="version" value="(\d+)"', page)[0]
    values["authors"] = re.findall(r'name="authors" value="(\d+)" checked', page)
    return values


def told_after(writer: Writer, answer: Answer) -> str:
    """Return the page after a redirect, with its message about the action."""
    cookies = {**writer.cookies, **answer.cookies}
    return writer.client.get(answer.header("location"), cookies=cookies).text


def revisions(writer: Writer, id: int) -> list[str]:
    found = writer.client.database.read_now(
        lambda session: session.query(Revision).filter(Revision.post_id == id).all()
    )
    return [revision.body for revision in found]


# --- fixtures ---


@pytest.fixture
def ann(client: AppClient) -> Writer:
    return Writer(client, "ann")


@pytest.fixture
def bob(client: AppClient) -> Writer:
    return Writer(client, "bob")


@pytest.fixture
def eve(client: AppClient) -> Writer:
    return Writer(client, "eve")


@pytest.fixture
def kim(client: AppClient) -> Writer:
    return Writer(client, "kim")


@pytest.fixture
def looking_ann(open_client: AppClient) -> Writer:
    """Ann in a blog that tests share, so she must not change anything."""
    return Writer(open_client, "ann")


@pytest.fixture
def looking_bob(open_client: AppClient) -> Writer:
    return Writer(open_client, "bob")
