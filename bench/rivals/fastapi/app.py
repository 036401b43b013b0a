"""FastAPI: SQL by hand and Jinja2 in the loop, as it is and with aiocache's page cache."""

import os

from aiocache import SimpleMemoryCache, cached
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from bench.rivals import template
from bench.rivals.post import page

app = FastAPI(openapi_url=None)


async def rendered(path: str) -> str:
    """A query of a tenth of a millisecond is asked in the loop: any thread would cost more."""
    found = page(path)
    if found is None:
        raise HTTPException(404)
    return template.post.render(found)


if os.environ.get("BENCH_CACHE"):
    rendered = cached(ttl=60, cache=SimpleMemoryCache, key_builder=lambda _, path: path)(rendered)


@app.get("/{path:path}", response_class=HTMLResponse)
async def post(path: str) -> HTMLResponse:
    return HTMLResponse(await rendered(f"/{path}"))
