"""Files about the site that browsers and other programs look for: icons, manifest, security.txt."""

from datetime import datetime

from sanic import HTTPResponse, Request
from sanic.response import json, redirect, text

from blog import media, web
from blog.cache.page_cache import cached
from blog.home import bp
from blog.home.older_addresses import unless_taken
from blog.models.base import now
from blog.models.settings.theme_css import DAY, NIGHT, shades
from blog.models.uploads import upload
from blog.web.templating import isodate

TOUCH_ICON = "apple-touch-icon.png"
MANIFEST_ICONS = ((192, "any"), (512, "any"), (512, "maskable"))  # pixels, purpose
SECURITY_PATH = "/.well-known/security.txt"
MONTHS_VALID = 11


@bp.get("/favicon.ico")
async def favicon(request: Request) -> HTTPResponse:
    """Redirect to the site icon. Pages link to it; this is for programs that have read none."""
    return redirect(request.app.ctx.statics.url("img/mark.svg"))


@bp.get("/apple-touch-icon.png")
@unless_taken
async def touch_icon(request: Request) -> HTTPResponse:
    """Redirect to the icon for home screens, which pages link to and iOS asks for unprompted.

    It is the site owner's file of that name in the folder `theme`, or else the site icon, or else
    the blog's own mark.
    """
    statics = request.app.ctx.statics
    if TOUCH_ICON in statics.names:
        return redirect(statics.url(TOUCH_ICON))
    return redirect(request.ctx.site.settings.logo or statics.url(f"img/{TOUCH_ICON}"))


@bp.get("/apple-touch-icon-precomposed.png")
@unless_taken
async def old_touch_icon(request: Request) -> HTTPResponse:
    """Redirect from the name by which old versions of iOS ask for the same icon."""
    return web.redirect_path(request, web.url(request, "home.touch_icon"), status=301)


@bp.get("/site.webmanifest")
@cached("uploads")
@unless_taken
async def manifest(request: Request) -> HTTPResponse:
    """Serve the web app manifest, with the name and colours of the site."""
    site = request.ctx.site
    look, is_dark = site.settings.look, site.settings.scheme == "dark"
    tone = shades(look.accent)
    body = {
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "name": site.title,
        "short_name": site.title[:30],
        "description": site.tagline,
        "lang": site.language,
        "display": "minimal-ui",
        "background_color": NIGHT[0] if is_dark else DAY[0],
        "theme_color": tone.night if is_dark else tone.day,
        "icons": await _icons(request),
    }
    return json(body, content_type="application/manifest+json")


async def _icons(request: Request) -> list[dict[str, str]]:
    """Return the icons of the manifest: the site icon, or else the blog's own mark."""
    logo = request.ctx.site.settings.logo
    if logo:
        sizes = await web.read(request, upload.picture_sizes, logo, {})
        size = "{}x{}".format(*sizes[logo]) if logo in sizes else "any"
        return [{"src": logo, "sizes": size, "type": media.type_of(logo)}]
    url = request.app.ctx.statics.url
    return [
        {
            "src": url(f"img/icon-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size, purpose in MANIFEST_ICONS
    ]


@bp.get(SECURITY_PATH)
@unless_taken
async def security_contact(request: Request) -> HTTPResponse:
    """Serve security.txt (RFC 9116), which says how to report a security problem.

    It is not cached, because its date of expiry changes without a change of the site.
    """
    site = request.ctx.site
    contacts = site.settings.security_uris
    if not contacts:
        raise web.PageNotFound
    lines = [
        *(f"Contact: {contact}" for contact in contacts),
        f"Expires: {isodate(expiry(now()))}",
        f"Preferred-Languages: {site.language}",
        f"Canonical: {web.absolute_url(request, SECURITY_PATH)}",
    ]
    return text("".join(f"{line}\n" for line in lines))


def expiry(moment: datetime) -> datetime:
    """Return the first day of the month eleven months later, which is less than a year away.

    It changes only once a month, so that the file stays the same in between.
    """
    years, month = divmod(moment.month - 1 + MONTHS_VALID, 12)
    day = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return day.replace(year=moment.year + years, month=month + 1)


@bp.get("/security.txt")
@unless_taken
async def old_security_contact(request: Request) -> HTTPResponse:
    """Redirect to security.txt from its former address."""
    if not request.ctx.site.settings.security_uris:
        raise web.PageNotFound
    return redirect(SECURITY_PATH, status=301)
