"""The office: whoever keeps the house. Its lock is *editor*; each section names what it asks beyond."""

from sanic import Blueprint

from blog import auth

bp = Blueprint("admin", url_prefix="/admin")
auth.lock(bp, "editor")
