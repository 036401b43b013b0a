"""Serves the page with Flask, plain SQL and Jinja2; optionally with Flask-Caching."""

import logging
import os

from flask import Flask, Response, abort, request
from flask_caching import Cache

from bench.rivals import template
from bench.rivals.post import page

# Werkzeug's server logs each request, which costs it a tenth of its speed.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

app = Flask(__name__, static_folder=None)


def post(path: str) -> Response:
    context = page(request.path) or abort(404)
    return Response(template.post.render(context), mimetype="text/html")


if os.environ.get("BENCH_CACHE"):
    post = Cache(app, config={"CACHE_TYPE": "SimpleCache"}).cached(timeout=60)(post)
app.add_url_rule("/<path:path>", view_func=post)
