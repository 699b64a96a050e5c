"""Which texts were seen before, in a file of its own on disk: a million of them take next to no memory."""

import sqlite3
from collections.abc import Iterable
from typing import Final

__all__ = ["Seen"]

CACHE_KIB: Final = 4096


class Seen:
    """Marks (a few bytes each) and the number under which each was seen first."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (mark BLOB PRIMARY KEY, place INTEGER, batch TEXT) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def first(self, mark: bytes, place: int) -> int | None:
        """Where this mark was seen before; None: nowhere, and now it is at `place`."""
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, NULL)", (mark, place)).rowcount
        if added:
            return None
        found = self._database.execute("SELECT place FROM seen WHERE mark = ?", (mark,)).fetchone()
        return int(found[0])

    def add(self, marks: Iterable[tuple[bytes, int]], batch: str) -> None:
        """Note many marks of another batch; those that are there already stay."""
        rows = ((mark, place, batch) for mark, place in marks)
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)

    def elsewhere(self, mark: bytes) -> tuple[str, int] | None:
        """The batch and the place where this mark was noted."""
        found = self._database.execute("SELECT batch, place FROM seen WHERE mark = ?", (mark,)).fetchone()
        return None if found is None else (str(found[0]), int(found[1]))

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
