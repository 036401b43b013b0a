"""Makes the links and pictures in sanitised HTML absolute, for feeds."""

import re
from html import escape, unescape
from urllib.parse import urljoin

from blog.markup.clean import ATTRIBUTE, SCHEME, TAG

# The attributes with an address that the sanitiser allows or adds.
ADDRESSES = frozenset({"href", "src", "srcset"})
# What comes before a host. Browsers read a backslash as a slash, and more slashes as two.
HOST_FOLLOWS = re.compile(r"\A\s*[/\\]{2,}")
# An address in a `srcset`, which is followed by the picture's width.
CANDIDATE = re.compile(r"(^|,\s+)(\S+)")


def absolute_links(html: str, base: str) -> str:
    """Make all addresses in sanitised HTML absolute.

    `base` is the absolute URL of the page that shows the HTML: relative links and links to
    headings of the same page start from there. Addresses with a scheme stay unchanged.
    """

    def rewrite_attribute(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name not in ADDRESSES:
            return match[0]
        return f' {name}="{escape(_absolute_value(name, unescape(value), base))}"'

    return TAG.sub(lambda tag: ATTRIBUTE.sub(rewrite_attribute, tag[0]), html)


def _absolute_value(name: str, value: str, base: str) -> str:
    if name == "srcset":
        return CANDIDATE.sub(lambda match: match[1] + absolute_address(match[2], base), value)
    return absolute_address(value, base)


def absolute_address(address: str, base: str) -> str:
    """Return an address, relative to the absolute URL `base`, as an absolute URL.

    An address that names a host, such as `//host/path`, gets the scheme of `base`. One that has a
    scheme, or is not a valid URL, is returned unchanged.
    """
    if SCHEME.match(address):
        return address
    try:
        return urljoin(base, HOST_FOLLOWS.sub("//", address))
    except ValueError:
        return address
