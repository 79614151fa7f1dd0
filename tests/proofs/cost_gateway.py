"""What `tests.proofs.cost` talks to: answers of a real shape, in-process or over loopback HTTP."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

PATH = "/v2/generate/video/runway/generation"
_USAGE = {"usage": {"credits_used": 525_000}}
_LINK = "https://cdn.apilaplas.com/wolf/704dae4c.mp4?_jwt=eyJhbGciOiJIUzI1NiJ9." + "e" * 300
_LATENCY = 0.02
"""Seconds until an answer of the in-process gateway comes."""
_SERVE = "from tests.proofs.cost_gateway import serve; serve({})"


class Gateway:
    """Each generation is done at its last look.

    Attributes:
        most: So many generations were under way at once, at most.
    """

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._looked: dict[str, int] = {}
        self._made = self.most = 0

    def answer(self, method: str, generation_id: str) -> bytes:
        """The body of the answer to a create, or to a fetch."""
        if method == "POST":
            self._made += 1
            generation_id = f"d0cddca1-e382-4625-84c9-{self._made:012d}"
            self._looked[generation_id] = 0
            self.most = max(self.most, len(self._looked))
            return json.dumps({"id": generation_id, "status": "queued", "meta": _USAGE}).encode()
        self._looked[generation_id] += 1
        if self._looked[generation_id] < self._looks:
            return json.dumps({"id": generation_id, "status": "generating"}).encode()
        del self._looked[generation_id]
        done = {"id": generation_id, "status": "completed", "video": [_LINK], "meta": _USAGE}
        return json.dumps(done).encode()


class Canned(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """The gateway in-process, for both worlds."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        time.sleep(_LATENCY)
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(_LATENCY)
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        generation_id = request.url.query.partition(b"=")[2].decode()
        body = self._gateway.answer(request.method, generation_id)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))


class _Protocol(asyncio.Protocol):
    """Just enough HTTP for one client, so that the server is never what is waited for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._rest = gateway, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        head, complete, body = (self._rest + data).partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if not complete or len(body) < int(length or 0):
            self._rest += data
            return
        self._rest = b""
        method, target, _ = head.split(b" ", 2)
        said = self._gateway.answer(method.decode(), target.partition(b"=")[2].decode())
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(said)}"
        self._transport.write(lines.encode() + b"\r\n\r\n" + said)  # type: ignore[attr-defined]


def serve(looks: int) -> None:
    """Serve on loopback until killed; prints the address."""

    async def forever() -> None:
        gateway, loop = Gateway(looks), asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Protocol(gateway), "127.0.0.1", 0)
        print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)  # noqa: T201
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def served(looks: int) -> Iterator[str]:
    """A server in a process of its own, whose time nobody measures; its address."""
    command = [sys.executable, "-c", _SERVE.format(looks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child.stdout.readline().strip() if child.stdout else ""
        finally:
            child.kill()
