"""The desk: whoever writes. Its lock is *author*."""

from sanic import Blueprint

from blog import auth

bp = Blueprint("control_panel", url_prefix="/control-panel")
auth.lock(bp, "author")
