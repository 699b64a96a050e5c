"""A model server for streams: every chunk says when it left, so that its delay can be told where it arrives.

    python -m bench.upstream PORT [--chunks 40] [--pause-ms 5] [--burst 2000]

A question with the word "burst" gets its chunks without pauses. The moment is the monotonic clock of the machine in
nanoseconds, which all processes share, written in letters: digits would be read as somebody's number.
"""

import argparse
import asyncio
import time

import orjson
import uvloop

__all__ = ["moment", "when"]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_BASE = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "large"}
_TO = str.maketrans("0123456789", "bcdfghjklm")
_BACK = str.maketrans("bcdfghjklm", "0123456789")


def moment() -> str:
    """Now, as a word."""
    return str(time.monotonic_ns()).translate(_TO)


def when(word: str) -> int:
    """The nanoseconds of a word; 0 where it is none."""
    digits = word.strip().translate(_BACK)
    return int(digits) if digits.isdigit() else 0


def _event(choice: dict[str, object], **more: object) -> bytes:
    data = b"data: " + orjson.dumps({**_BASE, "choices": [choice], **more}) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _said(text: str) -> bytes:
    return _event({"index": 0, "delta": {"content": text}, "finish_reason": None})


class _Server:
    """Streams so many chunks, with a pause before each; in a burst without, several in a packet."""

    def __init__(self, chunks: int, pause_s: float, burst: int) -> None:
        self._chunks = chunks
        self._pause_s = pause_s
        self._burst = burst

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
                if b"burst" in body:
                    await self._stream(writer, self._burst, 0.0)
                else:
                    await self._stream(writer, self._chunks, self._pause_s)
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, chunks: int, pause_s: float) -> None:
        writer.write(_HEAD)
        for _ in range(chunks):
            if pause_s:
                await asyncio.sleep(pause_s)
            writer.write(_said(f" {moment()}"))
            await writer.drain()
        usage = {"prompt_tokens": 20, "completion_tokens": chunks, "total_tokens": 20 + chunks}
        writer.write(_event({"index": 0, "delta": {}, "finish_reason": "stop"}, usage=usage))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()


async def _serve(port: int, chunks: int, pause_ms: float, burst: int) -> None:
    streams = _Server(chunks, pause_ms / 1000, burst)
    server = await asyncio.start_server(streams.connected, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--chunks", type=int, default=40)
    parser.add_argument("--pause-ms", type=float, default=5.0)
    parser.add_argument("--burst", type=int, default=2000)
    options = parser.parse_args()
    uvloop.run(_serve(options.port, options.chunks, options.pause_ms, options.burst))


if __name__ == "__main__":
    main()
