"""The blueprint of the admin area, for editors; some sections require the role of admin."""

from sanic import Blueprint

from blog.admin import sections, views  # noqa: F401 -- each module in them declares a section
from blog.admin.routes import add_sections
from blog.admin.section import SECTIONS
from blog.web import auth

bp = Blueprint("admin", url_prefix="/admin")
auth.require_role(bp, "editor")
add_sections(bp, SECTIONS)
