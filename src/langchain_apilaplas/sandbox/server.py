"""The sandbox over real HTTP: uvicorn and a thin adapter."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Self

import httpx
import uvicorn
from starlette.requests import ClientDisconnect, Request

from langchain_apilaplas.sandbox.faults import Dropped, Unreached
from langchain_apilaplas.sandbox.gateway import Sandbox

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Server:
    """Serves a sandbox over HTTP, in a thread, while in the `with` block; `sandbox.url` says where.

    Args:
        sandbox: What answers.
        host: The address to listen on.
        port: The port; 0 picks a free one.
    """

    def __init__(self, sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox
        self._address = (host, port)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family)
        host, port = self._socket.getsockname()[:2]
        self.sandbox.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        # No logging of its own: this runs inside of somebody's tests.
        config = uvicorn.Config(
            self._app, interface="asgi3", log_config=None, lifespan="off", ws="none"
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        while not self._uvicorn.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._uvicorn.force_exit = True
        self._thread.join()
        self._socket.close()

    def wait(self) -> None:
        """Serve until interrupted."""
        with contextlib.suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(0.5)

    def _serve(self) -> None:
        self._uvicorn.run(sockets=[self._socket])

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Request(scope, receive)
        try:
            request = httpx.Request(
                asked.method,
                str(asked.url),
                headers=asked.headers.raw,
                content=await asked.body(),
                extensions={"hold": True},
            )
            answer = await asyncio.to_thread(self.sandbox.handle, request)
            await asyncio.sleep(answer.extensions.get("delay", 0))
            await _deliver(answer, send)
        except Dropped as dropped:
            await asyncio.sleep(dropped.after)
            await _hang_up(send)
        except (Unreached, ClientDisconnect, asyncio.CancelledError):
            await _hang_up(send)


async def _deliver(answer: httpx.Response, send: Send) -> None:
    """Send it: at once, or byte by byte over some seconds, or until the connection breaks."""
    content, seconds = answer.content, answer.extensions.get("drip", 0.0)
    end = answer.extensions.get("breaks_after", len(content))
    size = 1 if seconds else max(1, end)
    headers = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.lower() != b"transfer-encoding"
    ]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    for start in range(0, end, size):
        await asyncio.sleep(seconds / len(content))
        part = content[start : min(start + size, end)]
        await send({"type": "http.response.body", "body": part, "more_body": True})
    if "breaks_after" in answer.extensions:
        await _hang_up(send)
    else:
        await send({"type": "http.response.body"})


async def _hang_up(send: Send) -> None:
    """ASGI has no word for it; the transport below uvicorn's `send` has."""
    send.__self__.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0)  # until uvicorn knows; else it prints that no answer came
