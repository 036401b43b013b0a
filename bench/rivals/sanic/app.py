"""Serves the page from memory with a bare Sanic handler: the upper limit of Sanic itself."""

import os
from pathlib import Path

from sanic import HTTPResponse, Request, Sanic, html

PAGE = Path(os.environ["BENCH_PAGE"]).read_text("utf-8")

app: Sanic = Sanic("bare")
app.config.AUTO_EXTEND = False


@app.get("/page.html")
async def page(request: Request) -> HTTPResponse:
    return html(PAGE)
