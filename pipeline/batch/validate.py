"""What is done about a batch before and long after it runs: every line is read; and what nobody needs is removed."""

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.batch import state
from pipeline.batch.active import prefix_of
from pipeline.batch.lines import NameCheck, Reader, Translate
from pipeline.batch.model import DAY_S, Batch, LineProblem
from pipeline.batch.prepare import prepare
from pipeline.batch.shelf import Shelf
from pipeline.batch.store import Store
from pipeline.errors import StepwellError, Transient, Unreadable
from pipeline.ports import Clock

__all__ = ["KEEP_S", "earlier", "remove_old", "validate"]

KEEP_S: Final = 30 * DAY_S
"""How long the lines and results of a batch are kept after it was made."""
COMPARED: Final = 2_000_000
"""Lines of earlier batches that the lines of a new one are compared with, at most."""


def earlier(batch: Batch, others: Sequence[Batch], now: float) -> list[str]:
    """The batches of the same day whose answers may serve this one, the newest first. Pure."""
    found, lines = [], 0
    for other in sorted(others, key=lambda other: -other.created):
        able = other.options.dedup and other.in_progress_at is not None and not other.removed
        if able and other.tenant == batch.tenant and other.id != batch.id and now - other.created < DAY_S:
            lines += other.counts.total
            if lines > COMPARED:
                break
            found.append(prefix_of(other))
    return found


async def validate(
    shelf: Shelf,
    store: Store,
    batch: Batch,
    translate: Translate,
    others: Sequence[Batch],
    clock: Clock,
    newest: Callable[[], Batch],
    check: NameCheck | None = None,
) -> None:
    """Read every line of a batch, and write down whether it runs. `check` knows which routes and variants there are."""
    options = batch.options
    try:
        info = await shelf.file(batch.tenant, batch.file_id, deleted=True)
    except Unreadable as error:
        broken = LineProblem(line=0, code=error.code, message=error.message, param="input_file_id")
        await shelf.update(batch.tenant, batch.id, lambda b: state.failed(b, (broken,), clock.now()))
        return
    if info is None or (info.deleted and not await store.has(info)):
        gone = LineProblem(line=0, code="not_found", message=f"there is no file {batch.file_id}", param="input_file_id")
        await shelf.update(batch.tenant, batch.id, lambda b: state.failed(b, (gone,), clock.now()))
        return

    async def still() -> bool:
        return newest().status == "validating"

    reader = Reader(
        batch.tenant,
        translate,
        options.defaults,
        options.form,
        options.endpoint,
        options.api_key,
        options.routes,
        check,
    )
    before = earlier(batch, others, clock.now())
    try:
        found = await prepare(
            store.read(info), reader, store, prefix_of(batch), dedup=options.dedup, earlier=before, still=still
        )
    except Transient:
        raise
    except StepwellError as error:
        why = LineProblem(line=0, code=error.code, message=error.message, param=error.param)
        await shelf.update(batch.tenant, batch.id, lambda b: state.failed(b, (why,), clock.now()))
    else:
        if found is not None:
            await shelf.update(batch.tenant, batch.id, lambda b: state.prepared(b, found, clock.now()))
    await _let_go(shelf, store, batch)


async def _let_go(shelf: Shelf, store: Store, batch: Batch) -> None:
    """Drop the bytes of a file that was removed while batches were still to be read from it."""
    info = await shelf.file(batch.tenant, batch.file_id, deleted=True)
    if info is not None and info.deleted and not await shelf.is_read(batch.tenant, batch.file_id):
        await store.drop(f"file/{info.tenant}/{info.id}", info.pieces)


async def remove_old(shelf: Shelf, store: Store, batch: Batch, before: float) -> None:
    """Remove lines and results of a batch that was made before a moment and has ended. Its counts stay."""
    if batch.ended and batch.created < before and not batch.removed:
        await store.remove(prefix_of(batch), batch.pages, batch.round)
        await _let_go(shelf, store, batch)
        await shelf.update(batch.tenant, batch.id, lambda b: b.model_copy(update={"removed": True}))
