"""Decoding, comparing and reserving addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.base import Refusal


@pytest.mark.parametrize(
    "variant",
    ["/2014/09/15/Rust-1.0", "/2014/09/15/rust-1.0/", "/2014/09/15/Rust-1.0.html"],
)
def test_spellings_with_slash_capitals_or_html_share_one_key(variant):
    assert address.key_of(variant) == "/2014/09/15/rust-1.0"


def test_percent_encoded_chinese_is_decoded_once():
    assert address.decode("/%E5%BC%82%E6%AD%A5/") == "/异步/"
    assert address.decode("/%2525") == "/%25"


@pytest.mark.parametrize("raw", ["/%00", "/a%0d%0ab", "/%ff", "/" + "a" * 600, "a"])
def test_an_invalid_path_is_not_decoded(raw):
    assert address.decode(raw) is None


@pytest.mark.parametrize(
    "path",
    [
        "/admin/x",
        "/Search",
        "/feed.atom",
        "/rss.xml",
        "/feed.json",
        "/",
        "/tags/a",
        "/health",
        "/tags",
        "/authors",
        "/site.webmanifest",
        "/apple-touch-icon.png",
        "/.well-known/security.txt",
    ],
)
def test_paths_with_routes_of_their_own_are_reserved(path):
    assert address.is_reserved(path)


def test_a_post_keeps_an_address_that_a_later_release_reserved(database, world):
    def claim(session, post):
        return address.claim(session, "/rss.xml", post.id).post_id

    with pytest.raises(Refusal, match="reserved"):
        database.transact_now(claim, world.about)

    def give_the_address(session):
        session.add(Address(path="/rss.xml", key="/rss.xml", post_id=world.about.id))

    database.transact_now(give_the_address)
    assert database.transact_now(claim, world.about) == world.about.id
    with pytest.raises(Refusal, match="already in use"):
        database.transact_now(claim, world.ann_live)


@pytest.mark.parametrize("path", ["/.well-known/webfinger", "/site", "/adminx", "/a/tags"])
def test_other_paths_are_free(path):
    assert not address.is_reserved(path)


@given(st.text(max_size=60))
def test_encoding_and_decoding_an_address_returns_it_unchanged(text):
    path = address.decode("/" + text.replace("%", ""))
    if path is not None:
        assert address.decode(address.href(path)) == path
