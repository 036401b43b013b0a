"""The public blueprint: routes for readers, which look the same to everybody and need no script."""

from sanic import Blueprint

bp = Blueprint("home")

from blog.home import (  # noqa: E402, F401 -- each adds its views to `bp`, which must exist first
    appearance,
    archive,
    comments,
    docs,
    feeds,
    invitation,
    password_reset,
    preview,
    search,
    sign_in,
    site_files,
    sitemap,
    unsubscribe,
    views,
)
