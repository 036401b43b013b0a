"""Reports required packages that are not installed, when imported.

Without it, Sanic hides the `ModuleNotFoundError` while it looks for the app.
"""

import sys
from importlib.util import find_spec

# Distribution name -> the module that it installs.
NEEDED = {
    "sanic": "sanic",
    "sanic-ext": "sanic_ext",
    "pydantic": "pydantic",
    "uvloop": "uvloop",
    "jinja2": "jinja2",
    "babel": "babel",
    "brotli": "brotli",
    "sqlalchemy": "sqlalchemy",
    "alembic": "alembic",
    "pysqlite3": "pysqlite3",
    "psycopg": "psycopg",
    "aiofiles": "aiofiles",
    "aiohttp": "aiohttp",
    "aiosmtplib": "aiosmtplib",
    "argon2-cffi": "argon2",
    "markdown-it-py": "markdown_it",
    "mdit-py-plugins": "mdit_py_plugins",
    "linkify-it-py": "linkify_it",
    "pygments": "pygments",
    "latex2mathml": "latex2mathml",
    "nh3": "nh3",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "docutils": "docutils",
    "tqdm": "tqdm",
    "shtab": "shtab",
    "prometheus-client": "prometheus_client",
}

missing = [name for name, module in NEEDED.items() if find_spec(module) is None]
if missing:
    sys.exit(f"Not installed: {', '.join(missing)}. `make run` installs everything that is needed.")
