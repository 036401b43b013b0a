"""What every answer carries, and where a request comes from."""

import ipaddress
from urllib.parse import urlsplit

from sanic import HTTPResponse, Request

from blog.config import local_address


def policy(counting: str = "") -> str:
    """What a page may load: our own, and what counts its readers where the keeper chose that."""
    other = f" {counting}" if counting else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{other}",
            "style-src 'self'",
            f"img-src 'self' data: blob:{other}",
            "media-src 'self'",
            "font-src 'self'",
            f"connect-src 'self'{other}",
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
    "vary": "accept-encoding",  # packed by us, or by the proxy in front
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
YEAR = 31_536_000
SAFE = {"GET", "HEAD", "OPTIONS"}


def protect(request: Request, response: HTTPResponse) -> None:
    """Response middleware: it runs for errors of every status too."""
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
    response.headers.setdefault("cache-control", "no-cache")  # kept, but asked about each time


def _policy_for(request: Request, response: HTTPResponse) -> str:
    """Rooms behind a lock, private previews, whoever is signed in, and what is no page at all meet
    no script but ours."""
    site = getattr(request.ctx, "site", None)
    hidden = getattr(request.ctx, "private", False) or getattr(request.ctx, "user", None)
    is_page = str(response.content_type or "").startswith("text/html")
    script = site.settings.script if site and is_page and not hidden else None
    return policy(script.origin) if script else CSP


def site_address(request: Request) -> str:
    """The public origin: the setting, or what the office says, or where we listen."""
    config = request.app.ctx.config
    site = getattr(request.ctx, "site", None)
    chosen = config.site_url or (site.address if site else "")
    return (chosen or local_address(config.host, config.port)).rstrip("/")


def is_https(address: str) -> bool:
    return address.startswith("https://")


def comes_from_us(request: Request) -> bool:
    """May this request change something? Tokens in pages would make them uncacheable.

    The rules of Go's `CrossOriginProtection`, but failing closed and never trusting Host. A route
    whose key is all the permission it asks for declares `ctx_from_anywhere=True`.
    """
    if request.method in SAFE or _is_open(request):
        return True
    origins = request.headers.getall("origin", [])
    fetch_sites = request.headers.getall("sec-fetch-site", [])
    if len(origins) > 1 or len(fetch_sites) > 1:
        return False
    if origins and origins[0] in _trusted(request):
        return True
    if fetch_sites and fetch_sites[0] in ("same-origin", "none"):
        return True
    if fetch_sites or origins:
        return _is_first_visit(request, origins, fetch_sites)
    return not (has_cookie(request, "session") or has_cookie(request, "waiting"))


def _is_open(request: Request) -> bool:
    return bool(request.route and getattr(request.route.ctx, "from_anywhere", False))


def _trusted(request: Request) -> set[str]:
    return {origin_of(site_address(request)), *request.app.ctx.config.trusted_origins}


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _is_first_visit(request: Request, origins: list[str], fetch_sites: list[str]) -> bool:
    """Over plain http on a local network browsers send only Origin, and an empty blog does not
    know its address yet; its set-up page is guarded by the one-time link."""
    site = getattr(request.ctx, "site", None)
    host = urlsplit(origins[0]).netloc if origins else ""
    is_new = site is not None and not site.set_up and request.path == "/set-up"
    return is_new and not fetch_sites and bool(host) and host == request.headers.get("host")


def has_cookie(request: Request, name: str) -> bool:
    """Whether a cookie of this name was sent, with or without a prefix such as `__Host-`.

    `session` and `waiting` are the two that make a page differ from the one that all see.
    """
    return any(known.endswith(name) for known in request.cookies)


# --- from where ---


def client_ip(request: Request) -> str:
    """The visitor's address; a header is believed only from as many proxies as were configured."""
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
    """What a throttle counts: an IPv4 address, or the /64 of an IPv6 one."""
    if not _is_ip(ip):
        return "local"
    address = ipaddress.ip_address(ip)
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if address.version == 6 else ip
