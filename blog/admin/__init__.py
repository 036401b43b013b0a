"""The office: whoever keeps the house. Its lock is *editor*; a section may ask for more."""

from sanic import Blueprint

from blog import auth

bp = Blueprint("admin", url_prefix="/admin")
auth.lock(bp, "editor")

from blog.admin import (  # noqa: E402, F401 -- each hangs its section on `bp`, which stands first
    addresses,
    audit,
    comments,
    invitations,
    look,
    pages,
    people,
    pictures,
    posts,
    redirects,
    settings,
    tags,
    views,
)
