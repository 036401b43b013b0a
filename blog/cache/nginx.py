"""How long nginx in front may cache a response: the X-Accel-Expires request and response header.

nginx.conf sends the current second in a request header. If nginx may cache the response, we answer
with the same header: cache until the end of that second. After that nginx revalidates the page by
its ETag. A request without the header gets none, so that no other proxy passes it on.
"""

import re

from sanic import HTTPResponse, Request

from blog.models.base import now

HEADER = "x-accel-expires"  # nginx interprets it, and removes it from what it passes on
SECOND = re.compile(r"@(\d{9,12})", re.ASCII)
MOVED_OR_GONE = {301, 302, 303, 307, 308, 403, 404, 410}


def expiry(request: Request) -> str:
    """Return the expiry for the response to this request; "" if nginx must not cache it."""
    return expiry_for(request.headers.get(HEADER, ""))


def expiry_for(header: str) -> str:
    """Return the expiry, `@` and a Unix time, for a value of the request header; "" for none.

    It is the second by nginx's clock, but not later than ours.
    """
    second = SECOND.fullmatch(header)
    return f"@{min(int(second[1]), int(now().timestamp()))}" if second else ""


def cache_moved_or_gone(request: Request, response: HTTPResponse) -> None:
    """Response middleware: let nginx cache the answer that a page has moved or is gone.

    Without this, nginx would keep the page that it is revalidating, and serve it again whenever
    the blog does not answer.
    """
    is_revalidating = "if-none-match" in request.headers and response.status in MOVED_OR_GONE
    if is_revalidating and (until := expiry(request)):
        response.headers[HEADER] = until
