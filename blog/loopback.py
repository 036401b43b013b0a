"""Tells whether a host name or IP address belongs to this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a connection to the host stays on this machine: a loopback IP, or `localhost`.

    A socket that listens on `::` sees the IPv4 client 127.0.0.1 as `::ffff:127.0.0.1`.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    if isinstance(address, ipaddress.IPv6Address):
        # Before Python 3.13, `is_loopback` of such an address is False.
        address = address.ipv4_mapped or address
    return address.is_loopback


def is_local_name(host: str) -> bool:
    """Whether a link to the host works on this machine only.

    Unlike `is_loopback` this is true of `*.localhost`, which some resolvers look up elsewhere.
    """
    return is_loopback(host) or host.endswith(".localhost")
