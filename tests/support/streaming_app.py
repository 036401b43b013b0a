"""A small application that keeps talking, to stand behind the shipped nginx.conf."""

import asyncio

from sanic import Request, Sanic, Websocket

app: Sanic = Sanic("talk")
PAUSE = 1.0  # seconds


@app.get("/told")
async def told(request: Request) -> None:
    """Server-sent events, one at a time."""
    response = await request.respond(content_type="text/event-stream")
    for number in range(3):
        await response.send(f"data: {number}\n\n")
        await asyncio.sleep(PAUSE)


@app.get("/slowly")
async def slowly(request: Request) -> None:
    """A stream that asks for itself not to be held back."""
    response = await request.respond(content_type="text/plain", headers={"X-Accel-Buffering": "no"})
    for _ in range(3):
        await response.send("word ")
        await asyncio.sleep(PAUSE)


@app.websocket("/talk")
async def talk(_request: Request, line: Websocket) -> None:
    async for said in line:
        await line.send(f"You said {said}")
