"""Our cookies: what they are called, and how they are read, given and taken back."""

from sanic import HTTPResponse, Request

from blog.web.headers import is_https, site_address

SESSION, BROWSER, WAITING, FLASH = "session", "browser", "waiting", "flash"


def name_of(request: Request, name: str) -> str:
    """`__Host-` where there is TLS, so that no sibling host can set it."""
    return f"__Host-{name}" if is_https(site_address(request)) else name


def read(request: Request, name: str) -> str:
    """The value; empty where none was sent, or more than one.

    Read past Sanic's own lookup, which would take `__Secure-__Host-session` for ours, too.
    """
    values = dict.get(request.cookies, name_of(request, name)) or []
    return values[0] if len(values) == 1 and values[0].isascii() else ""


def give(
    request: Request, response: HTTPResponse, name: str, value: str, *, seconds: float
) -> None:
    """For this host alone, and out of reach of scripts."""
    response.add_cookie(
        name_of(request, name),
        value,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=is_https(site_address(request)),
        max_age=int(seconds),
    )


def take(request: Request, response: HTTPResponse, name: str) -> None:
    """The browser forgets it at once."""
    give(request, response, name, "", seconds=0)
