"""A small HTTP load: keep-alive connections that send the same request again and again. An HTTP client library would use
more of the machine than the server under test.
"""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """Requests per second, and the times that requests took, in milliseconds."""

    rate: float
    p50: float
    p99: float


async def load(host: str, port: int, request: bytes, *, clients: int, seconds: float) -> Load:
    """Keep ``clients`` connections busy for ``seconds``."""
    end = time.perf_counter() + seconds
    times: list[float] = []
    await asyncio.gather(*(_client(host, port, request, end, times) for _ in range(clients)))
    times.sort()
    return Load(len(times) / seconds, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000)


async def _client(host: str, port: int, request: bytes, end: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (started := time.perf_counter()) < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head[:200]
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - started)
    writer.close()
    await writer.wait_closed()
