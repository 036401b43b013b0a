"""The JSON-LD of posts and of the front page: valid, true, and harmless whatever a title holds."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from blog.models.posts.editing import WorkingCopy
from tests.home.metadata.vocabulary import Vocabulary
from tests.home.test_views import publish
from tests.support import cast
from tests.support.app_client import AppClient

DATA = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.DOTALL)
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]> & 'quotes' \"double\" \\ back",
    "line\u2028separator\u2029end",
)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary()


def data_of(client: AppClient, path: str) -> list[dict[str, Any]]:
    return [json.loads(found) for found in DATA.findall(client.get(path).text)]


def test_a_post_is_described_in_the_vocabulary_of_schema_org(
    client: AppClient, vocabulary: Vocabulary
) -> None:
    copy = WorkingCopy(
        title="With everything",
        summary="All of it.",
        body="Some words.",
        tags="Python, 异步",
        cover="/media/ab/cover.webp",
    )
    path = publish(client, client.cast, copy)
    [posting] = data_of(client, path)
    assert vocabulary.faults(posting) == []
    times = [datetime.fromisoformat(posting.pop(name)) for name in TIMES]
    assert times[0] <= times[1] and times[0].utcoffset() is not None
    assert posting == {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "@id": f"{cast.ADDRESS}{path}",
        "url": f"{cast.ADDRESS}{path}",
        "mainEntityOfPage": f"{cast.ADDRESS}{path}",
        "headline": "With everything",
        "description": "All of it.",
        "inLanguage": "en",
        "wordCount": 2,
        "keywords": ["Python", "异步"],
        "image": f"{cast.ADDRESS}/media/ab/cover.webp",
        "author": [{"@type": "Person", "name": "Ann Archer", "url": f"{cast.ADDRESS}/authors/ann"}],
        "publisher": {"@type": "Organization", "name": cast.TITLE, "url": f"{cast.ADDRESS}/"},
    }


TIMES = ("datePublished", "dateModified")


def test_a_description_names_only_what_the_post_has(client: AppClient) -> None:
    [posting] = data_of(client, client.cast.bob_zh.path)
    assert posting["inLanguage"] == "zh"
    assert "image" not in posting
    assert all(posting.values())


def test_the_front_page_describes_the_site(client: AppClient, vocabulary: Vocabulary) -> None:
    [site] = data_of(client, "/")
    assert vocabulary.faults(site) == []
    assert (site["@type"], site["name"], site["url"]) == (
        "WebSite",
        cast.TITLE,
        f"{cast.ADDRESS}/",
    )


@pytest.mark.parametrize("path", ["/about", "/archive", "/tags/python", "/nothing/here"])
def test_other_pages_have_no_description(client: AppClient, path: str) -> None:
    assert data_of(client, path) == []


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_cannot_leave_the_data(client: AppClient, title: str) -> None:
    path = publish(client, client.cast, WorkingCopy(title=title, body="Words.", tags="a, b"))
    text = client.get(path).text
    [raw] = DATA.findall(text)
    assert not set(raw) & set("<>&\u2028\u2029")
    assert text.count("<script") == 1
    assert " ".join(json.loads(raw)["headline"].split()) == " ".join(title.split())


# --- the check itself ---


def changed(posting: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**posting, **values}


def test_the_check_finds_faults(open_client: AppClient, vocabulary: Vocabulary) -> None:
    [posting] = data_of(open_client, open_client.cast.ann_live.path)
    assert vocabulary.faults(posting) == []
    for fault, wrong in {
        "there is no type 'BlogPost'": {"@type": "BlogPost"},
        "there is no property 'heading'": {"heading": "x"},
        "a BlogPosting has no birthDate": {"birthDate": "2026-01-01"},
        "wordCount is not 'many'": {"wordCount": "many"},
        "author is no WebPage": {"author": {"@type": "WebPage"}},
        "a Person has no headline": {"author": {"@type": "Person", "headline": "x"}},
        "the context is not schema.org": {"@context": "https://example.org"},
    }.items():
        assert vocabulary.faults(changed(posting, **wrong)) == [fault]
