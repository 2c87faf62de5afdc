"""An Egnyte that answers with the bytes it is given, whatever they are."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

NOTHING_NEW = b'{"nextCursor":"end","events":[],"moreEvents":false}'


@asynccontextmanager
async def answering(bodies: Sequence[bytes]) -> AsyncIterator[str]:
    """Serves `bodies`, one for each request of the stream, then empty pages; yields the base URL."""
    left = list(bodies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
                streams = b"/audit/stream " in head.partition(b"\r\n")[0]
                body = left.pop(0) if left and streams else NOTHING_NEW
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):  # the client has gone
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()


def page(cursor: str, events: Sequence[bytes], more: bool = True) -> bytes:
    """A page with `events` as they are."""
    return b'{"nextCursor":"%b","events":[%b],"moreEvents":%b}' % (
        cursor.encode(),
        b",".join(events),
        b"true" if more else b"false",
    )
