"""One batch while it runs: which lines were taken, how each ended, which pages are settled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from pipeline.batch.model import PAGE, Batch, Counts, LineStatus, request_id
from pipeline.batch.page import Early, Page, rows_of
from pipeline.batch.store import Store
from pipeline.errors import TransportUnavailable

__all__ = ["LETTERS", "STATES", "Active", "Line", "prefix_of"]

MAX_OPEN: Final = 16
"""Pages that are open at once. A line that waits long, for instance for a budget, holds its page open. So many may
also be opened before it is written down again how many were, since whoever leads next looks for the lines of those."""
MAX_WAITING: Final = 1024
"""Pages that are open all in all, with those of which nothing is to be done but to wait for a batch of a provider."""
HELD: Final = 16 * 1_048_576
"""Bytes of how lines ended that are held in memory of one batch, until their pages are settled or stored early."""
EARLY_S: Final = 3600.0
"""So long they are held there at most: a reply is kept elsewhere for a day."""
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
    """A line that is to run. `place` counts lines from 0; `of`: another batch, and a place in it, with the same.

    `request` is empty once it was handed in. `waits`: for a batch of its provider. `asked`: when it was taken back.
    """

    place: int
    number: int
    custom_id: str | None
    page: int
    request_id: str
    request: bytes
    of: tuple[str, int] | None = None
    unsure: bool = False
    since: float = 0.0
    looked: float = 0.0
    asked: float = 0.0
    handed: bool = False
    waits: bool = False


class Active:
    """A batch that runs. Two bytes for each line at most: no line itself stays here longer than its page is open."""

    def __init__(self, batch: Batch, store: Store, now: Callable[[], float] = lambda: 0.0) -> None:
        self.batch = batch
        self.store = store
        self.prefix = prefix_of(batch)
        self.states = bytearray(batch.counts.total)
        self.cost = 0.0
        self.unpriced = 0
        self.shared = 0
        self.dry = False
        self.stopping: float | None = None
        self.moved = 0.0
        self._now = now
        self._held = 0
        self._begun = 0
        self._early: dict[int, Early] = {}
        self._again = set(batch.again) if batch.again is not None else None
        self._open: dict[int, Page] = {}
        self._reading: Page | None = None
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
        self._begun = max(self._next, self.batch.opened)
        self._unsure_before = self._begun + MAX_OPEN
        await self._load_early()

    async def _load_early(self) -> None:
        """Find lines of pages that are not settled of which it is stored how they ended."""
        before = min(self._unsure_before, self.batch.pages)
        unsettled = [page for page in range(self._next, before) if page not in self._settled]
        for start in range(0, len(unsettled), HEADS):
            pages = unsettled[start : start + HEADS]
            found = await asyncio.gather(*(self.store.last_early(self._name(page)) for page in pages))
            for page, (times, head) in zip(pages, found, strict=True):
                if head is not None:
                    states = tuple((place, letter) for place, letter in head["states"])
                    self._early[page] = Early(times, states, head["cost"], head["unpriced"], head["shared"])
                    for place, letter in states:
                        self.states[place] = ord(letter)

    def _name(self, page: int) -> str:
        return f"{self.prefix}/out/{self.batch.round}/{page}"

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
        if self._next >= self.batch.pages or len(self._open) >= MAX_WAITING:
            return False
        noted = max(self._begun, self.batch.opened)
        if self._next >= noted + MAX_OPEN or sum(page.busy for page in self._open.values()) >= MAX_OPEN:
            return False
        page = self._next
        self._next += 1
        early = self._early.pop(page, None) or Early()
        self._open[page] = self._reading = Page(page, self._rows(page), self._name(page), early)
        return True

    @property
    def opened(self) -> int:
        """Pages before this one may have been opened, and no other."""
        return max(self._next, self._begun)

    def _rows(self, page: int) -> AsyncIterator[dict[str, Any]]:
        return rows_of(self.store, f"{self.prefix}/in/{page}", page * PAGE)

    async def text(self, line: Line) -> bytes:
        """What a line asks, read once more."""
        async for row in self._rows(line.page):
            if row["o"] == line.place:
                return orjson.dumps(row["r"])
        raise TransportUnavailable(f"line {line.number} of batch {self.batch.id} is not in its page any more")

    def _line(self, page: Page, row: dict[str, Any]) -> Line | None:
        """What is to be done about a row: run it, or nothing."""
        place: int = row["o"]
        if place in page.stored:
            return None
        if self._again is not None and row["n"] in self._again and "r" in row:
            self.states[place] = 0
        if self.states[place]:
            return None
        if self._again is not None and row["n"] not in self._again:
            return None
        if "p" in row:
            self.states[place] = ord("i")
            self._note(page, place, orjson.dumps({**_named(row), "s": "i", "e": row["p"]}))
            return None
        if "same" in row:
            page.same[place] = row
            return None
        of = row.get("of")
        return Line(
            place,
            row["n"],
            row["c"],
            page.number,
            request_id(self.batch.id, row["n"], self.batch.round),
            orjson.dumps(row["r"]),
            (of[0], of[1]) if of else None,
            unsure=page.number < self._unsure_before,
        )

    def end(self, line: Line, status: LineStatus, row: dict[str, Any], reply: bytes | None = None) -> None:
        """A line has ended. `reply` is the reply as it was stored, `row` what else is to be kept."""
        self.give_back(line)
        page = self._open[line.page]
        letter = LETTERS[status]
        self.states[line.place] = ord(letter)
        head = orjson.dumps({"o": line.place, "n": line.number, "c": line.custom_id, "s": letter, **row})
        self._note(page, line.place, head if reply is None else head[:-1] + b',"reply":' + reply + b"}")
        self.moved = self._now()

    def _note(self, page: Page, place: int, row: bytes) -> None:
        page.note(place, row, self._now())
        self._held += len(row)

    def give_back(self, line: Line) -> None:
        """A line that was taken does not run any more."""
        self.wait(line, waits=False)
        self._open[line.page].running -= 1

    def wait(self, line: Line, *, waits: bool) -> None:
        """A line waits for a batch of its provider, or does so no more."""
        if waits != line.waits:
            line.waits = waits
            self._open[line.page].waiting += 1 if waits else -1
            self.dry = self.dry and not waits

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
        return [page.number for page in self._open.values() if all_of_them or self._whole(page)]

    async def relieve(self) -> None:
        """Store early how lines ended where too much of that is held in memory, or for too long."""
        now = self._now()
        for page in [page for page in self._open.values() if page.done and now - page.since > EARLY_S]:
            self._held -= await page.store_early(self.store, self.states)
        for page in sorted(self._open.values(), key=lambda page: -page.held):
            if self._held <= HELD or not page.done:
                return
            self._held -= await page.store_early(self.store, self.states)

    def _whole(self, page: Page) -> bool:
        return page.read and not page.running and all(self.states[row["same"]] for row in page.same.values())

    async def settle(self, number: int) -> None:
        """Store how the lines of a page ended, for good; lines that did not run are not in it."""
        page = self._open[number]
        for place, row in page.same.items():
            state = self.states[row["same"]]
            if state:
                self.states[place] = state
                self._note(page, place, orjson.dumps({**_named(row), "s": chr(state), "same": row["same"]}))
        page.shared += len(page.same) if self.batch.round == 0 else 0
        known = set(page.places())
        states = "".join(chr(self.states[place]) if place in known else "." for place in self._places(number))
        head = {"states": states, "cost": page.cost, "unpriced": page.unpriced, "shared": page.shared}
        await page.settle(self.store, head)
        self._held -= page.held
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
