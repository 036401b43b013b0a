"""Microformats (h-entry, h-feed, h-card, rel=me), as an independent parser reads them."""

from typing import Any

import mf2py
import pytest

from blog.models.posts.editing import WorkingCopy
from tests.home.test_views import publish
from tests.support import cast
from tests.support.app_client import AppClient


def parsed(client: AppClient, path: str) -> dict[str, Any]:
    return dict(mf2py.parse(doc=client.get(path).text, url=f"{cast.ADDRESS}{path}"))


def test_a_post_is_an_h_entry(client: AppClient) -> None:
    copy = WorkingCopy(
        title="Marked", summary="In short.", body="## Part\n\nA **long** text.", tags="Python, 异步"
    )
    path = publish(client, client.cast, copy)
    [entry] = parsed(client, path)["items"]
    properties = entry["properties"]
    assert entry["type"] == ["h-entry"]
    assert properties["name"] == ["Marked"]
    assert properties["summary"] == ["In short."]
    assert properties["url"] == [f"{cast.ADDRESS}{path}"]
    assert properties["category"] == ["Python", "异步"]
    assert "<strong>long</strong>" in properties["content"][0]["html"]
    assert properties["content"][0]["value"].split() == ["Part", "A", "long", "text."]
    assert properties["published"] == [page_times(client, path)[0]]
    assert len(properties["updated"]) == 1
    [author] = properties["author"]
    assert author["type"] == ["h-card"]
    assert author["properties"] == {
        "name": ["Ann Archer"],
        "url": [f"{cast.ADDRESS}/authors/ann"],
    }


def page_times(client: AppClient, path: str) -> list[str]:
    """Return the times that the page gives to other programs in its head."""
    head = client.get(path).text.split("</head>")[0]
    return [part.split('"')[0] for part in head.split('_time" content="')[1:]]


def test_comments_are_not_part_of_the_post(open_client: AppClient) -> None:
    path = open_client.cast.ann_live.path
    [entry] = parsed(open_client, path)["items"]
    assert "lovely" not in entry["properties"]["content"][0]["value"]
    assert len(entry["properties"]["author"]) == 1


def test_a_page_is_no_entry(open_client: AppClient) -> None:
    assert parsed(open_client, "/about")["items"] == []


@pytest.mark.parametrize("front", ["list", "cards"])
@pytest.mark.parametrize("path", ["/", "/tags/python", "/authors/ann"])
def test_a_list_is_an_h_feed_of_its_posts(client: AppClient, path: str, front: str) -> None:
    cast.choose(client.database, front=front)
    [feed] = parsed(client, path)["items"]
    assert feed["type"] == ["h-feed"]
    assert feed["properties"]["name"]
    entries = [child["properties"] for child in feed["children"]]
    assert {child["type"][0] for child in feed["children"]} == {"h-entry"}
    live = client.cast.ann_live
    [entry] = [each for each in entries if each["url"] == [f"{cast.ADDRESS}{live.path}"]]
    assert entry["name"] == [live.title]
    assert entry["summary"] == [f"What the {live.word} was about."]
    assert entry["author"][0]["properties"]["name"] == ["Ann Archer"]
    assert "Python" in entry["category"]
    assert len(entry["published"]) == 1


def test_the_index_of_authors_is_a_list_of_h_cards(open_client: AppClient) -> None:
    cards = parsed(open_client, "/authors")["items"]
    assert [card["type"] for card in cards] == [["h-card"], ["h-card"]]
    assert cards[0]["properties"]["url"] == [f"{cast.ADDRESS}/authors/ann"]


def test_the_front_page_names_the_profiles_of_the_site(client: AppClient) -> None:
    profiles = ["https://social.example/@ann", "https://code.example/ann"]
    cast.choose(client.database, profiles="\n".join(profiles))
    assert parsed(client, "/")["rels"]["me"] == profiles
    assert "me" not in parsed(client, "/about")["rels"]


def test_without_the_setting_no_link_claims_a_profile(open_client: AppClient) -> None:
    assert "me" not in parsed(open_client, "/")["rels"]
