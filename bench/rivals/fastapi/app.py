"""Serves the page with FastAPI, plain SQL and Jinja2; optionally with aiocache."""

import os

from aiocache import SimpleMemoryCache, cached
from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from bench.rivals import template
from bench.rivals.post import page

app = FastAPI(openapi_url=None)


async def rendered(path: str) -> str:
    """Query in the event loop: each query takes about 0.1 ms, and a thread would cost more."""
    context = page(path)
    if context is None:
        raise HTTPException(404)
    return template.post.render(context)


if os.environ.get("BENCH_CACHE"):
    rendered = cached(ttl=60, cache=SimpleMemoryCache, key_builder=lambda _, path: path)(rendered)


@app.get("/{path:path}", response_class=HTMLResponse)
async def post(path: str) -> HTMLResponse:
    return HTMLResponse(await rendered(f"/{path}"))
