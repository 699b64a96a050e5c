"""From a file to pages of requests that are ready to run: every line is read, checked and compared before any runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import orjson

from pipeline.batch.lines import Entry, Reader, mark_of, numbered, stored_form
from pipeline.batch.model import PAGE, Form, LineProblem
from pipeline.batch.seen import Seen
from pipeline.batch.store import Store
from pipeline.errors import StepwellError

__all__ = ["Pace", "Prepared", "prepare"]

SLICE_S: Final = 0.002
"""How long lines are read before the others in this process have their turn."""
MARKS: Final = 200_000
KEPT: Final = 100
"""Problems that the batch keeps."""


class Pace:
    """Works at most half of the time: after each slice it rests as long as the slice took."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def rest(self) -> None:
        """Rest, if the slice is over."""
        spent = perf_counter() - self._since
        if spent >= SLICE_S:
            await asyncio.sleep(spent)
            self._since = perf_counter()


@dataclass(slots=True)
class Prepared:
    """What was found. `repeated` lines share the answer of an earlier one."""

    form: Form = "stepwell"
    total: int = 0
    invalid: int = 0
    repeated: int = 0
    problems: list[LineProblem] = field(default_factory=list)


class _Pages:
    """Collects rows into pages and marks into parts."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._rows: list[bytes] = []
        self._page = 0
        self._marks: list[tuple[bytes, int]] = []
        self._part = 0

    async def add(self, row: dict[str, Any], body: bytes | None) -> None:
        head = orjson.dumps(row)
        self._rows.append(head if body is None else head[:-1] + b',"r":' + body + b"}")
        if len(self._rows) == PAGE:
            await self.flush()

    async def flush(self) -> None:
        if self._rows:
            await self._store.put_rows(f"{self._prefix}/in/{self._page}", self._rows)
            self._page, self._rows = self._page + 1, []

    async def mark(self, mark: bytes, place: int) -> None:
        self._marks.append((mark, place))
        if len(self._marks) == MARKS:
            await self.flush_marks()

    async def flush_marks(self) -> None:
        if self._marks:
            await self._store.put_marks(self._prefix, self._part, self._marks)
            self._part, self._marks = self._part + 1, []


async def prepare(
    chunks: AsyncIterator[bytes],
    reader: Reader,
    store: Store,
    prefix: str,
    *,
    dedup: bool,
    earlier: Iterable[str] = (),
    still: Callable[[], Awaitable[bool]] | None = None,
) -> Prepared | None:
    """Read a file into pages. The same file again writes the same pages, so it may break off anywhere.

    A row is `{"n": line, "c": custom_id}` and one of `"r"`: the request, `"p"`: why it cannot run, `"same"`: the place
    (from 0) of the earlier line that asks the same. Beside a request, `"of"` names a batch and a place in it where the
    same was asked.

    Args:
        chunks: the bytes of the file.
        reader: reads its lines.
        store: where pages go.
        prefix: under which name.
        dedup: compare lines with each other, and with those of `earlier` batches, given by their prefixes.
        earlier: prefixes of other batches, the newest first.
        still: asked now and then whether to go on.

    Returns:
        What was found; None when it was told to stop.
    """
    found, pages, asked, others = Prepared(), _Pages(store, prefix), Seen(), Seen()
    pace = Pace()
    try:
        for other in earlier if dedup else ():
            async for marks in store.marks(other):
                others.add(marks, other)
                await pace.rest()
        async for number, raw in numbered(chunks):
            if found.total % PAGE == 0 and still is not None and not await still():
                return None
            entry = reader.entry(number, raw)
            await _place(entry, found, pages, (asked, others) if dedup else None)
            found.total += 1
            await pace.rest()
        await pages.flush()
        await pages.flush_marks()
    finally:
        asked.close()
        others.close()
        reader.close()
    found.form = reader.form or "stepwell"
    return found


async def _place(entry: Entry, found: Prepared, pages: _Pages, seen: tuple[Seen, Seen] | None) -> None:
    row: dict[str, Any] = {"n": entry.number, "c": entry.custom_id}
    if entry.problem is not None or entry.request is None:
        found.invalid += 1
        problem = entry.problem
        if problem is not None and len(found.problems) < KEPT:
            kept = LineProblem(line=entry.number, custom_id=entry.custom_id, **problem.model_dump(exclude_none=True))
            found.problems.append(kept)
        await pages.add(row | {"p": problem.model_dump(exclude_none=True) if problem else {}}, None)
        return
    body = stored_form(entry.request)
    mark = mark_of(entry.request, body) if seen is not None else None
    if mark is not None and seen is not None:
        before = seen[0].first(mark, found.total)
        if before is not None:
            found.repeated += 1
            await pages.add(row | {"same": before}, None)
            return
        await pages.mark(mark, found.total)
        elsewhere = seen[1].elsewhere(mark)
        row |= {"of": list(elsewhere)} if elsewhere is not None else {}
    await pages.add(row, body)


def problem_of(error: StepwellError) -> LineProblem:
    """Why nothing of a file can run."""
    return LineProblem(line=0, code=error.code, message=error.message, param=error.param)
