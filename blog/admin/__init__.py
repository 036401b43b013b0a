"""The admin area, for editors; a section may ask for the role of admin."""

from sanic import Blueprint

from blog.admin import (  # noqa: F401 -- each of these modules declares a section or its views
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
from blog.admin.routes import add_sections
from blog.admin.section import SECTIONS
from blog.web import auth

bp = Blueprint("admin", url_prefix="/admin")
auth.lock(bp, "editor")
add_sections(bp, SECTIONS)
