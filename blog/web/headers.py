"""Response headers (CSP, caching), cross-site request checks, and the client's IP address."""

import ipaddress
from urllib.parse import urlsplit

from sanic import HTTPResponse, Request

from blog.config import local_address


def policy(counting: str = "") -> str:
    """Return the Content-Security-Policy.

    Pages load only files of this site, and the script of an analytics service from the origin
    `counting` if the site owner has configured one.
    """
    analytics = f" {counting}" if counting else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{analytics}",
            "style-src 'self'",
            f"img-src 'self' data: blob:{analytics}",
            "media-src 'self'",
            "font-src 'self'",
            f"connect-src 'self'{analytics}",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'none'",
        )
    )


CSP = policy()
ALWAYS = {
    "vary": "accept-encoding",  # compressed by us, or by the proxy in front
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
YEAR = 31_536_000  # seconds
SAFE = {"GET", "HEAD", "OPTIONS"}


def protect(request: Request, response: HTTPResponse) -> None:
    """Response middleware: add the security and caching headers; it runs for errors too."""
    if getattr(response, "is_finished", False):
        return
    response.headers.setdefault("content-security-policy", _policy_for(request, response))
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    if is_https(site_address(request)):
        response.headers.setdefault("strict-transport-security", f"max-age={YEAR}")
    if getattr(request.ctx, "private", False):
        response.headers["cache-control"] = "no-store"
    elif getattr(request.ctx, "user", None) or has_cookie(request, "waiting"):
        response.headers.setdefault("cache-control", "private, no-store")
    response.headers.setdefault("cache-control", "no-cache")  # may be stored, but is revalidated


def _policy_for(request: Request, response: HTTPResponse) -> str:
    """Return the policy of this response.

    The analytics script is allowed only on public HTML pages for visitors who are not signed in.
    """
    site = getattr(request.ctx, "site", None)
    is_private = getattr(request.ctx, "private", False) or getattr(request.ctx, "user", None)
    is_page = str(response.content_type or "").startswith("text/html")
    script = site.settings.script if site and is_page and not is_private else None
    return policy(script.origin) if script else CSP


def site_address(request: Request) -> str:
    """Return the site's public origin, without a trailing slash.

    It is BLOG_SITE_URL, or else the address in the admin settings, or else where we listen.
    """
    config = request.app.ctx.config
    site = getattr(request.ctx, "site", None)
    configured = config.site_url or (site.address if site else "")
    return (configured or local_address(config.host, config.port)).rstrip("/")


def is_https(address: str) -> bool:
    """Return whether an address uses TLS."""
    return address.startswith("https://")


# --- cross-site requests ---


def is_same_site(request: Request) -> bool:
    """Return whether this request may change something: it was sent by a page of this site.

    Follows the rules of Go's `CrossOriginProtection`, but fails closed and never trusts Host. CSRF
    tokens would make pages uncacheable. A route that is authorized by a key alone declares
    `ctx_from_anywhere=True`.
    """
    if request.method in SAFE or _is_open_to_all_origins(request):
        return True
    origins = request.headers.getall("origin", [])
    fetch_sites = request.headers.getall("sec-fetch-site", [])
    if len(origins) > 1 or len(fetch_sites) > 1:
        return False
    if origins and origins[0] in _trusted_origins(request):
        return True
    if fetch_sites and fetch_sites[0] in ("same-origin", "none"):
        return True
    if fetch_sites or origins:
        return _is_first_setup(request, origins, fetch_sites)
    return not (has_cookie(request, "session") or has_cookie(request, "waiting"))


def _is_open_to_all_origins(request: Request) -> bool:
    return bool(request.route and getattr(request.route.ctx, "from_anywhere", False))


def _trusted_origins(request: Request) -> set[str]:
    return {origin_of(site_address(request)), *request.app.ctx.config.trusted_origins}


def origin_of(address: str) -> str:
    """Return the origin (scheme, host and port) of a URL."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_first_setup(request: Request, origins: list[str], fetch_sites: list[str]) -> bool:
    """Return whether this is the set-up form of a new blog, whose own address is not known yet.

    Over plain HTTP on a local network browsers send only Origin, which is compared with Host here.
    The one-time link protects the set-up page.
    """
    site = getattr(request.ctx, "site", None)
    host = urlsplit(origins[0]).netloc if origins else ""
    is_new = site is not None and not site.set_up and request.path == "/set-up"
    return is_new and not fetch_sites and bool(host) and host == request.headers.get("host")


def has_cookie(request: Request, name: str) -> bool:
    """Return whether a cookie of this name was sent, with or without a prefix such as `__Host-`.

    A visitor with a `session` or `waiting` cookie may see other pages than everybody else.
    """
    return any(sent.endswith(name) for sent in request.cookies)


# --- the client's IP address ---


def client_ip(request: Request) -> str:
    """Return the client's IP address.

    X-Forwarded-For is trusted only for as many proxies as are configured.
    """
    proxies: int = request.app.ctx.config.proxies
    hops: list[str] = [
        hop.strip() for hop in ",".join(request.headers.getall("x-forwarded-for", [])).split(",")
    ]
    if proxies and len(hops) >= proxies and _is_ip(hops[-proxies]):
        return hops[-proxies]
    return str(request.ip or "")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def network(ip: str) -> str:
    """Return the network that a throttle counts: an IPv4 address, or the /64 of an IPv6 address.

    Returns "local" for anything else, such as a client on a Unix socket.
    """
    if not _is_ip(ip):
        return "local"
    address = ipaddress.ip_address(ip)
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if address.version == 6 else ip
