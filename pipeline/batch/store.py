"""The objects of files and batches: pieces of files, pages of lines, pages of results. One of each in memory at a time.

file/<tenant>/<file>/<piece>
batch/<tenant>/<batch>/in/<page>/<part>                lines as they are to run
batch/<tenant>/<batch>/out/<round>/<page>/<part>       how they ended
batch/<tenant>/<batch>/out/<round>/<page>/head         written last: the page is settled
batch/<tenant>/<batch>/out/<round>/<page>/early/<time>/<part>   some of them, while others of the page still run
batch/<tenant>/<batch>/out/<round>/<page>/early/<time>/head     written last
batch/<tenant>/<batch>/marks/<part>                    digests of what the lines ask
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson

from pipeline.batch.model import FileInfo
from pipeline.errors import RequestTooLarge, TransportUnavailable
from pipeline.ports import Objects

__all__ = ["MAX_FILE", "Store"]

PIECE: Final = 1_048_576
PART: Final = 4 * 1_048_576
MAX_FILE: Final = 4 * 1024**3
MARK: Final = 16
PLACE: Final = 4
_MORE: Final = b"+"
_LAST: Final = b"."

Fields = dict[str, Any]


class Store:
    """The bucket of objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    # ------------------------------------------------------------ files

    async def take(self, prefix: str, chunks: AsyncIterator[bytes], limit: int) -> tuple[int, int, str]:
        """Store what comes, piece by piece. Returns bytes, pieces and the digest.

        Raises:
            RequestTooLarge: more than `limit` bytes came; what was stored of them is removed.
        """
        digest, held, size, pieces = sha256(), bytearray(), 0, 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise RequestTooLarge(f"the file has more than {limit} bytes: split it")
                digest.update(chunk)
                held += chunk
                while len(held) >= PIECE:
                    await self._objects.put(f"{prefix}/{pieces}", bytes(held[:PIECE]))
                    pieces += 1
                    del held[:PIECE]
            if held:
                await self._objects.put(f"{prefix}/{pieces}", bytes(held))
                pieces += 1
        except BaseException:
            await self.drop(prefix, pieces)
            raise
        return size, pieces, digest.hexdigest()

    async def drop(self, prefix: str, pieces: int) -> None:
        """Remove so many pieces."""
        for piece in range(pieces):
            await self._objects.delete(f"{prefix}/{piece}")

    async def read(self, info: FileInfo) -> AsyncIterator[bytes]:
        """The bytes of a file, piece by piece."""
        for piece in range(info.pieces):
            yield await self._need(f"file/{info.tenant}/{info.id}/{piece}")

    async def has(self, info: FileInfo) -> bool:
        """Whether its bytes are there; they go from the first piece on."""
        return not info.pieces or await self._objects.get(f"file/{info.tenant}/{info.id}/0") is not None

    # ------------------------------------------------------------ pages

    async def put_rows(self, name: str, rows: Iterable[bytes]) -> int:
        """Store rows as parts `<name>/0`, `<name>/1`, …; returns how many."""
        parts, held, size = 0, list[bytes](), 0
        for row in rows:
            if held and size + len(row) > PART:
                await self._objects.put(f"{name}/{parts}", _MORE + b"\n".join(held))
                parts, held, size = parts + 1, [], 0
            held.append(row)
            size += len(row) + 1
        await self._objects.put(f"{name}/{parts}", _LAST + b"\n".join(held))
        return parts + 1

    async def rows(self, name: str) -> AsyncIterator[Fields]:
        """The rows, part by part."""
        async for row in self._raw(name):
            fields: Fields = orjson.loads(row)
            yield fields

    async def _raw(self, name: str) -> AsyncIterator[bytes]:
        part = 0
        while True:
            body = await self._need(f"{name}/{part}")
            for row in body[1:].split(b"\n") if len(body) > 1 else ():
                yield row
            if body[:1] != _MORE:
                return
            part += 1

    async def put_head(self, name: str, head: Mapping[str, object]) -> None:
        """Say that a page is settled."""
        await self._objects.put(f"{name}/head", orjson.dumps(head))

    async def head(self, name: str) -> Fields | None:
        """What was said of a page; None: it is not settled."""
        body = await self._objects.get(f"{name}/head")
        if body is None:
            return None
        head: Fields = orjson.loads(body)
        return head

    async def put_early(self, name: str, time: int, rows: Iterable[bytes], head: Mapping[str, object]) -> None:
        """Store how some lines of a page ended, while others still run."""
        await self.put_rows(f"{name}/early/{time}", rows)
        await self.put_head(f"{name}/early/{time}", head)

    def early(self, name: str, time: int) -> AsyncIterator[bytes]:
        """The same again."""
        return self._raw(f"{name}/early/{time}")

    async def last_early(self, name: str) -> tuple[int, Fields | None]:
        """How many times something of a page was stored early, and what was said of it the last time."""
        times, last = 0, None
        while (head := await self.head(f"{name}/early/{times}")) is not None:
            times, last = times + 1, head
        return times, last

    async def drop_early(self, name: str) -> None:
        """Remove what was stored early: the page is settled. The first head goes last: nothing stays."""
        times, _ = await self.last_early(name)
        for time in reversed(range(times)):
            await self._remove_parts(f"{name}/early/{time}")
            await self._objects.delete(f"{name}/early/{time}/head")

    # ------------------------------------------------------------ marks

    async def put_marks(self, prefix: str, part: int, marks: Sequence[tuple[bytes, int]]) -> None:
        """Store digests and the places of their lines."""
        body = b"".join(mark + place.to_bytes(PLACE, "big") for mark, place in marks)
        await self._objects.put(f"{prefix}/marks/{part}", body)

    async def marks(self, prefix: str) -> AsyncIterator[list[tuple[bytes, int]]]:
        """The same again, part by part."""
        part = 0
        while (body := await self._objects.get(f"{prefix}/marks/{part}")) is not None:
            yield list(_marks(body))
            part += 1

    # ------------------------------------------------------------ ends

    async def remove(self, prefix: str, pages: int, rounds: int) -> None:
        """Remove all pages and marks of a batch."""
        for page in range(pages):
            await self._remove_parts(f"{prefix}/in/{page}")
            for number in range(rounds + 1):
                await self._objects.delete(f"{prefix}/out/{number}/{page}/head")
                await self.drop_early(f"{prefix}/out/{number}/{page}")
                await self._remove_parts(f"{prefix}/out/{number}/{page}")
        await self._remove_parts(f"{prefix}/marks")

    async def _remove_parts(self, name: str) -> None:
        part = 0
        while await self._objects.delete(f"{name}/{part}"):
            part += 1

    async def _need(self, name: str) -> bytes:
        body = await self._objects.get(name)
        if body is None:
            raise TransportUnavailable(f"{name} is not in the object store: it was removed, or is not stored yet")
        return body


def _marks(body: bytes) -> Iterator[tuple[bytes, int]]:
    step = MARK + PLACE
    for start in range(0, len(body), step):
        yield body[start : start + MARK], int.from_bytes(body[start + MARK : start + step], "big")
