"""The sitemap, and robots.txt."""

from xml.etree import ElementTree

import pytest
from sqlalchemy.orm import Session

from blog.models.public import archives
from blog.models.settings import site
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient

MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def test_the_sitemap_holds_every_listed_post_and_page(client: AppClient) -> None:
    tree = ElementTree.fromstring(client.get("/sitemap.xml").body)  # noqa: S314 -- our own
    places = [url.findtext(MAP + "loc") for url in tree]
    shown = ["/", client.cast.about.path, client.cast.ann_edited.path, client.cast.bob_zh.path]
    assert {cast.ADDRESS + path for path in shown} <= set(places)
    assert cast.ADDRESS + client.cast.ann_unlisted.path not in places
    assert all(url.findtext(MAP + "lastmod") for url in list(tree)[1:])


def test_the_sitemap_of_a_large_blog_is_an_index_of_parts(
    client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def places(path: str) -> list[str]:
        tree = ElementTree.fromstring(client.get(path).body)  # noqa: S314 -- our own
        return [str(url.findtext(MAP + "loc")).removeprefix(cast.ADDRESS) for url in tree]

    whole = places("/sitemap.xml")
    monkeypatch.setattr(archives, "IN_ONE_SITEMAP", 2)
    client.database.transact_now(touch, by=client.cast.bob)
    parts = places("/sitemap.xml")
    assert parts == [f"/sitemap.xml/{number}" for number in range(len(parts))] and len(parts) > 2
    part_paths = [places(part) for part in parts]
    assert sorted(path for part in part_paths for path in part) == sorted(whole)
    assert [len(part) for part in part_paths[1:-1]] == [2] * len(part_paths[1:-1])
    assert part_paths[0] == ["/", client.cast.about.path]
    assert client.database.read_now(archives.for_sitemap).places == []  # the index needs none
    for beyond in (len(parts), -1, 10**9):
        assert client.get(f"/sitemap.xml/{beyond}").status == 404


def touch(session: Session, *, by: User) -> None:
    session.get_one(site.Site, site.SITE_ID).tagline += "!"


def test_robots_txt_disallows_the_private_pages(client: AppClient) -> None:
    lines = client.get("/robots.txt").text.splitlines()
    assert {"Disallow: /admin/", "Disallow: /control-panel/", "Disallow: /preview/"} <= set(lines)
    assert f"Sitemap: {cast.ADDRESS}/sitemap.xml" in lines
