"""A receiver in a process of its own, as quick as Python gets: it answers 204, notes when each webhook came, and tells so when
it is asked. What is sent to ``/dead`` gets no answer at all.
"""

import asyncio
import json
import time

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiving(asyncio.Protocol):
    """One connection."""

    came: dict[str, list[float]] = {}  # noqa: RUF012  one record for all connections
    """By path and ``webhook-id``: the times, by the clock that all processes of a machine share."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].decode("latin-1").lower()
            lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
            whole = end + 4 + int(lines.get("content-length", "0"))
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            method, path, _ = head.split(" ", 2)
            if method == "get":
                self._tell()
            elif path != "/dead":
                self.came.setdefault(f"{path} {lines['webhook-id']}", []).append(time.monotonic())
                self._transport.write(_ANSWER)

    def _tell(self) -> None:
        said = json.dumps(self.came).encode()
        self.came.clear()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Receiving, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  a program of its own
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
