"""Server-sent events out of bytes that may be cut anywhere, as the WHATWG defines them; only `data` is of interest."""

from typing import Final

__all__ = ["LARGEST_EVENT", "EventReader"]

LARGEST_EVENT: Final = 4 * 1024 * 1024
"""Bytes of one event; more is no chat completion."""

_BOM: Final = b"\xef\xbb\xbf"


class EventReader:
    """Collects bytes and gives the data of each event that is complete.

    A line ends with LF, CR LF or CR. An event ends with an empty line; one that the stream does not finish is dropped.
    """

    __slots__ = ("_after_cr", "_data", "_line", "_size", "_started")

    def __init__(self) -> None:
        self._line = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; return the data of the events that end in them.

        Raises:
            ValueError: an event is larger than `LARGEST_EVENT`.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._line = (self._line + chunk).split(b"\n")
        if self._size + len(self._line) > LARGEST_EVENT:
            raise ValueError("an event is too large")
        if lines and not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BOM)
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        complete: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    complete.append(b"\n".join(self._data))
                    self._data.clear()
                    self._size = 0
            elif line.startswith(b"data"):
                self._take(line)
        return complete

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._data.append(value[1:] if value.startswith(b" ") else value)
        self._size += len(value)
        if self._size > LARGEST_EVENT:
            raise ValueError("an event is too large")
