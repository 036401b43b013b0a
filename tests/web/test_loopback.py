"""Which addresses belong to this machine."""

import pytest

from blog.loopback import is_local_name, is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost"]
)
def test_a_loopback_address_stays_on_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert is_local_name(host)


@pytest.mark.parametrize(
    "host", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1", "::", "127.0.0.1.example.org", ""]
)
def test_another_address_does_not(host: str) -> None:
    assert not is_loopback(host)
    assert not is_local_name(host)
