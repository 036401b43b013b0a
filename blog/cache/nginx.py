"""A proxy in front that keeps pages, as nginx.conf has it: how long it may.

It asks by a header that says which second it is, and is answered by the same one where it may keep
what it gets to the end of that second. Then it asks anew, by the page's ETag. Whoever does not ask
is told nothing, so that no other proxy hands the header on.
"""

import re

from sanic import HTTPResponse, Request

from blog.models.base import now

HEADER = "x-accel-expires"  # nginx's word, which it takes out of what it gives to others
SECOND = re.compile(r"@(\d{9,12})", re.ASCII)
ELSEWHERE = {301, 302, 303, 307, 308, 403, 404, 410}


def kept_until(request: Request) -> str:
    return until(request.headers.get(HEADER, ""))


def until(asked: str) -> str:
    """The second that it may keep the answer for, by its clock and not beyond ours; "" for none."""
    second = SECOND.fullmatch(asked)
    return f"@{min(int(second[1]), int(now().timestamp()))}" if second else ""


def let_go(request: Request, response: HTTPResponse) -> None:
    """Response middleware: a page that it has and asks about has moved or is gone. It keeps that
    instead, or it would show the page again as soon as we are away."""
    asks_again = "if-none-match" in request.headers and response.status in ELSEWHERE
    if asks_again and (until := kept_until(request)):
        response.headers[HEADER] = until
