"""The dashboard blueprint, where authors write. All its routes need the author role or higher."""

from sanic import Blueprint

from blog.web import auth

bp = Blueprint("control_panel", url_prefix="/control-panel")
auth.require_role(bp, "author")

from blog.control_panel import (  # noqa: E402, F401 -- each adds its views to `bp`, defined above
    editor,
    pictures,
    profile,
    publishing,
    revisions,
    sessions,
    views,
)
