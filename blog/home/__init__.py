"""The front room: whoever reads. Its pages are the same for everybody, and need no script."""

from sanic import Blueprint

bp = Blueprint("home")

from blog.home import (  # noqa: E402, F401 -- each hangs its pages on `bp`, which must stand first
    archive,
    comments,
    docs,
    entrance,
    feeds,
    forgotten,
    invitation,
    look,
    preview,
    search,
    unsubscribe,
    views,
)
