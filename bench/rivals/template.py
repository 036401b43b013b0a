"""The template of the other stacks, in the common subset of Jinja2 and Django's language."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

FOLDER = Path(__file__).parent / "templates"
environment = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, auto_reload=False, enable_async=False
)
post = environment.get_template("post.html")
