"""One table says which address shows or leads to what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blog.models.addresses import address


@pytest.mark.parametrize(
    "variant",
    ["/2014/09/15/Rust-1.0", "/2014/09/15/rust-1.0/", "/2014/09/15/Rust-1.0.html"],
)
def test_slash_capitals_and_html_share_one_key(variant):
    assert address.key_of(variant) == "/2014/09/15/rust-1.0"


def test_percent_encoded_chinese_is_decoded_once():
    assert address.decode("/%E5%BC%82%E6%AD%A5/") == "/异步/"
    assert address.decode("/%2525") == "/%25"


@pytest.mark.parametrize("raw", ["/%00", "/a%0d%0ab", "/%ff", "/" + "a" * 600, "a"])
def test_nonsense_is_no_address(raw):
    assert address.decode(raw) is None


@pytest.mark.parametrize("path", ["/admin/x", "/Search", "/feed.atom", "/", "/tags/a", "/health"])
def test_what_the_blog_answers_itself_is_reserved(path):
    assert address.is_reserved(path)


@given(st.text(max_size=60))
def test_a_link_to_any_address_leads_back_to_it(text):
    path = address.decode("/" + text.replace("%", ""))
    if path is not None:
        assert address.decode(address.href(path)) == path
