"""The blog's own cookies: their names, and how they are read, set and deleted."""

from sanic import HTTPResponse, Request

from blog.web.headers import is_https, site_address

SESSION, BROWSER, WAITING, FLASH = "session", "browser", "waiting", "flash"


def name_of(request: Request, name: str) -> str:
    """Return the cookie's full name: with the prefix `__Host-` under TLS.

    The prefix keeps other hosts of the same domain from setting the cookie.
    """
    return f"__Host-{name}" if is_https(site_address(request)) else name


def read(request: Request, name: str) -> str:
    """Return the cookie's value, or "" if it was sent not at all, or more than once.

    This bypasses Sanic's own lookup, which would also accept `__Secure-__Host-session` as
    `__Host-session`.
    """
    values = dict.get(request.cookies, name_of(request, name)) or []
    return values[0] if len(values) == 1 and values[0].isascii() else ""


def set_cookie(
    request: Request, response: HTTPResponse, name: str, value: str, *, seconds: float
) -> None:
    """Set a cookie for this host only, out of reach of scripts, for `seconds`."""
    response.add_cookie(
        name_of(request, name),
        value,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=is_https(site_address(request)),
        max_age=int(seconds),
    )


def delete_cookie(request: Request, response: HTTPResponse, name: str) -> None:
    """Delete a cookie from the browser."""
    set_cookie(request, response, name, "", seconds=0)
