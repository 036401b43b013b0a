"""Tells whether a host name or IP address belongs to this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a connection to the host stays on this machine: a loopback IP, or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local_name(host: str) -> bool:
    """Whether a link to the host works on this machine only.

    Unlike `is_loopback` this is true of `*.localhost`, which some resolvers look up elsewhere.
    """
    return is_loopback(host) or host.endswith(".localhost")
