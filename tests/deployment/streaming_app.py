"""A small Sanic app with streams and a websocket, to test the shipped nginx.conf with."""

import asyncio

from sanic import Request, Sanic, Websocket

app: Sanic = Sanic("talk")
PAUSE = 1.0  # seconds


@app.get("/told")
async def told(request: Request) -> None:
    """Send server-sent events, one per second."""
    response = await request.respond(content_type="text/event-stream")
    for number in range(3):
        await response.send(f"data: {number}\n\n")
        await asyncio.sleep(PAUSE)


@app.get("/slowly")
async def slowly(request: Request) -> None:
    """Send a stream with the header that disables nginx's buffering."""
    response = await request.respond(content_type="text/plain", headers={"X-Accel-Buffering": "no"})
    for _ in range(3):
        await response.send("word ")
        await asyncio.sleep(PAUSE)


@app.websocket("/talk")
async def talk(_request: Request, line: Websocket) -> None:
    async for said in line:
        await line.send(f"You said {said}")
