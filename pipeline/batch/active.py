"""One batch while it runs: which lines were taken, how each ended, which pages are settled."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from pipeline.batch.model import PAGE, Batch, Counts, LineStatus, request_id
from pipeline.batch.store import Store

__all__ = ["LETTERS", "STATES", "Active", "Line", "prefix_of"]

MAX_OPEN: Final = 16
"""Pages that are open at once. A line that waits long, for instance for a budget, holds its page open."""
HEADS: Final = 64
"""Heads of pages that are read at the same time."""

LETTERS: Final[dict[LineStatus, str]] = {
    "answered": "a",
    "refused": "r",
    "failed": "f",
    "invalid": "i",
    "expired": "x",
    "cancelled": "c",
}
STATES: Final[dict[str, LineStatus]] = {letter: status for status, letter in LETTERS.items()}
_FINAL: Final = b"ai"
"""What a retry of all that was not answered leaves as it is: an invalid line can never run."""


def prefix_of(batch: Batch) -> str:
    """The name of its objects."""
    return f"batch/{batch.tenant}/{batch.id}"


@dataclass(slots=True)
class Line:
    """A line that is to run. `place` counts lines from 0; `of`: another batch, and a place in it, with the same."""

    place: int
    number: int
    custom_id: str | None
    page: int
    request_id: str
    request: bytes
    of: tuple[str, int] | None = None
    unsure: bool = False
    since: float = 0.0
    handed: bool = False


@dataclass(slots=True)
class _Open:
    """A page that is not settled."""

    page: int
    rows: AsyncIterator[dict[str, Any]]
    running: int = 0
    read: bool = False
    done: dict[int, bytes] = field(default_factory=dict)
    same: dict[int, dict[str, Any]] = field(default_factory=dict)
    cost: float = 0.0
    unpriced: int = 0
    shared: int = 0


class Active:
    """A batch that runs. Two bytes for each line at most: no line itself stays here longer than its page is open."""

    def __init__(self, batch: Batch, store: Store) -> None:
        self.batch = batch
        self.store = store
        self.prefix = prefix_of(batch)
        self.states = bytearray(batch.counts.total)
        self.cost = 0.0
        self.unpriced = 0
        self.shared = 0
        self.dry = False
        self.stopping: float | None = None
        self._again = set(batch.again) if batch.again is not None else None
        self._open: dict[int, _Open] = {}
        self._reading: _Open | None = None
        self._settled: set[int] = set()
        self._next = 0
        self._unsure_before = 0

    # ------------------------------------------------------------ beginning

    async def load(self) -> None:
        """Find out how far it is: from the pages that are settled, of this round and those before."""
        for number in range(self.batch.round + 1):
            if number and number == self.batch.round and self._again is None:
                self.states = bytearray(state if state in _FINAL else 0 for state in self.states)
            for start in range(0, self.batch.pages, HEADS):
                pages = range(start, min(start + HEADS, self.batch.pages))
                heads = await asyncio.gather(*(self.store.head(f"{self.prefix}/out/{number}/{p}") for p in pages))
                for page, head in zip(pages, heads, strict=True):
                    if head is not None:
                        self._note_head(number, page, head)
        self._advance()
        self._unsure_before = self._next + MAX_OPEN

    def _note_head(self, number: int, page: int, head: dict[str, Any]) -> None:
        for offset, letter in enumerate(head["states"]):
            if letter != ".":
                self.states[page * PAGE + offset] = ord(letter)
        self.cost += head["cost"]
        self.unpriced += head["unpriced"]
        self.shared += head["shared"]
        if number == self.batch.round:
            self._settled.add(page)

    def _advance(self) -> None:
        while self._next in self._settled:
            self._next += 1

    # ------------------------------------------------------------ lines

    @property
    def exhausted(self) -> bool:
        """Whether every line was taken."""
        return self._reading is None and self._next >= self.batch.pages

    @property
    def done(self) -> bool:
        """Whether every page is settled."""
        return self.exhausted and not self._open

    async def take(self) -> Line | None:
        """The next line to run; None: there is none, or too many pages wait for their last lines."""
        while True:
            if self._reading is None and not self._open_next():
                self.dry = True
                return None
            page = self._reading
            assert page is not None
            async for row in page.rows:
                line = self._line(page, row)
                if line is not None:
                    page.running += 1
                    return line
            page.read = True
            self._reading = None

    def _open_next(self) -> bool:
        self._advance()
        oldest = min(self._open, default=self._next)
        if self._next >= self.batch.pages or self._next >= oldest + MAX_OPEN:
            return False
        page = self._next
        self._next += 1
        rows = self._numbered(page)
        self._open[page] = self._reading = _Open(page, rows)
        return True

    async def _numbered(self, page: int) -> AsyncIterator[dict[str, Any]]:
        place = page * PAGE
        async for row in self.store.rows(f"{self.prefix}/in/{page}"):
            yield row | {"o": place}
            place += 1

    def _line(self, page: _Open, row: dict[str, Any]) -> Line | None:
        """What is to be done about a row: run it, or nothing."""
        place: int = row["o"]
        if self._again is not None and row["n"] in self._again and "r" in row:
            self.states[place] = 0
        if self.states[place]:
            return None
        if self._again is not None and row["n"] not in self._again:
            return None
        if "p" in row:
            self.states[place] = ord("i")
            page.done[place] = orjson.dumps({**_named(row), "s": "i", "e": row["p"]})
            return None
        if "same" in row:
            page.same[place] = row
            return None
        of = row.get("of")
        return Line(
            place,
            row["n"],
            row["c"],
            page.page,
            request_id(self.batch.id, row["n"], self.batch.round),
            orjson.dumps(row["r"]),
            (of[0], of[1]) if of else None,
            unsure=page.page < self._unsure_before,
        )

    def end(self, line: Line, status: LineStatus, row: dict[str, Any], reply: bytes | None = None) -> None:
        """A line has ended. `reply` is the reply as it was stored, `row` what else is to be kept."""
        page = self._open[line.page]
        page.running -= 1
        letter = LETTERS[status]
        self.states[line.place] = ord(letter)
        head = orjson.dumps({"o": line.place, "n": line.number, "c": line.custom_id, "s": letter, **row})
        page.done[line.place] = head if reply is None else head[:-1] + b',"reply":' + reply + b"}"

    def give_back(self, line: Line) -> None:
        """A line that was taken will not run."""
        self._open[line.page].running -= 1

    def charge(self, line: Line, cost: float | None, *, shared: bool = False) -> None:
        """What its answer cost; `shared`: nothing, since it is that of another line."""
        page = self._open[line.page]
        if shared:
            page.shared += 1
        elif cost is None:
            page.unpriced += 1
        else:
            page.cost += cost

    # ------------------------------------------------------------ pages

    def is_settled(self, page: int) -> bool:
        """Whether it is stored for good how the lines of a page ended."""
        return page in self._settled

    def ripe(self, *, all_of_them: bool = False) -> list[int]:
        """Pages all of whose lines have ended; with `all_of_them` every one that is open."""
        return [page.page for page in self._open.values() if all_of_them or self._whole(page)]

    def _whole(self, page: _Open) -> bool:
        return page.read and not page.running and all(self.states[row["same"]] for row in page.same.values())

    async def settle(self, number: int) -> None:
        """Store how the lines of a page ended, for good; lines that did not run are not in it."""
        page = self._open[number]
        for place, row in page.same.items():
            state = self.states[row["same"]]
            if state:
                self.states[place] = state
                page.done[place] = orjson.dumps({**_named(row), "s": chr(state), "same": row["same"]})
        name = f"{self.prefix}/out/{self.batch.round}/{number}"
        await self.store.put_rows(name, [page.done[place] for place in sorted(page.done)])
        page.shared += len(page.same) if self.batch.round == 0 else 0
        states = "".join(chr(self.states[place]) if place in page.done else "." for place in self._places(number))
        head = {"states": states, "cost": page.cost, "unpriced": page.unpriced, "shared": page.shared}
        await self.store.put_head(name, head)
        self.cost, self.unpriced = self.cost + page.cost, self.unpriced + page.unpriced
        self.shared += page.shared
        self._settled.add(number)
        del self._open[number]
        if self._reading is page:
            self._reading = None
        self.dry = False

    def _places(self, page: int) -> Iterator[int]:
        return iter(range(page * PAGE, min((page + 1) * PAGE, len(self.states))))

    # ------------------------------------------------------------ counts

    def counts(self) -> Counts:
        """Lines by how they ended."""
        count = self.states.count
        ended = {status: count(letter.encode()) for status, letter in LETTERS.items()}
        pages = self._open.values()
        shared = self.shared + sum(page.shared for page in pages)
        return Counts(total=len(self.states), shared=shared, **ended)

    def money(self) -> tuple[float, int]:
        """What it cost so far, and how many answers have a cost that nobody knows."""
        pages = self._open.values()
        return self.cost + sum(p.cost for p in pages), self.unpriced + sum(p.unpriced for p in pages)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {"o": row["o"], "n": row["n"], "c": row["c"]}
